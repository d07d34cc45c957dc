"""Claim: channels that may outgrow a 2-bit base network, within its FLOPs and parameters, beat uniform and pruned ones.

Three contenders of at most the base network's FLOPs and parameters: the base network itself (one width everywhere);
what the preset nce finds with widths up to 1 only (pruning); what it finds with locked widths that open by elite share.
Same search budget, same recipe. The same at 8 bits is the control, where the advantage should vanish. Which layers grew
is compared with how sensitive they are: the loss that held-out images gain when, in a trained 8-bit base network, the
weights of that layer alone are rounded to 2 bits (Spearman's rho over width genes).

    python benchmarks/seeds/nce.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: depth 14 and 8 channels; 5,000 images averaged to half their side, 6 epochs, searches of 400 networks.
Full: depth 20 and 16 channels, all images, 200 epochs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr
from searches import best, search
from setting import Setting, line, read_options
from trainings import cost, gain, print_accuracies, train_all

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import PRECISIONS
from evonas.nets.network import Network
from evonas.spaces import ResidualSpace
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.generator import torch_generator
from evonas.training.hardware import one_thread
from evonas.training.loop import TrainingPlan, train
from evonas.training.network_training import n_steps
from evonas.training.strategies.single_path import SinglePath
from surrogates.one_shot.score import score_network

BOUNDED = ("flops", "parameters")


def size(setting: Setting) -> dict[str, Any]:
    """Of the residual network."""
    sizes = {"quick": (8, 4), "digits": (14, 4), "small": (14, 8), "full": (20, 16)}
    return dict(zip(("depth", "channels"), sizes[setting.scale], strict=True))


def main() -> None:
    """Search, train, compare; what is known is reported after each half."""
    setting = read_options(__doc__)
    results: list[dict[str, Any]] = []
    trained: list[dict[Any, Any]] = []
    with setting.folder() as folder:
        for bits in ("2-bit", "8-bit"):
            space, half = searched(setting, folder, bits)
            rows = train_all(setting, half)
            print_accuracies(
                rows,
                MFLOPs={name: f"{cost(one, 'flops') / 1e6:.3f}" for name, one in half.items()},
                parameters={name: f"{cost(one, 'parameters'):,.0f}" for name, one in half.items()},
                bytes={name: f"{cost(one, 'model_size'):,.0f}" for name, one in half.items()},
            )
            for other in ("uniform", "pruned"):
                difference, error = gain(rows, f"{bits} expanded", f"{bits} {other}")
                row = line(f"{bits}: expanded minus {other}", difference, "points", se=error)
                if bits == "2-bit":
                    row |= {"target": f"> se {error:.2f}", "holds": difference > error}
                results.append(row)
            if bits == "2-bit":
                grown = growth(space, half["2-bit expanded"])
                eight = space.settings.model_copy(
                    update={"weight_precisions": ("8-bit",), "act_precisions": ("8-bit",)}
                )
                sensitive = sensitivity(setting, replace(space, settings=eight))
                for gene, factor in grown.items():
                    print(f"  {gene}: width {factor:g}, loss gained at 2 bits {sensitive[gene]:.4f}")
                rho, p = spearmanr(list(grown.values()), [sensitive[gene] for gene in grown])
                results.append(line("rank correlation of growth and sensitivity", rho, "Spearman's rho", p=float(p)))
            trained += rows.to_dict("records")
            setting.report(__doc__, results, growth=grown, sensitivity=sensitive, rows=trained)


def searched(setting: Setting, folder: Path, bits: str) -> tuple[ResidualSpace, dict[str, Architecture]]:
    """The base network of a precision, and the best that searches found within its FLOPs and parameters."""
    contenders = {}
    for name, share in (("pruned", 1.0), ("expanded", 0.3)):
        settings = {**size(setting), "weight_precisions": [bits], "act_precisions": [bits]}
        changes = {"expansion_share": share, "population": 8 if setting.scale == "quick" else 20}
        run, space = search(setting, "nce", folder / f"{bits} {name}", space=settings, search=changes)
        base, found = space.base(), best(setting, run, space)
        assert base is not None
        assert all(cost(found, bounded) <= cost(base, bounded) for bounded in BOUNDED)
        contenders[f"{bits} uniform"] = base
        contenders[f"{bits} {name}"] = found
        unlocked = [f"{one.gene} {one.opens}" for one in run.folder.facts().expansions]
        print(f"{bits} {name}: unlocked {', '.join(unlocked) or 'nothing'}", flush=True)
    assert isinstance(space, ResidualSpace)
    return space, contenders


def growth(space: ResidualSpace, architecture: Architecture) -> dict[str, float]:
    """Channels of a network over those of the base network, by width gene."""
    widths = {op.name: op.channels for op in architecture.ops}
    usual = {op.name: op.channels for op in space.base().ops}
    return {gene: widths[ops[0]] / usual[ops[0]] for gene, ops in _layers(space)}


def sensitivity(setting: Setting, space: ResidualSpace) -> dict[str, float]:
    """Held-out loss that a trained base network gains when the layers of a width gene alone get 2-bit weights."""
    base, data, config = space.base(), setting.data, setting.config
    low = {}
    for gene, names in _layers(space):
        ops = [replace(op, weight=PRECISIONS["2-bit"]) if op.name in names else op for op in base.ops]
        low[gene] = replace(base, ops=tuple(ops))
    network = Network([base, *low.values()], generator=torch_generator(0, "network weights"))
    recipe = config.training
    batches = image_batches(
        data.train,
        Augmentation.of(config.data),
        batch_size=recipe.batch_size,
        generator=torch_generator(0, "network batches"),
    )
    plan = TrainingPlan(n_steps(recipe, len(data.train)), recipe.learning_rate, recipe.weight_decay)
    with one_thread():
        train(network, SinglePath(lambda: base), batches, plan=plan)
        losses = {}
        for gene, architecture in {"": base, **low}.items():
            network.activate(architecture)
            network.calibrate(data.train.inputs(recipe.calibration_images))
            losses[gene] = score_network(network, images=data.heldout.inputs(), labels=data.heldout.labels).loss
    return {gene: losses[gene] - losses[""] for gene in low}


def _layers(space: ResidualSpace) -> list[tuple[str, list[str]]]:
    """Width genes, and the convolutions inside blocks whose output has that width."""
    found: dict[str, list[str]] = {}
    for slot in space.slots:
        if slot.kind == "conv" and slot.channels[-1].gene and slot.name != "stem":
            found.setdefault(slot.channels[-1].gene.name, []).append(slot.name)
    return list(found.items())


if __name__ == "__main__":
    main()
