"""What the benchmarks of the five methods search with, and which of the networks found they take."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from setting import Setting, images, kept

import evonas
from evonas.algorithms.features import features
from evonas.architecture.graph import Architecture
from evonas.config.load import load_config, parse_config
from evonas.config.presets import preset_values
from evonas.evaluation.costs import COSTS
from evonas.run.context import open_context
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import from_text
from evonas.training.datasets.image_batches import Augmentation
from evonas.training.hardware import one_thread
from evonas.training.network_training import n_steps, train_alone
from evonas.workflows.run_handle import Run
from surrogates.one_shot.score import score_network
from surrogates.predictors.gaussian_process import GaussianProcess

# How much a search may cost. Not tuned: the few tuned networks would be the front, too thin to pick within many bounds.
SEARCHES: dict[str, dict[str, Any]] = {
    "quick": {
        "supernet": {"steps": 5, "batch_size": 8, "expansion_steps": 2},
        "estimate": {"anchors": 0, "calibration_images": 32, "scoring_images": 40},
        "search": {"budget": 24, "population": 8, "predictors": [], "has_baseline": False, "trainings": 0},
    },
    "small": {
        "supernet": {"steps": 2000, "expansion_steps": 300},
        "estimate": {"anchors": 20, "scoring_images": 1000},
        "search": {"budget": 400, "predictors": ["ridge"], "has_baseline": False, "trainings": 0},
    },
    "digits": {
        "supernet": {"steps": 2000, "expansion_steps": 300},
        "estimate": {"anchors": 20},
        "search": {"budget": 400, "predictors": ["ridge"], "has_baseline": False, "trainings": 0},
    },
    "full": {
        "supernet": {"steps": 40_000},
        "search": {"budget": 1500, "has_baseline": False, "trainings": 0},
    },
}
# Per epoch: two thirds of a whole training, for what learns fast is not the best.
SHORT_STEPS = {"digits": 15, "small": 50}
FINALISTS = {"quick": 2, "digits": 5, "small": 5, "full": 3}  # that are trained before one is taken
SEED_OF_FINALS = 1000  # no training that is reported has it, or one of the next
FINALS_OF_WHOLE = 3  # trainings of a finalist, where what is known of it is one training as well


def search(
    setting: Setting,
    preset: str,
    folder: Path,
    *,
    space: Mapping[str, Any],
    seed: int = 0,
    **changes: Mapping[str, Any],
) -> tuple[Run, NetworkSpace]:
    """Run a preset's search.

    Args:
        setting: Images, recipe, and what a search may cost.
        preset: Its name.
        folder: Where to.
        space: Keys of ``[space]`` that differ from the preset's.
        seed: Of the search.
        changes: The same for other sections.

    Returns:
        The run, and its space.
    """
    overrides: dict[str, Any] = {**setting.raw, "space": dict(space), "compute": {"workers": setting.workers}}
    overrides["seed"] = seed
    for section, values in SEARCHES[setting.scale].items():
        overrides[section] = {**values, **changes.get(section, {})}
    if setting.whole:
        overrides |= wholly(setting, preset_values(preset)["search"] | overrides["search"])
    elif setting.scale in SHORT_STEPS:
        overrides["estimate"].setdefault("steps", SHORT_STEPS[setting.scale] * setting.raw["training"]["epochs"])
    settled = hashlib.sha256(json.dumps([preset, overrides], sort_keys=True, default=str).encode()).hexdigest()[:8]
    path, start = folder.with_name(f"{folder.name}-{settled}"), time.process_time()
    run = evonas.resume(path) if path.exists() else evonas.search(preset=preset, out=path, overrides=overrides)
    clock = path / "processor_seconds.txt"  # of all the calls that it took
    if not clock.exists() or time.process_time() - start > 1:
        before = float(clock.read_text(encoding="utf-8")) if clock.exists() else 0.0
        clock.write_text(f"{before + time.process_time() - start:.1f}", encoding="utf-8")
    told = f"front of {len(run.front())} in {seconds_of(run):.0f} s"
    print(f"  search, {preset} in {path.name}: {told}", file=sys.stderr, flush=True)
    return run, open_context(load_config(run.path / "run.toml")).network_space


def wholly(setting: Setting, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of a search whose few networks are trained by the whole recipe, chosen by predictors."""
    steps = n_steps(setting.config.training, len(setting.data.train))
    few = {
        "budget": setting.whole,
        "population": max(4, setting.whole // 6),
        "predictors": "auto",
        "proposals": max(10, setting.workers),
    }
    # without anchors, estimates follow the loss, which varies less by chance than the error of a thousand images
    return {"estimate": {"method": "short-training", "steps": steps, "anchors": 0}, "search": {**usual, **few}}


def seconds_of(run: Run) -> float:
    """Processor seconds that a search took, of this process."""
    return float((run.path / "processor_seconds.txt").read_text(encoding="utf-8"))


def best_of_each_size(run: Run, space: NetworkSpace, n: int) -> list[tuple[float, Architecture]]:
    """Of ``n`` groups of a front by model size, the network of smallest estimated error in each; with that error."""
    front = run.front().sort_values("error")
    chosen = front.iloc[_best_per_size_group(front["model_size"].to_numpy(dtype=float), n)]
    genomes = [from_text(str(genome), space.genes) for genome in chosen["genome"]]
    return list(zip(chosen["error"].astype(float), map(space.decode, genomes), strict=True))


def _best_per_size_group(sizes: NDArray[np.float64], n: int) -> list[int]:
    """Of networks that come from good to bad, the best of each of ``n`` equal groups by size, from small to large."""
    groups = np.array_split(np.argsort(sizes, kind="stable"), min(n, len(sizes)) or 1)
    return [int(group.min()) for group in groups if len(group)]


def best(setting: Setting, run: Run, space: NetworkSpace) -> Architecture:
    """The best network of a search."""
    (found,) = best_within(setting, run, space, [{}])
    assert found is not None
    return found


def best_within(
    setting: Setting, run: Run, space: NetworkSpace, bounds: Sequence[Mapping[str, float]]
) -> list[Architecture | None]:
    """The best networks of a search within one set of bounds after another; None where there is none.

    Finalists are the ``FINALISTS`` evaluated networks with the smallest estimated errors within each. They are trained
    by the recipe, without the held-out images. Of all that keep within bounds, the one with the smallest loss on those
    images is the best: what a user does who has seconds for a few trainings.
    """
    table = run.evaluations()
    table = table[(table["origin"] == "search") & table["error"].notna()]
    if setting.whole:
        table = table.assign(error=expected_losses(table, space))
    else:
        table = table[table["stage"] == table["stage"].max()]
    table = table.sort_values("error")
    feasible = [table.index[(table[list(within)] <= pd.Series(within, dtype=float)).all(axis=1)] for within in bounds]
    chosen = list(dict.fromkeys(index for found in feasible for index in found[: FINALISTS[setting.scale]]))
    finalists = {index: space.decode(from_text(str(table["genome"][index]), space.genes)) for index in chosen}
    seeds = range(SEED_OF_FINALS, SEED_OF_FINALS + (FINALS_OF_WHOLE if setting.whole else 1))
    jobs = [(one, dict(setting.raw), seed) for one in finalists.values() for seed in seeds]
    found_losses = np.array([result["loss"] for result in kept(setting, heldout, jobs)])
    losses = dict(zip(finalists, found_losses.reshape(-1, len(seeds)).mean(axis=1).tolist(), strict=True))
    fitting = [[index for index in finalists if index in set(found)] for found in feasible]
    return [finalists[min(some, key=losses.__getitem__)] if some else None for some in fitting]


def expected_losses(table: pd.DataFrame, space: NetworkSpace) -> NDArray[np.float64]:
    """Logarithms of the losses of few whole trainings, without what a Gaussian process takes for chance.

    Of ordered genes it sees the order alone: with a column for every choice it finds no noise at all.

    Args:
        table: Evaluations, of all stages: a whole training has nothing of a supernet.
        space: Says what their genes are.
    """
    genomes = np.stack([from_text(str(genome), space.genes) for genome in table["genome"]])
    ordered = np.array([gene.is_ordered for gene in space.genes], dtype=bool)
    unordered = [gene for gene in space.genes if not gene.is_ordered]
    costs = {name: table[name].to_numpy(dtype=float) for name in COSTS}
    x = np.concatenate([genomes[:, ordered], features(unordered, genomes[:, ~ordered], costs=costs)], axis=1)
    x = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 1e-9, x.std(axis=0), 1.0)
    return GaussianProcess().fit(x, np.log(table["scored_loss"].to_numpy(dtype=float))).predict(x)[0]


def heldout(architecture: Architecture, raw: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train one network without the held-out images; its loss on them."""
    config = parse_config(dict(raw), source="this benchmark")
    data = images(config.data)
    with one_thread():
        network = train_alone(
            architecture, data.train, config.training, augmentation=Augmentation.of(config.data), seed=seed
        )
        score = score_network(network, images=data.heldout.inputs(), labels=data.heldout.labels)
    return {"loss": score.loss}
