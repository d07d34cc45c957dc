"""Train picks of a run from scratch, side by side, and store what they reach on the test set."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from joblib import Parallel, delayed

from evonas.config import RunConfig, load_config
from evonas.genome import from_text
from evonas.training.train import train_network
from evonas.workbench import build_data, build_space, ignore_ctrl_c, save_weights
from reports.run_folder import RunFolder
from surrogates.one_shot.score import Score


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        evaluation: Id of the network in the archive.
        genome: In text form.
        seed: Of weights, batches and augmentation.
        test: Error and loss on the test images, after the last epoch.
        test_images: How many there are.
        weights: Path of the weights within the run folder.
        seconds: Spent.
    """

    evaluation: int
    genome: str
    seed: int
    test: Score
    test_images: int
    weights: str
    seconds: float


def train_picks(
    run: RunFolder,
    picks: pd.DataFrame,
    *,
    seeds: Sequence[int],
    epochs: int | None = None,
    workers: int | None = None,
) -> Iterator[Training]:
    """Train every pick with every seed from scratch, side by side, and store each as it finishes.

    Args:
        run: Where the picks come from and the results go to.
        picks: Rows of the run's front: ``id`` and ``genome``.
        seeds: One training a seed.
        epochs: Instead of the run file's.
        workers: Processes; instead of the run file's.

    Yields:
        Each training, in the order of picks, then seeds.
    """
    config = load_config(run.path / "run.toml")
    if epochs is not None:
        config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": epochs})})
    jobs = list(product(zip(picks["id"].tolist(), picks["genome"].tolist(), strict=True), seeds))
    n_jobs = min(len(jobs), (config.compute.workers if workers is None else workers) or os.cpu_count() or 1)
    tasks = (
        delayed(_train_one)(run.path, config, evaluation, genome, seed=seed, is_worker=n_jobs > 1)
        for (evaluation, genome), seed in jobs
    )
    backend = "loky" if n_jobs > 1 else "sequential"
    for training in Parallel(n_jobs=n_jobs, backend=backend, return_as="generator")(tasks):
        run.append_training(
            evaluation=training.evaluation,
            genome=training.genome,
            seed=training.seed,
            epochs=config.training.epochs,
            recipe=json.dumps(config.training.model_dump()),
            test_error=training.test.error,
            test_loss=training.test.loss,
            test_images=training.test_images,
            seconds=training.seconds,
            weights=training.weights,
        )
        yield training


def _train_one(
    folder: Path, config: RunConfig, evaluation: int, genome: str, *, seed: int, is_worker: bool
) -> Training:
    if is_worker:
        ignore_ctrl_c()
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = build_data(config)
    space = build_space(config, data)
    network, test = train_network(space.decode(from_text(genome, space.genes)), data, config, seed=seed)
    weights = f"nets/{evaluation}/seed{seed}.safetensors"
    save_weights(network, folder / weights)
    return Training(evaluation, genome, seed, test, len(data.test), weights, time.perf_counter() - start)
