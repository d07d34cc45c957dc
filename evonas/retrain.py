"""Train picks of a run from scratch, side by side, and store what they reach on the test set."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from joblib import Parallel, delayed

from evonas.config import RunConfig, load_config
from evonas.genome import from_text
from evonas.training.train import train_network
from evonas.workbench import build_data, build_space, save_weights
from reports.run_folder import RunFolder
from surrogates.one_shot.score import Score


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        genome: In text form.
        seed: Of weights, batches and augmentation.
        test: Error and loss on the test images, after the last epoch.
        weights: Path of the weights within the run folder.
        seconds: Spent.
    """

    genome: str
    seed: int
    test: Score
    weights: str
    seconds: float


def train_picks(
    run: RunFolder,
    genomes: Sequence[str],
    *,
    seeds: Sequence[int],
    epochs: int | None = None,
    workers: int | None = None,
) -> Iterator[Training]:
    """Train every genome with every seed from scratch, side by side, and store each as it finishes.

    Args:
        run: Where the genomes come from and the results go to.
        genomes: In text form.
        seeds: One training a seed.
        epochs: Instead of the run file's.
        workers: Processes; instead of the run file's.

    Yields:
        Each training, in the order of genomes, then seeds.
    """
    config = load_config(run.path / "run.toml")
    if epochs is not None:
        config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": epochs})})
    jobs = [(genome, seed) for genome in genomes for seed in seeds]
    n_jobs = min(len(jobs), (config.compute.workers if workers is None else workers) or os.cpu_count() or 1)
    tasks = (delayed(_train_one)(run.path, config, genome, seed) for genome, seed in jobs)
    backend = "loky" if n_jobs > 1 else "sequential"
    for training in Parallel(n_jobs=n_jobs, backend=backend, return_as="generator")(tasks):
        run.append_training(
            genome=training.genome,
            seed=training.seed,
            epochs=config.training.epochs,
            recipe=json.dumps(config.training.model_dump()),
            test_error=training.test.error,
            test_loss=training.test.loss,
            test_images=len(build_data(config).test),
            seconds=training.seconds,
            weights=training.weights,
        )
        yield training


def _train_one(folder: Path, config: RunConfig, genome: str, seed: int) -> Training:
    torch.set_num_threads(1)
    start = time.perf_counter()
    data = build_data(config)
    space = build_space(config, data)
    architecture = space.decode(space.repair(from_text(genome, space.genes)))
    network, test = train_network(architecture, data, config, seed=seed)
    weights = f"nets/{genome}/seed{seed}.safetensors"
    save_weights(network, folder / weights)
    return Training(genome, seed, test, weights, time.perf_counter() - start)
