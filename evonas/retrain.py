"""Train picks of a run in full, side by side, and store what they reach on the test set."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evonas.architecture import Architecture
from evonas.backends import Workers
from evonas.config import RunConfig, load_config
from evonas.errors import RunFileError
from evonas.genome import from_text
from evonas.nets.network import Network
from evonas.parallel import in_order, one_thread
from evonas.provenance import check_unchanged, file_hash, is_whole
from evonas.seeding import torch_generator
from evonas.setup import Setup, open_setup
from evonas.spaces import NetworkSpace, Space
from evonas.supernet import kept_supernet
from evonas.training.data import Data
from evonas.training.hardware import decided
from evonas.training.log import check_tensorboard
from evonas.training.recipe import in_full_precision
from evonas.training.train import n_updates, train_and_test, train_in_full
from evonas.workbench import Checkpoint, load_weights, open_workbench, save_weights
from reports.run_folder import RunFolder
from surrogates.one_shot.score import Score


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        evaluation: Id of the network in the archive.
        genome: In text form.
        seed: Of weights, batches and augmentation.
        recipe: How it was trained, as JSON text: the keys of [training], the device, the supernet if weights are its.
        test: Error and loss on the test images, after the last epoch.
        test_images: How many there are.
        weights: Path of the weights within the run folder.
        seconds: Spent, by the process that finished it.
        warnings: What looks unhealthy about the trained network's quantizers.
    """

    evaluation: int
    genome: str
    seed: int
    recipe: str
    test: Score
    test_images: int
    weights: str
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """What of the recipe a reader of the results must know; empty for a plain training on the CPU."""
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
        config: The run file, with device and compilation decided.
        space: The run's, as far as it was unlocked.
        supernet: Whose weights are inherited; None for random ones.
        evaluation, genome, seed: See :class:`Training`.
    """

    folder: Path
    config: RunConfig
    space: NetworkSpace
    supernet: Checkpoint | None
    evaluation: int
    genome: str
    seed: int

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
        """Where it goes on from after an interruption."""
        return self.folder / f"{self.stem}.unfinished.safetensors"


def train_picks(
    run: RunFolder,
    picks: pd.DataFrame,
    *,
    seeds: Sequence[int],
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    workers: int | None = None,
    space: Space | None = None,
) -> Iterator[Training]:
    """Train every pick with every seed, side by side, and store each once all before it are stored.

    Args:
        run: Where the picks come from and the results go to.
        picks: Rows of the run's front: ``id`` and ``genome``.
        seeds: One training a seed.
        overrides: Keys of [training] and [compute] instead of the run file's.
        workers: Processes; instead of the run file's.
        space: The search space, if the run was started with an object.

    Yields:
        Each training, in the order of picks, then seeds. One that the run holds already is not repeated, and one that
        was interrupted goes on from its checkpoint.
    """
    config = load_config(run.path / "run.toml", {section: dict(keys) for section, keys in (overrides or {}).items()})
    setup = open_setup(config, space)
    check_unchanged(run, config, setup.data, setup.space)
    if config.training.tensorboard:
        check_tensorboard()
    known = {
        (row.evaluation, row.seed, row.recipe): _training(row)
        for row in run.trainings().itertuples()
        if is_whole(run.path / str(row.weights), str(row.sha256))  # what was lost or altered is trained again
    }
    jobs = _jobs(run, setup, picks, seeds)
    fresh = [(job,) for job in jobs if _key(job) not in known]
    results = in_order(_train_one, fresh, workers=Workers.of(config.compute, workers).at_most(len(fresh)))
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
            test_error=training.test.error,
            test_loss=training.test.loss,
            test_images=training.test_images,
            seconds=training.seconds,
            weights=training.weights,
            sha256=file_hash(run.path / training.weights),
            warnings=json.dumps(training.warnings),
        )
        job.checkpoint.unlink(missing_ok=True)  # not before: a result that waits for its turn may be lost
        yield training


def _jobs(run: RunFolder, setup: Setup, picks: pd.DataFrame, seeds: Sequence[int]) -> list[Job]:
    config, data, space = setup.config, setup.data, setup.network_space
    assert data is not None
    supernet = None
    if config.training.initial_weights == "inherited":
        if max(config.supernet.partial_normal, config.supernet.partial_reduction) > 1:
            raise RunFileError(
                "a supernet with partial channels of 1, to inherit weights from",
                found="one whose layers see a part of their channels",
                remedy='set initial_weights = "random" under [training]',
            )
        supernet, space = kept_supernet(run, setup)
    steps = n_updates(config, len(data.train) + len(data.heldout))
    jobs = []
    for evaluation, genome in zip(picks["id"].tolist(), picks["genome"].tolist(), strict=True):
        settled = decided(config, space.decode(from_text(genome, space.genes)), steps=steps)
        jobs += [Job(run.path, settled, space, supernet, evaluation, genome, seed) for seed in dict.fromkeys(seeds)]
    return jobs


def _key(job: Job) -> tuple[int, int, str]:
    return job.evaluation, job.seed, job.recipe


def _training(row: Any) -> Training:
    """A training as the archive holds it."""
    return Training(
        row.evaluation,
        row.genome,
        row.seed,
        row.recipe,
        Score(row.test_error, row.test_loss),
        row.test_images,
        row.weights,
        row.seconds,
        tuple(json.loads(row.warnings)),
    )


def _train_one(job: Job) -> Training:
    begun = time.perf_counter()
    bench = open_workbench(job.folder, job.supernet, job.space)
    architecture = job.space.decode(from_text(job.genome, job.space.genes))
    (job.folder / job.stem).parent.mkdir(parents=True, exist_ok=True)
    with one_thread():
        network, test = train_and_test(
            architecture,
            bench.data,
            job.config,
            seed=job.seed,
            start=bench.the_supernet.extract(architecture) if job.supernet else None,
            teacher=_twin(job, architecture, bench.data) if job.config.training.distillation else None,
            checkpoint=job.checkpoint,
            log=job.log,
        )
    weights = f"{job.stem}.safetensors"
    save_weights(network, job.folder / weights, facts={"genome": job.genome, "seed": str(job.seed)})
    return Training(
        job.evaluation,
        job.genome,
        job.seed,
        job.recipe,
        test,
        len(bench.data.test),
        weights,
        time.perf_counter() - begun,
        tuple(network.warnings()),
    )


def _twin(job: Job, architecture: Architecture, data: Data) -> Network:
    """The network in full precision, by the same recipe and seed; trained once, whatever is distilled from it how."""
    config = job.config.model_copy(update={"training": job.config.training.of_twin()})
    own = replace(job, config=config, supernet=None)
    path = job.folder / f"{own.stem}.twin.safetensors"
    floating = in_full_precision(architecture)
    if path.is_file():
        twin = Network([floating], generator=torch_generator(job.seed, "network weights"))
        load_weights(twin, path, remedy="delete that file and train again")
        return twin.eval()
    unfinished = path.with_suffix(".unfinished.safetensors")
    twin = train_in_full(floating, data.train.joined(data.heldout), config, seed=job.seed, checkpoint=unfinished)
    save_weights(twin, path, facts={"genome": job.genome, "seed": str(job.seed)})
    unfinished.unlink(missing_ok=True)
    return twin
