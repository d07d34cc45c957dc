"""Claim: ternary weights cost little accuracy, ternary activations more; the table says which method wins where.

Three small networks are trained from scratch with every method, the same recipe and the same images for all: two plain
networks (C-2C-2C channels, C = 8 and 16) and a residual one. The first convolution and the classifier stay fp32, as in
the references that we compare with. Test accuracy of the last epoch, mean and sd over seeds. Digits: 60 epochs.
Fashion-MNIST, where its folder is given: 8,000 training images averaged to 14x14, 10 epochs.

    python benchmarks/quantizer_accuracy.py [--fashion DIR] [--quick] [--json FILE] [--workers N]
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from report import write_report

from evonas.architecture.graph import CLASSIFIER, INPUT, Architecture, Op
from evonas.architecture.precision import FLOAT, PRECISIONS, Precision
from evonas.architecture.scheme import Scheme
from evonas.config.load import RunConfig, parse_config
from evonas.evaluation.workers.local import n_workers
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.training.datasets.dataset import load_dataset
from evonas.training.hardware import one_thread
from evonas.training.network_training import train_and_test


class Contender(NamedTuple):
    """Precisions of weights and activations, and the methods that make them."""

    weight: Precision
    act: Precision
    scheme: Scheme


TERNARY, BINARY, TWO_BIT = PRECISIONS["ternary"], PRECISIONS["binary"], PRECISIONS["2-bit"]
CONTENDERS = {
    "fp32": Contender(FLOAT, FLOAT, Scheme()),
    **{f"{name} W": Contender(TERNARY, FLOAT, Scheme(ternary_weight=name)) for name in ("twn", "ttq", "tga", "tas")},
    "lsq W2A2": Contender(TWO_BIT, TWO_BIT, Scheme()),
    "sign W1A1": Contender(BINARY, BINARY, Scheme(binary_act="sign")),
    "approx_sign W1A1": Contender(BINARY, BINARY, Scheme(binary_act="approx_sign")),
    **{
        f"tga W, {act} A": Contender(TERNARY, TERNARY, Scheme(ternary_act=act))
        for act in ("lsq", "ternary", "ternary_unsigned")
    },
}


def plain(contender: Contender, *, shape: tuple[int, int, int], n_classes: int, channels: int) -> Architecture:
    """Three convolutions of C, 2C and 2C channels; the last one halves the side."""
    ops = [
        _stem(channels),
        _conv("body1", "stem", 2 * channels, contender),
        _conv("body2", "body1", 2 * channels, contender, stride=2),
        Op("classifier", "conv", ("body2",), n_classes, steps=CLASSIFIER, has_bias=True),
    ]
    return Architecture(shape, tuple(ops), contender.scheme)


def residual(contender: Contender, *, shape: tuple[int, int, int], n_classes: int, channels: int) -> Architecture:
    """A stem and two residual blocks of two convolutions; the second block halves the side and doubles the width."""
    ops = [_stem(channels)]
    before = "stem"
    for block, (width, stride) in enumerate(((channels, 1), (2 * channels, 2))):
        ops.append(_conv(f"block{block}/a", before, width, contender, stride=stride))
        ops.append(_conv(f"block{block}/b", f"block{block}/a", width, contender))
        if stride == 2:
            ops.append(Op(f"block{block}/pool", "avg_pool", (before,), width // 2, kernel=(2, 2), stride=(2, 2)))
            ops.append(Op(f"block{block}/align", "align", (f"block{block}/pool",), width))
            before = f"block{block}/align"
        ops.append(Op(f"block{block}", "add", (f"block{block}/b", before), width))
        before = f"block{block}"
    ops.append(Op("classifier", "conv", (before,), n_classes, steps=CLASSIFIER, has_bias=True))
    return Architecture(shape, tuple(ops), contender.scheme)


NETWORKS = {"plain C=8": (plain, 8), "plain C=16": (plain, 16), "residual C=16": (residual, 16)}


def accuracy(config: RunConfig, network: str, contender: str, seed: int) -> float:
    """Train one network and give its test accuracy in percent."""
    data = load_dataset(config.data)
    build, channels = NETWORKS[network]
    architecture = build(CONTENDERS[contender], shape=data.input_shape, n_classes=data.n_classes, channels=channels)
    with one_thread():
        _, test = train_and_test(architecture, data, config, seed=seed)
    return 100 * (1 - test.error)


def main() -> None:
    """Train everything, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion", type=Path, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--quick", action="store_true", help="2 seeds, 2 epochs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    settings: dict[str, dict[str, Any]] = {"digits": {"training": {"epochs": 60}}}
    if options.fashion:
        data = {"source": str(options.fashion), "limit": 8000, "pool": 2, "heldout_share": 0.1}
        settings["fashion"] = {"data": data, "training": {"epochs": 10}}
    rows = []
    for name, raw in settings.items():
        config = parse_config(raw | ({"training": {"epochs": 2}} if options.quick else {}), source="this benchmark")
        jobs = [(config, *job) for job in product(NETWORKS, CONTENDERS, range(2 if options.quick else 5))]
        found = map_in_order(accuracy, jobs, workers=Workers(n_workers(options.workers)))
        for (_, network, contender, seed), value in zip(jobs, found, strict=True):
            rows.append({"data": name, "network": network, "contender": contender, "seed": seed, "accuracy": value})
        table = pd.DataFrame(rows).query("data == @name")
        shown = table.groupby(["contender", "network"], sort=False)["accuracy"].agg(["mean", "std"])
        text = shown.apply(lambda row: f"{row['mean']:.2f} ± {row['std']:.2f}", axis=1).unstack(sort=False)
        print(f"\n{name}: test accuracy in percent, {table['seed'].nunique()} seeds\n{text.to_string()}", flush=True)
    results = _judge(pd.DataFrame(rows))
    for result in results:
        print(f"{result['name']}: {result['value']:.2f} {result['unit']} (target {result['target']})")
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


def _judge(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines that the project set itself, from the digits rows of the plain network of 16 channels."""
    chosen = table[(table["data"] == "digits") & (table["network"] == "plain C=16")]
    mean = chosen.groupby("contender")["accuracy"].mean()
    ternary_weights = ["twn W", "ttq W", "tga W", "tas W"]
    both = [name for name in mean.index if name.startswith("tga W, ")]
    signs = table[table["contender"].isin(["sign W1A1", "approx_sign W1A1"])]
    wide = signs.pivot_table(index=["data", "network", "seed"], columns="contender", values="accuracy")
    gain = wide["approx_sign W1A1"] - wide["sign W1A1"]
    margin, error = gain.mean(), gain.std() / len(gain) ** 0.5
    loss = mean["fp32"] - mean[ternary_weights].min()
    best = mean[both].max()
    return [
        _line("largest loss of ternary weights against fp32", loss, "<= 1.0", holds=loss <= 1.0),
        _line(f"best of ternary W and A ({mean[both].idxmax()})", best, ">= 97.7", holds=best >= 97.7),
        _line(f"approx_sign minus sign, {len(gain)} pairs", margin, f"> se {error:.2f}", holds=margin > error),
    ]


def _line(name: str, value: float, target: str, *, holds: bool) -> dict[str, Any]:
    return {"name": name, "value": float(value), "unit": "points", "target": target, "holds": bool(holds)}


def _stem(channels: int) -> Op:
    return Op("stem", "conv", (INPUT,), channels, kernel=(3, 3), steps=("conv",))


def _conv(name: str, source: str, channels: int, contender: Contender, *, stride: int = 1) -> Op:
    return Op(
        name,
        "conv",
        (source,),
        channels,
        kernel=(3, 3),
        stride=(stride, stride),
        weight=contender.weight,
        act=contender.act,
    )


if __name__ == "__main__":
    main()
