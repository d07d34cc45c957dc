"""Train picks of a run from scratch, side by side, and store what they reach on the test set."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from evonas.config import RunConfig, load_config
from evonas.genome import from_text
from evonas.parallel import in_order, n_workers, one_thread
from evonas.provenance import check_unchanged
from evonas.setup import build_data, open_setup
from evonas.spaces import NetworkSpace, Space
from evonas.training.train import train_and_test
from evonas.workbench import save_weights
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
        warnings: What looks unhealthy about the trained network's quantizers.
    """

    evaluation: int
    genome: str
    seed: int
    test: Score
    test_images: int
    weights: str
    seconds: float
    warnings: tuple[str, ...] = ()


def train_picks(
    run: RunFolder,
    picks: pd.DataFrame,
    *,
    seeds: Sequence[int],
    epochs: int | None = None,
    workers: int | None = None,
    space: Space | None = None,
) -> Iterator[Training]:
    """Train every pick with every seed from scratch, side by side, and store each once all before it are stored.

    Args:
        run: Where the picks come from and the results go to.
        picks: Rows of the run's front: ``id`` and ``genome``.
        seeds: One training a seed.
        epochs: Instead of the run file's.
        workers: Processes; instead of the run file's.
        space: The search space, if the run was started with an object.

    Yields:
        Each training, in the order of picks, then seeds. One that the run holds already is not repeated.
    """
    overrides = {} if epochs is None else {"training": {"epochs": epochs}}
    config = load_config(run.path / "run.toml", overrides)
    setup = open_setup(config, space)
    check_unchanged(run, config, setup.data, setup.space)
    networks = setup.network_space
    recipe = config.training.model_dump_json()
    known = {(row.evaluation, row.seed): _training(row) for row in run.trainings().itertuples() if row.recipe == recipe}
    picked = zip(picks["id"].tolist(), picks["genome"].tolist(), strict=True)
    jobs = [
        (run.path, config, networks, evaluation, genome, seed)
        for (evaluation, genome), seed in product(picked, dict.fromkeys(seeds))
    ]
    fresh = [job for job in jobs if (job[3], job[5]) not in known]
    n = max(1, min(len(fresh), n_workers(config.compute.workers if workers is None else workers)))
    results = in_order(_train_one, fresh, workers=n)
    for *_, evaluation, _, seed in jobs:
        if (evaluation, seed) in known:
            yield known[evaluation, seed]
            continue
        training = next(results)
        run.append_training(
            evaluation=training.evaluation,
            genome=training.genome,
            seed=training.seed,
            epochs=config.training.epochs,
            recipe=recipe,
            test_error=training.test.error,
            test_loss=training.test.loss,
            test_images=training.test_images,
            seconds=training.seconds,
            weights=training.weights,
            warnings=json.dumps(training.warnings),
        )
        yield training


def _training(row: Any) -> Training:
    """A training as the archive holds it."""
    test = Score(row.test_error, row.test_loss)
    warnings = tuple(json.loads(row.warnings))
    return Training(row.evaluation, row.genome, row.seed, test, row.test_images, row.weights, row.seconds, warnings)


def _train_one(
    folder: Path, config: RunConfig, space: NetworkSpace, evaluation: int, genome: str, seed: int
) -> Training:
    start = time.perf_counter()
    data = build_data(config)
    with one_thread():
        network, test = train_and_test(space.decode(from_text(genome, space.genes)), data, config, seed=seed)
    recipe = hashlib.sha256(config.training.model_dump_json().encode()).hexdigest()[:8]
    weights = f"nets/{evaluation}/seed{seed}-{recipe}.safetensors"
    save_weights(network, folder / weights, facts={"genome": genome, "seed": str(seed)})
    seconds, warnings = time.perf_counter() - start, tuple(network.warnings())
    return Training(evaluation, genome, seed, test, len(data.test), weights, seconds, warnings)
