"""Trainings side by side: who is trained, what is measured of each, tables of it, differences seed by seed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from setting import Setting, images, kept

from evonas.architecture.graph import Architecture
from evonas.config.load import parse_config
from evonas.nets.layer import QuantLayer
from evonas.nets.quant.quantizer import Quantizer
from evonas.nets.quant.weights.tga import Tga
from evonas.training.hardware import one_thread
from evonas.training.network_training import train_and_test
from objectives import OBJECTIVES


def cost(architecture: Architecture, name: str) -> float:
    """A cost that is counted."""
    measure = OBJECTIVES[name].measure
    assert measure is not None
    return float(measure(architecture.layers))


def measured(architecture: Architecture, raw: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one network from scratch: test accuracy in percent after the last epoch, seconds, what layers learned."""
    config = parse_config(dict(raw), source="this benchmark")
    data = images(config.data)
    start = time.process_time()
    with one_thread():
        network, test = train_and_test(architecture, data, config, seed=seed)
    seconds = time.process_time() - start
    layers = []
    for name, layer in network.layers.items():
        assert isinstance(layer, QuantLayer)
        for method in layer.weight_quantizers.values():
            assert isinstance(method, Quantizer)
            ratio = float(method.ratios[0].detach()) if isinstance(method, Tga) else None
            zeros = method.zero_share(layer.latent_weight.detach().flatten(1, 2))
            layers.append({"layer": name, "zeros": zeros, "ratio": ratio})
    return {"accuracy": 100 * (1 - test.error), "loss": test.loss, "seconds": seconds, "layers": layers}


def train_all(
    setting: Setting, contenders: Mapping[str, Architecture], *, seeds: Sequence[int] | None = None
) -> pd.DataFrame:
    """Train every contender with every seed, seeds in turns; what an interrupted run has trained is kept.

    Args:
        setting: Images and recipe.
        contenders: By name.
        seeds: Instead of the setting's.

    Returns:
        ``name``, ``seed`` and what :func:`measured` gives, one row per training.
    """
    names, jobs = [], []
    for seed in range(setting.seeds) if seeds is None else seeds:
        for name, architecture in contenders.items():
            names.append(name)
            jobs.append((architecture, dict(setting.raw), seed))
    rows = []
    for name, job, found in zip(names, jobs, kept(setting, measured, jobs), strict=True):
        rows.append({"name": name, "seed": job[-1], **found})
    return pd.DataFrame(rows)


def print_accuracies(rows: pd.DataFrame, **columns: Mapping[str, str]) -> None:
    """One line per contender: test accuracy, mean ± sd over seeds, and further columns by contender's name."""
    table = rows.groupby("name", sort=False)["accuracy"].agg(["mean", "std"])
    shown = pd.DataFrame({"test accuracy, %": [f"{mean:.2f} ± {sd:.2f}" for mean, sd in table.to_numpy()]}, table.index)
    for title, values in columns.items():
        shown[title.replace("_", " ")] = [values.get(str(name), "") for name in table.index]
    print(f"{rows['seed'].nunique()} seeds\n{shown.rename_axis(None).to_string()}", flush=True)


def gain(rows: pd.DataFrame, first: str, second: str) -> tuple[float, float]:
    """By how much ``first`` is more accurate than ``second``, seed by seed: mean and standard error in points."""
    table = rows.pivot_table(index="seed", columns="name", values="accuracy")
    difference = table[first] - table[second]
    return float(difference.mean()), float(difference.std() / len(difference) ** 0.5)
