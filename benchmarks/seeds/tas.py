"""Claim: searched ternary cells beat a ternary ResNet of no fewer bytes by >= 2.64 points, or need >= 2.8x less memory.

The preset tas searches cells of ternary weights and activations. Its baselines are hand-made ternary ResNets of several
widths, with the same quantizers and the 8-bit first and last layers that ternary networks are given by hand. From the
front comes, for each ResNet, the best network within its bytes, and the best within a 2.8th of them; everything is
trained from scratch by one recipe. Memory is the full byte count: scales, thresholds, batch norm, float layers. At
equal accuracy: the smallest network taken that is at least as accurate, against that ResNet.

Beside it, on the largest network taken: the inter-cell residual off, and TWN, TTQ and TGA instead of TAS's weights
(three more fixed networks: benchmarks/quantizer_accuracy.py). The published ternary genotype must be refused as dead.

    python benchmarks/seeds/tas.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: three cells of three nodes and 8 channels, ResNets of depth 8 with 4 to 16 channels; 5,000 images averaged
to half their side, 6 epochs, a search of 400 networks. Full: eight cells of four nodes and 16 channels, ResNet-20s, all
images, 200 epochs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from searches import best_within, search
from setting import Setting, line, read_options
from trainings import cost, gain, print_accuracies, train_all

from evonas.architecture.graph import Architecture
from evonas.architecture.scheme import Scheme
from evonas.spaces import CellSpace, ResidualSpace

MORE_POINTS, LESS_MEMORY = 2.64, 2.8
BY_HAND = Scheme(ternary_weight="tas", ternary_act="ternary_unsigned")
GENOTYPE = {
    "normal": [("none", source) for source in (1, 0, 2, 1, 3, 2, 4, 3)],
    "reduction": [
        *[("max_pool_3x3", 0), ("conv_3x3", 1), ("max_pool_3x3", 0), ("conv_3x3", 2)],
        *[("max_pool_3x3", 0), ("none", 3), ("max_pool_3x3", 0), ("none", 2)],
    ],
}
CELLS: dict[str, dict[str, Any]] = {
    "quick": {"nodes": 1, "channels": 4, "stem_channels": 4, "cells": ["normal", "reduction"]},
    "digits": {"nodes": 2},
    "small": {"nodes": 3},
    "full": {
        "channels": 16,
        "stem_channels": 48,
        "cells": ["normal", "normal", "reduction", "normal", "normal", "reduction", "normal", "normal"],
    },
}
CHANNELS = {"quick": (2, 4), "digits": (3, 4, 6, 8), "small": (4, 8, 16), "full": (8, 16, 24, 32)}


def resnet(setting: Setting, channels: int) -> Architecture:
    """A ternary ResNet by hand."""
    space = ResidualSpace.of(
        *setting.images_given,
        depth=20 if setting.scale == "full" else 8,
        channels=channels,
        weight_precisions=("ternary",),
        act_precisions=("ternary",),
        stem_precisions=("8-bit",),
        classifier_precisions=("8-bit",),
        widths=(1.0,),
        locked_widths=(),
        scheme=BY_HAND,
    )
    return space.base()


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting = read_options(__doc__)
    by_hand = {f"ResNet, {channels} channels": resnet(setting, channels) for channels in CHANNELS[setting.scale]}
    contenders, picks = dict(by_hand), {}
    with setting.folder() as folder:
        bounds = [{"model_size": cost(one, "model_size")} for one in by_hand.values()]
        less = [{"model_size": bound["model_size"] / LESS_MEMORY} for bound in bounds]
        most = {"constraints": max(bounds, key=lambda bound: bound["model_size"])}
        run, space = search(setting, "tas", folder / "cells", space=CELLS[setting.scale], search=most)
        names: dict[object, str] = {}
        told = [*by_hand, *(f"a {LESS_MEMORY:g}th of {name}" for name in by_hand)]
        for name, found in zip(told, best_within(setting, run, space, [*bounds, *less]), strict=True):
            if found is None:
                print(f"no network found is as small as {name}")
                continue
            picks[name] = names.setdefault(found, f"searched {len(names) + 1}")
            contenders[picks[name]] = found
    largest = contenders[picks[list(by_hand)[-1]]]
    assert isinstance(space, CellSpace)
    without = replace(space, settings=space.settings.model_copy(update={"has_residual": False}))
    contenders["largest, no residual"] = without.decode(without.repair(_shared_genes(space, without, largest)))
    for method in ("twn", "ttq", "tga"):
        contenders[f"largest, {method}"] = replace(largest, scheme=replace(largest.scheme, ternary_weight=method))
    rows = train_all(setting, contenders)
    size = {name: cost(one, "model_size") for name, one in contenders.items()}
    print_accuracies(
        rows,
        bytes={name: f"{value:,.0f}" for name, value in size.items()},
        MMACs={name: f"{cost(one, 'macs') / 1e6:.3f}" for name, one in contenders.items()},
    )
    mean = rows.groupby("name")["accuracy"].mean()
    results = []
    for name, pick in picks.items():
        if name not in by_hand:
            continue
        difference, error = gain(rows, pick, name)
        target, holds = f">= {MORE_POINTS}", difference >= MORE_POINTS
        title = f"{pick} minus {name}, which has no fewer bytes"
        results.append(line(title, difference, "points", target=target, holds=holds, se=error))
    for name in by_hand:
        sound = [size[pick] for pick in set(picks.values()) if mean[pick] >= mean[name]]
        if sound:
            ratio = size[name] / min(sound)
            title = f"bytes of {name} over the smallest as accurate"
            results.append(line(title, ratio, "x", target=f">= {LESS_MEMORY}", holds=ratio >= LESS_MEMORY))
        else:
            print(f"no searched network is as accurate as {name}")
    pick = picks[list(by_hand)[-1]]
    for other in ("no residual", "twn", "ttq", "tga"):
        difference, error = gain(rows, pick, f"largest, {other}")
        results.append(line(f"{pick} minus the same with {other}", difference, "points", se=error))
    dead = published_reason()
    print(f"the published genotype: {dead}")
    results.append(line("published genotype refused", bool(dead), "yes is 1", target="1", holds=bool(dead)))
    setting.report(__doc__, results, bytes=size, picks=picks, rows=rows.to_dict("records"))


def published_reason() -> str | None:
    """Why the genotype that was released with TAS is dead, in its own layout; None if it is alive."""
    kinds = tuple("reduction" if index in (6, 13) else "normal" for index in range(20))
    space = CellSpace.of(
        (3, 32, 32),
        10,
        cells=kinds,
        nodes=4,
        channels=36,
        stem_channels=108,
        ops=("none", "max_pool_3x3", "conv_3x3"),
        weight_precisions=("ternary",),
        act_precisions=("ternary",),
        stem_precisions=("float",),
        classifier_precisions=("float",),
        expansions=(1.0,),
        residual_downsamplings=("float",),
    )
    return space.decode(space.published(GENOTYPE)).dead_reason


def _shared_genes(space: CellSpace, other: CellSpace, architecture: Any) -> Any:
    """A genome of another space that chooses what the architecture does wherever both have the gene."""
    chosen = space.describe(space.encode(architecture))
    return [
        gene.choices.index(chosen[gene.name]) if chosen.get(gene.name) in gene.choices else 0 for gene in other.genes
    ]


if __name__ == "__main__":
    main()
