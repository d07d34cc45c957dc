"""Train picks of a run in full, side by side, and store what they reach on the test set."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.errors import RunFileError, RunFolderError
from evonas.evaluation.scoring_context import Checkpoint, open_scoring_context
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.files import file_hash, is_whole
from evonas.nets.network import Network
from evonas.nets.weights import load_weights, save_weights
from evonas.run.context import RunContext
from evonas.run.lock import alone_with
from evonas.run.stages.supernet_store import last_supernet
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import from_text
from evonas.training.datasets.dataset import Dataset
from evonas.training.generator import torch_generator
from evonas.training.hardware import one_thread, resolve_hardware
from evonas.training.network_training import TrainingExtras, n_steps, train_and_test, train_in_full
from evonas.training.recipe import in_full_precision
from evonas.training.tensorboard import summary_writer
from objectives.held_out import quality_value
from reports.run_folder.folder import RunFolder
from surrogates.one_shot.score import Score


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        evaluation: Id of the network in the archive.
        genome: In text form.
        seed: Of weights, batches and augmentation.
        recipe: How it was trained, as JSON text: the keys of [training], the device, the supernet if it inherits.
        quality: What counts as error in this run, by name.
        test: Error, loss and confusion matrix on the test images, after the last epoch.
        test_images: How many there are.
        weights: Path of the weights within the run folder.
        seconds: Spent, by the process that finished it.
        warnings: What looks unhealthy about the trained network's quantizers.
    """

    evaluation: int
    genome: str
    seed: int
    recipe: str
    quality: str
    test: Score
    test_images: int
    weights: str
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def reached(self) -> float:
        """1 minus the run's quality measure on the test images: accuracy, balanced accuracy or macro F1, 0–1."""
        return 1 - quality_value(self.quality, self.test.confusion)

    @property
    def remarks(self) -> str:
        """What a reader of the results must know of the recipe; empty for a plain training on the CPU."""
        recipe = json.loads(self.recipe)
        told = {
            "weights inherited from the run's supernet": recipe["initial_weights"] == "inherited",
            f"distilled from its twin in full precision ({recipe['distillation']:g})": recipe["distillation"],
            f"in two stages ({recipe['two_stage']:.0%} over float weights)": recipe["two_stage"],
            "compiled": recipe["compile"],
            f"on {recipe['device']} in bf16": recipe["device"] != "cpu",
        }
        return ", ".join(text for text, is_so in told.items() if is_so)


@dataclass(frozen=True)
class Job:
    """One training, as it is sent to a worker.

    Attributes:
        folder: The run folder.
        config: The run file, with device and compilation resolved.
        space: The run's, as far as it was unlocked.
        supernet: Whose weights are inherited; None for random ones.
        evaluation, genome, seed, quality: See :class:`Training`.
    """

    folder: Path
    config: RunConfig
    space: NetworkSpace
    supernet: Checkpoint | None
    evaluation: int
    genome: str
    seed: int
    quality: str = "error"

    @property
    def recipe(self) -> str:
        """See :class:`Training`."""
        origin = {"supernet": self.supernet.sha256[:12]} if self.supernet else {}
        return self.config.training.full_recipe(device=self.config.compute.device, **origin)

    @property
    def stem(self) -> str:
        """Path of its files within the run folder, without a suffix; another recipe has others."""
        return f"nets/{self.evaluation}/seed{self.seed}-{hashlib.sha256(self.recipe.encode()).hexdigest()[:8]}"

    @property
    def log(self) -> Path | None:
        """Folder of what TensorBoard shows."""
        name = self.stem.removeprefix("nets/")
        return self.folder / "tensorboard" / name if self.config.training.tensorboard else None

    @property
    def checkpoint(self) -> Path:
        """What it is resumed from after an interruption."""
        return self.folder / f"{self.stem}.unfinished.safetensors"


def train_picks(
    run: RunFolder, context: RunContext, picks: pd.DataFrame, *, seeds: Sequence[int], workers: int | None = None
) -> Iterator[Training]:
    """Train every pick with every seed, side by side, and store each once all before it are stored.

    Args:
        run: Where the picks come from and the results go to.
        context: What the run works with; its [training] and [compute] may differ from the run's.
        picks: Rows of the run's front: ``id`` and ``genome``.
        seeds: One training per seed.
        workers: Processes; instead of the run file's.

    Yields:
        Each training, in the order of picks, then seeds. One that the run holds already is not repeated, and one that
        was interrupted is resumed from its checkpoint.

    Raises:
        RunFolderError: Another process is working on one of these trainings.
    """
    config = context.config
    if config.training.tensorboard:
        summary_writer()
    jobs = _jobs(run, context, picks, seeds)
    known = _known(run)
    with ExitStack() as locks:
        for job in jobs:
            if _key(job) not in known:
                locks.enter_context(_alone_at(job))
        known = _known(run)  # another process may have stored some until it let go
        fresh = [(job,) for job in jobs if _key(job) not in known]
        results = map_in_order(_train_one, fresh, workers=Workers.of(config.compute, workers).at_most(len(fresh)))
        for job in jobs:
            if _key(job) in known:
                yield known[_key(job)]
                continue
            training = next(results)
            run.append_training(
                evaluation=training.evaluation,
                genome=training.genome,
                seed=training.seed,
                epochs=config.training.epochs,
                recipe=training.recipe,
                **{
                    f"test_{name}": quality_value(name, training.test.confusion) for name in ("error", training.quality)
                },
                test_loss=training.test.loss,
                test_images=training.test_images,
                seconds=training.seconds,
                weights=training.weights,
                sha256=file_hash(run.path / training.weights),
                warnings=json.dumps(training.warnings),
                confusion=json.dumps(training.test.confusion),
            )
            job.checkpoint.unlink(missing_ok=True)  # not before: a result that waits for its turn may be lost
            yield training


def _known(run: RunFolder) -> dict[tuple[int, int, str], Training]:
    """Trainings that the run holds; what was lost or altered is trained again."""
    return {
        (training.evaluation, training.seed, training.recipe): training
        for row in run.trainings().itertuples()
        if is_whole(run.path / str(row.weights), str(row.sha256))
        for training in (_training(row, run.quality or "error"),)
    }


@contextmanager
def _alone_at(job: Job) -> Iterator[None]:
    """Reserve one training for this process, since its checkpoint and weights have fixed names."""
    lock = job.folder / f"{job.stem}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with alone_with(lock, patience=0.0):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except RunFolderError as error:
        if error.found != "another process at work there":
            raise
        raise RunFolderError(
            f"network {job.evaluation}, seed {job.seed}, to train alone",
            found="another process at that training",
            remedy="wait until it is done, then run the same command: what is trained is not trained again",
        ) from error


def _jobs(run: RunFolder, context: RunContext, picks: pd.DataFrame, seeds: Sequence[int]) -> list[Job]:
    config, dataset, space = context.config, context.dataset, context.network_space
    supernet = None
    if config.training.initial_weights == "inherited":
        if max(config.supernet.partial_normal, config.supernet.partial_reduction) > 1:
            raise RunFileError(
                "a supernet with partial channels of 1, to inherit weights from",
                found="one whose layers see a part of their channels",
                remedy='set initial_weights = "random" under [training]',
            )
        supernet, space = last_supernet(run, context.networks)
    steps = n_steps(config.training, len(dataset.train) + len(dataset.heldout))
    jobs = []
    for evaluation, genome in zip(picks["id"].tolist(), picks["genome"].tolist(), strict=True):
        settled = resolve_hardware(config, space.decode(from_text(genome, space.genes)), steps=steps)
        about = run.path, settled, space, supernet, evaluation, genome
        jobs += [Job(*about, seed, context.measures.quality) for seed in dict.fromkeys(seeds)]
    return jobs


def _key(job: Job) -> tuple[int, int, str]:
    return job.evaluation, job.seed, job.recipe


def _training(row: Any, quality: str) -> Training:
    """A training as the archive holds it."""
    return Training(
        row.evaluation,
        row.genome,
        row.seed,
        row.recipe,
        quality,
        Score(row.test_error, row.test_loss, tuple(map(tuple, json.loads(row.confusion)))),
        row.test_images,
        row.weights,
        row.seconds,
        tuple(json.loads(row.warnings)),
    )


def _train_one(job: Job) -> Training:
    begun = time.perf_counter()
    context = open_scoring_context(job.folder, job.supernet, job.space)
    architecture = job.space.decode(from_text(job.genome, job.space.genes))
    with one_thread():
        extras = TrainingExtras(
            start=context.the_supernet.extract(architecture) if job.supernet else None,
            teacher=_twin(job, architecture, context.dataset) if job.config.training.distillation else None,
            checkpoint=job.checkpoint,
            log=job.log,
        )
        network, test = train_and_test(architecture, context.dataset, job.config, seed=job.seed, extras=extras)
    weights = f"{job.stem}.safetensors"
    save_weights(network, job.folder / weights, facts={"genome": job.genome, "seed": str(job.seed)})
    return Training(
        job.evaluation,
        job.genome,
        job.seed,
        job.recipe,
        job.quality,
        test,
        len(context.dataset.test),
        weights,
        time.perf_counter() - begun,
        tuple(network.warnings()),
    )


def _twin(job: Job, architecture: Architecture, dataset: Dataset) -> Network:
    """The network in full precision, by the same recipe and seed; trained once for all recipes that distil from it."""
    config = job.config.model_copy(update={"training": job.config.training.of_twin()})
    own = replace(job, config=config, supernet=None)
    path = job.folder / f"{own.stem}.twin.safetensors"
    floating = in_full_precision(architecture)
    if not path.is_file():
        lock = path.with_suffix(".lock")
        with alone_with(lock, patience=math.inf):  # a training by another recipe may need the same twin
            if not path.is_file():
                unfinished = path.with_suffix(".unfinished.safetensors")
                images = dataset.train.joined(dataset.heldout)
                trained = train_in_full(
                    floating, images, config, seed=job.seed, extras=TrainingExtras(checkpoint=unfinished)
                )
                save_weights(trained, path, facts={"genome": job.genome, "seed": str(job.seed)})
                unfinished.unlink(missing_ok=True)
            lock.unlink()
    twin = Network([floating], generator=torch_generator(job.seed, "network weights"))
    load_weights(twin, path, remedy="delete that file and train again")
    return twin.eval()
