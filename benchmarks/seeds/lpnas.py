"""Claim: mixed precision beats uniform 2, 3 and 4 bits by >= 1.2 points at equal BitOPs, with >= 27 % less at no loss.

The preset lpnas searches a residual network's weight and activation bits and widths per layer. Taken of what it finds,
for each uniform network of 2, 3 and 4 bits at width 1: the best within its BitOPs; and the best within 73 % of its
bytes, of its modelled energy, and of both. Everything is trained from scratch by one recipe. Saved at no loss: what the
cheapest of the networks taken has that is at least as accurate as the uniform one. Beside them:

- uniform networks of other widths: the best of them within the same BitOPs is a harder baseline than the claim's;
- a full-precision proxy: widths searched with float weights and activations, and the best within each uniform network's
  BitOPs at its precision trained in that precision;
- scaling: what the supernet's networks inherit when precisions learn by their shares alone, against scaled ones.

With --whole the last two are left out: they are about estimates; and all layers share one precision of weights and one
of activations, because so few trainings cannot tell layer from layer. With --blocks inverted_residual all networks are
of 1x1 and depthwise convolutions, and layers at one place in all blocks share. Shared convolution's speed and memory:
benchmarks/shared_convolution.py; the variance plot of scaling: benchmarks/mixture_scaling.py.

    python benchmarks/seeds/lpnas.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]
                                     [--whole N] [--blocks inverted_residual]

Scale small: depth 14 and 8 channels; 5,000 images averaged to half their side, 10 epochs, a search of 400 networks.
Full: depth 20 and 16 channels, all images, 200 epochs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from searches import best_within, search
from setting import Setting, kept, line, read_options
from torch import Tensor, nn
from trainings import cost, gain, print_accuracies, train_all

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import PRECISIONS
from evonas.config.load import parse_config
from evonas.config.presets import preset_values
from evonas.evaluation.scorers import InheritedWeights
from evonas.evaluation.scoring_context import scoring_context
from evonas.nets import mixed_path
from evonas.nets.mixture import mix_precisions
from evonas.run.context import open_context
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import from_text
from evonas.training.hardware import one_thread
from evonas.training.supernet_training import build_supernet, train_supernet
from evonas.workflows.run_handle import Run

WIDTHS = (0.5, 1.0, 1.5)
BITS = ("2-bit", "3-bit", "4-bit")
MORE_POINTS, LESS = 1.2, 0.27
COSTS = ("bitops", "model_size", "energy")
ROLES = {"equal": "BitOPs", "less": "bytes and energy", "less bytes": "bytes", "less energy": "energy"}
# What shares a pair of precisions in a search by whole trainings: so few cannot tell layer from layer.
TIED = {"residual": "network", "inverted_residual": "place"}
STAGES = {  # channels, blocks and stride of inverted residual blocks
    "quick": [[8, 1, 1], [12, 1, 2]],
    "digits": [[8, 1, 1], [16, 2, 2], [24, 2, 2]],
    "small": [[8, 1, 1], [16, 2, 2], [24, 2, 2]],
    "full": [[16, 2, 1], [24, 3, 2], [40, 4, 2], [80, 3, 2]],
}
BUDGET = {"quick": 24, "digits": 400, "small": 400, "full": 2000}
STEPS = {"quick": 5, "digits": 1200, "small": 1200, "full": 20_000}
N_INHERITED = {"quick": 4, "digits": 30, "small": 30, "full": 100}


def size(setting: Setting) -> dict[str, Any]:
    """Of the network, at width 1; for other blocks than the preset's the whole ``[space]``."""
    if setting.blocks == "residual":
        sizes = {"quick": (14, 8), "digits": (14, 4), "small": (14, 8), "full": (20, 16)}
        return dict(zip(("depth", "channels"), sizes[setting.scale], strict=True))
    return {
        **preset_values("lpnas")["space"],
        "kind": "inverted_residual",
        "stages": STAGES[setting.scale],
        "stem_channels": STAGES[setting.scale][0][0],
        "kernels": [3],
        "ratios": [3],
    }


def uniform(setting: Setting, bits: str, width: float) -> Architecture:
    """A network of one width factor and one precision; first and last layer have 8 bits, as in the search."""
    space = {
        **preset_values("lpnas")["space"],
        **size(setting),
        "weight_precisions": [bits],
        "act_precisions": [bits],
        "widths": [width],
    }
    network_space = open_context(parse_config({**setting.raw, "space": space}, source="this benchmark")).network_space
    base = network_space.base()
    assert base is not None
    return base


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting = read_options(__doc__, blocks=tuple(TIED))
    uniforms = {named(bits, width): uniform(setting, bits, width) for bits, width in product(BITS, WIDTHS)}
    contenders = dict(uniforms)
    picks: dict[str, dict[str, str]] = {}
    with setting.folder() as folder:
        tied = {"precision_scope": TIED[setting.blocks]} if setting.whole else {}
        run, space = search(setting, "lpnas", folder / "mixed", space=size(setting) | tied, search=budget(setting))
        proxy = None if setting.whole else by_proxy(setting, folder / "proxy")
        known = {architecture: name for name, architecture in uniforms.items()}
        bases = {bits: uniforms[named(bits, 1.0)] for bits in BITS}
        roles = [(bits, role) for bits in BITS for role in ROLES]
        taken = best_within(setting, run, space, [within(bases[bits], role) for bits, role in roles])
        for bits in BITS:
            base = named(bits, 1.0)
            found = {role: one for (of, role), one in zip(roles, taken, strict=True) if of == bits}
            if proxy:
                found["proxy"] = quantized(*proxy, bits, most=cost(uniforms[base], "bitops"))
            for role, one in found.items():
                if one is None:
                    print(f"no network found is cheap enough to be held against {base} ({role})")
                    continue
                kind = "proxy" if role == "proxy" else "mixed"
                name = known.setdefault(one, f"{kind} {1 + sum(other.startswith(kind) for other in known.values())}")
                contenders[name] = one
                picks.setdefault(base, {})[role] = name
        scaling = None if setting.whole else inherited(setting)
    rows = train_all(setting, contenders)
    counted = {name: {key: cost(one, key) for key in COSTS} for name, one in contenders.items()}
    print_accuracies(
        rows,
        bytes={name: f"{costs['model_size']:,.0f}" for name, costs in counted.items()},
        MBitOPs={name: f"{costs['bitops'] / 1e6:.2f}" for name, costs in counted.items()},
        modelled_µJ={name: f"{1e6 * costs['energy']:.3f}" for name, costs in counted.items()},
    )
    results = []
    for base, mine in picks.items():
        results += against(rows, counted, base, mine, uniforms)
    if scaling:
        results.append(line("held-out loss inherited without scaling minus with it", scaling[0], "nats", se=scaling[1]))
    setting.report(__doc__, results, costs=counted, picks=picks, rows=rows.to_dict("records"))


def within(base: Architecture, role: str) -> dict[str, float]:
    """Bounds that a network has to keep to be held against a uniform one in a role."""
    if role == "equal":
        return {"bitops": cost(base, "bitops")}
    names = {"less": ("model_size", "energy"), "less bytes": ("model_size",), "less energy": ("energy",)}[role]
    return {name: (1 - LESS) * cost(base, name) for name in names}


def against(
    rows: pd.DataFrame,
    counted: dict[str, dict[str, float]],
    base: str,
    mine: dict[str, str],
    uniforms: Collection[str],
) -> list[dict[str, Any]]:
    """What is to be said of one uniform network of width 1."""
    mean, results = rows.groupby("name")["accuracy"].mean(), []
    if pick := mine.get("equal"):
        difference, error = gain(rows, pick, base)
        target, holds = f">= {MORE_POINTS}", difference >= MORE_POINTS
        title = f"{pick} minus {base} at equal BitOPs"
        results.append(line(title, difference, "points", target=target, holds=holds, se=error))
        fitting = [name for name in uniforms if counted[name]["bitops"] <= counted[base]["bitops"]]
        top = max(fitting, key=lambda name: mean[name])
        difference, error = gain(rows, pick, top)
        results.append(line(f"{pick} minus the best uniform one of any width, {top}", difference, "points", se=error))
    if pick and (proxy := mine.get("proxy")):
        difference, error = gain(rows, pick, proxy)
        title = f"{pick} minus {proxy}, searched in full precision, at equal BitOPs"
        results.append(line(title, difference, "points", se=error))
    mixed = [name for name in counted if name.startswith("mixed") and mean[name] >= mean[base]]
    for key in ("model_size", "energy"):
        saved = max((1 - counted[name][key] / counted[base][key] for name in mixed), default=float("-inf"))
        target, holds = f">= {LESS}", saved >= LESS
        if mixed:
            results.append(line(f"{key} saved against {base} at no loss", saved, "share", target=target, holds=holds))
        else:
            print(f"no mixed network is as accurate as {base}")
    for role, what in ROLES.items():
        if role != "equal" and (pick := mine.get(role)):
            difference, error = gain(rows, pick, base)
            title = f"{pick}, within {1 - LESS:.0%} of {what}, minus {base}"
            results.append(line(title, difference, "points", target=">= 0", holds=difference >= 0, se=error))
    return results


def named(bits: str, width: float) -> str:
    """A uniform network's name."""
    return f"{bits} at {width:g}"


def budget(setting: Setting) -> dict[str, Any]:
    """Of both searches; a few whole trainings are not spread over what is more expensive than any uniform network."""
    if setting.whole:
        most = cost(uniform(setting, BITS[-1], 1.0), "bitops")
        return {"objectives": ["error", "bitops", "energy"], "constraints": {"bitops": most}}
    return {"budget": BUDGET[setting.scale]}


def by_proxy(setting: Setting, folder: Path) -> tuple[Run, NetworkSpace]:
    """The search in full precision."""
    return search(
        setting,
        "lpnas",
        folder,
        space={**size(setting), "weight_precisions": ["float"], "act_precisions": ["float"]},
        search={**budget(setting), "objectives": ["error", "macs"], "constraints": {}},
    )


def quantized(run: Run, space: NetworkSpace, bits: str, *, most: float) -> Architecture | None:
    """Of a front of float networks, the one of smallest error that has at most so many BitOPs in a precision."""
    front = run.front().sort_values("error")
    for genome in front["genome"]:
        one = space.decode(from_text(str(genome), space.genes))
        ops = [
            replace(op, weight=PRECISIONS[bits], act=PRECISIONS[bits]) if op.weight == PRECISIONS["float"] else op
            for op in one.ops
        ]
        if cost(low := replace(one, ops=tuple(ops)), "bitops") <= most:
            return low
    return None


def inherited(setting: Setting) -> tuple[float, float]:
    """Mean held-out loss that random networks inherit without scaling minus with it; and its standard error."""
    settings = {"steps": STEPS[setting.scale], "expansion_steps": 200, "strategy": "shared_convolution_soft"}
    space = {**preset_values("lpnas")["space"], **size(setting)}
    raw = {**setting.raw, "space": space, "supernet": settings}
    jobs = [
        (raw, is_scaled, N_INHERITED[setting.scale], seed)
        for seed in range(setting.seeds)
        for is_scaled in (True, False)
    ]
    losses = [one["loss"] for one in kept(setting, inherited_loss, jobs)]
    difference = np.array(losses[1::2]) - np.array(losses[::2])
    print(f"held-out loss of random networks with inherited weights, scaled {losses[::2]}, not scaled {losses[1::2]}")
    return float(difference.mean()), float(difference.std(ddof=1) / len(difference) ** 0.5)


def inherited_loss(raw: Mapping[str, Any], is_scaled: bool, n: int, seed: int) -> dict[str, float]:
    """Train a supernet with or without scaling; mean held-out loss of the same random networks."""
    context = open_context(parse_config({**raw, "seed": seed}, source="this benchmark"))
    config, space, data = context.config, context.network_space, context.dataset
    unscaled = nullcontext() if is_scaled else without_scaling()
    with one_thread(), unscaled, tempfile.TemporaryDirectory() as folder:
        supernet = build_supernet(config, space)
        checkpoint = Path(folder) / "checkpoint"
        train_supernet(supernet, data, config, space=space, device="cpu", checkpoint=checkpoint)
    scoring = scoring_context(config, data, supernet)
    with one_thread():
        losses = [
            InheritedWeights().score(scoring, space.decode(genome)).loss
            for genome in space.sample(np.random.default_rng(0), n)
        ]
    return {"loss": float(np.mean(losses))}


def without_scaling() -> AbstractContextManager[Any]:
    """Mixtures whose precisions learn by their shares alone."""

    def plain(latent: Tensor, quantizers: Sequence[nn.Module], shares: Tensor, **_: bool) -> Tensor:
        return mix_precisions(latent, quantizers, shares, is_scaled=False)

    def plain_rows(rows: Tensor, shares: Tensor) -> Tensor:
        return (shares[:, None] * rows).sum(dim=0)

    return patch.multiple(mixed_path, mix_precisions=plain, mix_rows=plain_rows)


if __name__ == "__main__":
    main()
