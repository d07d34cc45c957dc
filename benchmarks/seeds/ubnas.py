"""Claim: searched binary cells beat random ones and a binary ResNet at equal operations; ApproxSign beats plain STE.

The preset ubnas searches cells of binary weights and activations, module structures too. From its front comes the
network of smallest estimated error within the operations of a hand-made binary ResNet (OPs: float operations, and
binary ones over 64). Beside it, by one recipe from scratch: random cells of nearly as many operations; the same network
with the plain straight-through estimator; with every other module structure in all of its cells; and what the search
finds when the supernet is trained to its end, with the seconds of both searches. The same cells are trained on a second
data set, digits: that is all that is claimed about transfer.

What an early end saves and costs whole searches, over seeds: benchmarks/early_stopping.py.

    python benchmarks/seeds/ubnas.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: three cells of two nodes and 8 channels, a ResNet of depth 14 and 8 channels; 5,000 images averaged to half
their side, 6 epochs, searches of 400 networks. Full: five cells of four nodes and 32 channels, a ResNet-20 of 32
channels, all images, 200 epochs.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from searches import best_within, search, seconds_of
from setting import Setting, line, read_options
from trainings import cost, gain, print_accuracies, train_all

from evonas.architecture.graph import Architecture
from evonas.spaces import CellSpace, ResidualSpace
from evonas.spaces.genome import from_text
from objectives import OBJECTIVES
from objectives.fronts.scaling import Scaling, bounds_of

N_RANDOM = 3
LEAST_OPS = 0.7  # of the bound, so that random cells are not small ones
CELLS: dict[str, dict[str, Any]] = {
    "quick": {"nodes": 1, "channels": 8, "stem_channels": 4, "cells": ["normal", "reduction"]},
    "digits": {"nodes": 2, "stem_channels": 16},
    "small": {"nodes": 2, "channels": 8, "stem_channels": 16},
    "full": {
        "channels": 32,
        "stem_channels": 64,
        "cells": ["normal", "reduction", "normal", "reduction", "normal"],
    },
}
RESNETS = {"quick": (8, 4), "digits": (14, 16), "small": (14, 8), "full": (20, 32)}


def resnet(setting: Setting, images: tuple[tuple[int, int, int], int]) -> Architecture:
    """A binary ResNet by hand, its first and last layer of 8 bits."""
    depth, channels = RESNETS[setting.scale]
    space = ResidualSpace.of(
        *images,
        depth=depth,
        channels=channels,
        weight_precisions=("binary",),
        act_precisions=("binary",),
        stem_precisions=("8-bit",),
        classifier_precisions=("8-bit",),
        widths=(1.0,),
        locked_widths=(),
    )
    return space.base()


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting = read_options(__doc__)
    by_hand = resnet(setting, setting.images_given)
    most = cost(by_hand, "binary_ops")
    seconds, found, fronts = {}, {}, {}
    with setting.folder() as folder:
        for name, is_early in (("searched", True), ("searched, full training", False)):
            run, space = search(
                setting,
                "ubnas",
                folder / name,
                space=CELLS[setting.scale],
                supernet={"early_stop": is_early},
                search={"constraints": {"binary_ops": most}},
            )
            seconds[name] = seconds_of(run)
            fronts[name] = run.front()
            (found[name],) = best_within(setting, run, space, [{"binary_ops": most}])
            if is_early:
                steps, warnings = run.folder.facts().supernet_steps, run.folder.facts().warnings
                modules = modules_of_front(run.front()["genome"].tolist(), space)
    assert isinstance(space, CellSpace)
    if found["searched"] is None:
        sys.exit("no network found has as few operations as the ResNet; search longer")
    contenders = {name: one for name, one in found.items() if one is not None}
    chosen = contenders["searched"]
    contenders["searched, plain STE"] = replace(chosen, scheme=replace(chosen.scheme, binary_act="sign"))
    own = set(module_genes(space, chosen).values())
    contenders |= {f"searched, {module}": with_module(space, chosen, module) for module in space.settings.modules}
    randoms = {f"random {index + 1}": one for index, one in enumerate(random_cells(space, most))}
    contenders |= {**randoms, "binary ResNet": by_hand}
    rows = train_all(setting, contenders)
    print_accuracies(
        rows,
        MOPs={name: f"{cost(one, 'binary_ops') / 1e6:.3f}" for name, one in contenders.items()},
        bytes={name: f"{cost(one, 'model_size'):,.0f}" for name, one in contenders.items()},
    )
    mean = rows.groupby("name")["accuracy"].mean()
    results = []
    for other in ("binary ResNet", *randoms, "searched, plain STE"):
        difference, error = gain(rows, "searched", other)
        holds = difference > error
        results.append(line(f"searched minus {other}", difference, "points", target=f"> se {error:.2f}", holds=holds))
    orders = {module: float(mean[f"searched, {module}"]) for module in space.settings.modules}
    top = max(orders, key=lambda module: orders[module])
    print(f"module orders on the front: {modules}; the searched network has {', '.join(sorted(own))}; best: {top}")
    for module, accuracy in orders.items():
        results.append(line(f"all cells {module}", accuracy, "%"))
    if "searched, full training" in contenders:
        difference, error = gain(rows, "searched", "searched, full training")
        results.append(line("early stop minus full training", difference, "points", se=error))
    saved = seconds["searched, full training"] / seconds["searched"]
    results.append(line("seconds of a search without early stop over those with it", saved, "x", steps=steps))
    volumes = hypervolumes(fronts, errors=1 - 1 / setting.images_given[1])
    lost = 1 - volumes["searched"] / volumes["searched, full training"]
    results.append(line("hypervolume of the front lost by early stop, as estimated", lost, "share", volumes=volumes))
    print(f"supernet steps with early stop: {steps}; collapse guard: {warnings or 'nothing to say'}")
    results += transfer(setting, space, contenders)
    setting.report(__doc__, results, modules=modules, seconds_of_searches=seconds, rows=rows.to_dict("records"))


def hypervolumes(fronts: dict[str, pd.DataFrame], *, errors: float) -> dict[str, float]:
    """Of (error, bytes, OPs) of several fronts in one box for all; errors are the searches' estimates."""
    told = ("error", "model_size", "binary_ops")
    together = pd.concat(fronts.values())
    bounds = bounds_of({name: together[name].tolist() for name in told[1:]})
    scaling = Scaling(tuple(OBJECTIVES[name] for name in told), {"error": (0.0, errors), **bounds})
    return {name: scaling.hypervolume(front[list(told)].to_numpy(dtype=float)) for name, front in fronts.items()}


def transfer(setting: Setting, space: CellSpace, contenders: dict[str, Architecture]) -> list[dict[str, Any]]:
    """The same cells on digits."""
    raw = {"data": {"source": "digits"}, "training": setting.raw["training"] | {"epochs": 30, "batch_size": 64}}
    if setting.scale == "quick":
        raw = dict(setting.raw)
    other = replace(setting, raw=raw)
    elsewhere = replace(space, input_shape=other.images_given[0], n_classes=other.images_given[1])
    moved = {"binary ResNet": resnet(setting, other.images_given)}
    for name in ("searched", *(name for name in contenders if name.startswith("random"))):
        genome = space.encode(contenders[name])
        moved[name] = elsewhere.decode(genome)
    rows = train_all(other, moved)
    print("the same cells on digits")
    print_accuracies(rows)
    results = []
    for name in moved:
        if name != "searched":
            difference, error = gain(rows, "searched", name)
            results.append(line(f"on digits: searched minus {name}", difference, "points", se=error))
    return results


def random_cells(space: CellSpace, most: float) -> list[Architecture]:
    """Random networks of nearly as many operations as allowed."""
    rng, cells = np.random.default_rng(1), []
    for _ in range(20_000):
        one = space.decode(space.sample(rng, 1)[0])
        if LEAST_OPS * most <= cost(one, "binary_ops") <= most:
            cells.append(one)
        if len(cells) == N_RANDOM:
            break
    return cells


def module_genes(space: CellSpace, architecture: Architecture) -> dict[str, str]:
    """Module structure of each kind of cell."""
    chosen = space.describe(space.encode(architecture))
    return {gene: choice for gene, choice in chosen.items() if gene.endswith("/module")}


def modules_of_front(genomes: list[str], space: Any) -> dict[str, int]:
    """How often each module structure stands on a front, over kinds of cells."""
    front = [space.decode(from_text(text, space.genes)) for text in genomes]
    return dict(Counter(choice for one in front for choice in module_genes(space, one).values()))


def with_module(space: CellSpace, architecture: Architecture, module: str) -> Architecture:
    """The same cells with one module structure everywhere."""
    genome = space.encode(architecture)
    for index, gene in enumerate(space.genes):
        if gene.name.endswith("/module"):
            genome[index] = gene.choices.index(module)
    return space.decode(genome)


if __name__ == "__main__":
    main()
