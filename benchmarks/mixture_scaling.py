"""Claim: a plain mixture of precisions starves the rare ones and, without batch norm, deep layers; a scaled one not.

Eight convolutions of 32 channels, He-initialised, each with a mixture of four precisions for weights and for
activations. Shares are 60, 25, 10 and 5 %; the rare ones are those of many bits, as in a search that has begun to
prefer small networks. One forward and backward pass of a random linear loss: variance of the activations, norm of the
kernels' gradient, norm of the gradient of each precision's own step over what it is where all shares are equal. With
and without scaling, with and without a batch norm before each activation quantizer. Mean over seeds.

    python benchmarks/mixture_scaling.py [--quick] [--json FILE] [--figure FILE.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from numpy.typing import NDArray
from report import write_report
from torch import Tensor

from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.precision import PRECISIONS
from evonas.nets.mixture import mix_precisions
from evonas.nets.quant.quantizer import build_quantizer

LAYERS, CHANNELS = 8, 32
BITS = ("2-bit", "3-bit", "4-bit", "8-bit")
SHARES = (0.60, 0.25, 0.10, 0.05)
EQUAL = (0.25, 0.25, 0.25, 0.25)
MEASURES = {
    "activation variance": "of a layer's output",
    "kernel gradient norm": "of a layer",
    "step gradient norm": "of a precision, over that at equal shares",
}
OF_CHOICES = "step gradient norm"  # the others are of a whole layer, the same for all its choices
COLUMNS = {  # title: has batch norm, is scaled
    "plain": (False, False),
    "scaled": (False, True),
    "batch norm, plain": (True, False),
    "batch norm, scaled": (True, True),
}


def one_pass(seed: int, *, shares: tuple[float, ...], has_norm: bool, is_scaled: bool) -> pd.DataFrame:
    """Value of each measure, one row per layer and choice."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.tensor(shares)
    x = torch.randn(16, CHANNELS, 14, 14, generator=generator)
    kernels, steps, outputs = [], [], []
    for _ in range(LAYERS):
        kernel = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=generator).mul_((2 / (9 * CHANNELS)) ** 0.5)
        kernels.append(kernel.requires_grad_())
        steps.append([build_quantizer(QUANTIZERS["lsq_weight"], PRECISIONS[bits]) for bits in BITS])
        acts = [build_quantizer(QUANTIZERS["lsq"], PRECISIONS[bits]) for bits in BITS]
        x = F.batch_norm(x, None, None, training=True) if has_norm else x
        x = mix_precisions(F.relu(x), acts, p, is_scaled=is_scaled)
        weight = mix_precisions(kernels[-1], steps[-1], p, is_scaled=is_scaled)
        x = F.conv2d(x, weight, padding=1)
        outputs.append(x.detach())
    (x * torch.randn(x.shape, generator=generator) / x.numel() ** 0.5).sum().backward()
    rows = []
    for layer in range(LAYERS):
        of_layer = float(outputs[layer].double().var()), _norm(kernels[layer].grad)
        for choice, step in enumerate(steps[layer]):
            values = (*of_layer, _norm(next(step.parameters()).grad))
            rows.append({"layer": layer + 1, "choice": choice, **dict(zip(MEASURES, values, strict=True))})
    return pd.DataFrame(rows).set_index(["choice", "layer"])


def measure(seeds: range, *, has_norm: bool, is_scaled: bool) -> pd.DataFrame:
    """Mean over seeds; the steps' gradients over those at equal shares."""
    means = []
    for shares in (SHARES, EQUAL):
        passes = [one_pass(seed, shares=shares, has_norm=has_norm, is_scaled=is_scaled) for seed in seeds]
        means.append(pd.concat(passes).groupby(["choice", "layer"]).mean())
    means[0]["step gradient norm"] /= means[1]["step gradient norm"]
    return means[0]


def main() -> None:
    """Measure, print the spread between choices and layers, draw, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 seeds instead of 40")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    n_seeds = 4 if options.quick else 40
    tables = {}
    for title, (has_norm, is_scaled) in COLUMNS.items():
        tables[title] = measure(range(n_seeds), has_norm=has_norm, is_scaled=is_scaled)
    results = []
    print(f"{n_seeds} seeds; largest over smallest value, from layer 1 to {LAYERS} and between choices (median layer)")
    for name in MEASURES:
        for title, table in tables.items():
            grid = table[name].unstack("layer").to_numpy()  # one row per choice
            spreads = {"along layers": _spread(grid)}
            if name == OF_CHOICES:
                spreads["between choices"] = _spread(grid.T)
            told = "   ".join(f"{how} {value:9.3g}x" for how, value in spreads.items())
            print(f"  {name:21s} {title:19s} {told}")
            results += [{"name": f"{name}, {title}, {how}", "value": v, "unit": "x"} for how, v in spreads.items()]
    if options.figure:
        _draw(tables, options.figure)
    write_report(options.json, __doc__, results=results, quick=options.quick)


def _spread(values: NDArray[np.float64]) -> float:
    """Largest over smallest of each row, the median row; a million stands for everything from there on."""
    finite = np.nan_to_num(values)
    return float(np.median(finite.max(axis=1) / np.maximum(finite.min(axis=1), 1e-6 * finite.max(axis=1) + 1e-300)))


def _draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shape = (len(MEASURES), len(tables))
    fig, axes = plt.subplots(*shape, figsize=(13, 7.6), sharex=True, sharey="row", layout="constrained")
    for row, (name, what) in enumerate(MEASURES.items()):
        labels = [f"{label}, {share:.0%}" for label, share in zip(BITS, SHARES, strict=True)]
        labels = labels if name == OF_CHOICES else [what]
        for column, (title, table) in enumerate(tables.items()):
            ax, grid = axes[row, column], table[name].unstack("layer")
            for choice, label in enumerate(labels):
                values = grid.loc[choice].to_numpy()
                ax.plot(grid.columns, np.where(values > 0, values, np.nan), marker="o^sD"[choice], label=label)
            if not grid.to_numpy().any():
                ax.text(0.5, 0.5, "all zero", ha="center", transform=ax.transAxes)
            ax.set_yscale("log")
            ax.grid(alpha=0.3)
            axes[0, column].set_title(title, fontsize=10)
        axes[row, 0].set_ylabel(f"{name}\n{what}", fontsize=8)
        if name == OF_CHOICES:
            axes[row, -1].legend(fontsize=7)
    for ax in axes[-1]:
        ax.set_xlabel("layer")
        ax.set_xticks(np.arange(1, LAYERS + 1))
    fig.savefig(path, dpi=100)


def _norm(gradient: Tensor | None) -> float:
    assert gradient is not None
    return float(gradient.double().norm())


if __name__ == "__main__":
    main()
