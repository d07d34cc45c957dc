"""Ways to estimate a network's error cheaply: weights inherited from a supernet, or a brief training of its own."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evonas.architecture import Architecture
from evonas.backend import Attachment
from evonas.backends import Workers
from evonas.evaluation import Estimator, lost, retried
from evonas.genome import Genome, to_text
from evonas.measures import OUT_OF_MEMORY, OUT_OF_TIME, Measures, Outcome
from evonas.nets.network import Network
from evonas.parallel import Crew, TimeIsUpError, in_order, time_limit
from evonas.seeding import torch_generator
from evonas.spaces import NetworkSpace
from evonas.training.train import run_batches, train_alone
from evonas.workbench import Checkpoint, Parcel, Workbench, open_workbench, pack, run_identity
from objectives.latency import measure_latency
from surrogates.correction import Correction
from surrogates.one_shot.paths import Paths
from surrogates.one_shot.score import Score, score_network, score_subnet
from surrogates.one_shot.training import train


class Scorer(ABC):
    """Scores one network in whatever process it is in; small, for it is sent with every job."""

    @abstractmethod
    def score(self, bench: Workbench, architecture: Architecture) -> Score:
        """Error and loss on the held-out images."""


@dataclass(frozen=True)
class Inherited(Scorer):
    """Weights come from the run's supernet.

    Attributes:
        tuning_steps: Updates of a copy before it is scored; 0 scores the weights as they are.
    """

    tuning_steps: int = 0

    def score(self, bench: Workbench, architecture: Architecture) -> Score:
        """See :class:`Scorer`."""
        supernet, config = bench.the_supernet, bench.config
        if not self.tuning_steps:
            return score_subnet(
                supernet, architecture, calibration=bench.calibration, images=bench.images, labels=bench.labels
            )
        network = supernet.extract(architecture)
        train(
            network,
            Paths(lambda: [architecture]),
            batches=run_batches(
                bench.data.train,
                config,
                batch_size=config.training.batch_size,
                generator=torch_generator(config.seed, "tuning batches"),
            ),
            steps=self.tuning_steps,
            learning_rate=config.supernet.learning_rate,
            weight_decay=config.training.weight_decay,
        )
        network.calibrate(bench.calibration)
        return score_network(network, images=bench.images, labels=bench.labels)


@dataclass(frozen=True)
class Brief(Scorer):
    """The network is trained from scratch on the training images, for a short while.

    Attributes:
        steps: Updates.
    """

    steps: int

    def score(self, bench: Workbench, architecture: Architecture) -> Score:
        """See :class:`Scorer`."""
        config = bench.config
        network = train_alone(architecture, bench.data.train, config, seed=config.seed, steps=self.steps)
        return score_network(network, images=bench.images, labels=bench.labels)


class NetworkEstimator(Estimator):
    """Scores networks side by side in worker processes, and counts their costs.

    Args:
        scorer: What scores one.
        space: Decodes genomes.
        measures: What to measure.
        folder: The run.
        checkpoint: Its supernet's weights; None where the scorer needs none.
        workers: Who scores.
        seconds_a_network: After which it has failed; 0: no limit.
        retries: Further tries of what failed for a reason that may pass.
    """

    def __init__(
        self,
        scorer: Scorer,
        space: NetworkSpace,
        *,
        measures: Measures,
        folder: Path,
        checkpoint: Checkpoint | None,
        workers: Workers,
        seconds_a_network: float = 0.0,
        retries: int = 0,
    ) -> None:
        self.seconds_a_network, self.retries = seconds_a_network, retries
        self.scorer, self.space, self.measures = scorer, space, measures
        self.folder, self.checkpoint, self.workers = folder.resolve(), checkpoint, workers

    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """See :class:`evonas.evaluation.Estimator`; what cannot be counted is not scored at all."""
        counts = [self.measures.counted(self.space.decode(genome).layers) for genome in genomes]
        jobs = [self.job(genome) for genome, counted in zip(genomes, counts, strict=True) if not counted.reason]
        scores = self._scores(jobs)
        for genome, counted in zip(genomes, counts, strict=True):
            if counted.reason:
                yield counted
                continue
            yield self._whole(genome, next(scores), counted)

    def crew(self) -> Crew[Outcome]:
        """See :class:`evonas.evaluation.Estimator`."""
        return Crew(score_genome, self.workers, on_loss=lost, attachment=self._parcel)

    def finished(self, genome: Genome, outcome: Outcome) -> Outcome:
        """See :class:`evonas.evaluation.Estimator`."""
        counted = self.measures.counted(self.space.decode(genome).layers)
        return counted if counted.reason else self._whole(genome, outcome, counted)

    def _whole(self, genome: Genome, outcome: Outcome, counted: Outcome) -> Outcome:
        outcome = retried(outcome, partial(self._again, genome), retries=self.retries)
        return outcome if outcome.reason else outcome._replace(values={**outcome.values, **counted.values})

    def _again(self, genome: Genome) -> Outcome:
        return next(self._scores([self.job(genome)]))

    def job(self, genome: Genome) -> tuple[Any, ...]:
        """See :class:`evonas.evaluation.Estimator`."""
        has_latency = "latency" in self.measures.table
        return self.scorer, self.folder, self.checkpoint, self.space, genome, has_latency, self.seconds_a_network

    def _scores(self, jobs: Sequence[tuple[Any, ...]]) -> Iterator[Outcome]:
        return in_order(score_genome, jobs, workers=self.workers, on_loss=lost, attachment=self._parcel)

    @property
    def _parcel(self) -> Attachment:
        key = run_identity(self.folder), self.checkpoint
        return Attachment(key, partial(pack, self.folder, self.checkpoint))


class Corrected(Estimator):
    """Corrects the errors of another estimator; what that one measured is kept as ``raw_error``.

    Args:
        estimator: That one.
        correction: What its losses mean.
        trained: Losses of networks that were trained briefly, by genome in text form; theirs need no correction.
    """

    def __init__(self, estimator: Estimator, correction: Correction, trained: Mapping[str, float]) -> None:
        self.estimator, self.correction, self.trained = estimator, correction, trained

    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """See :class:`evonas.evaluation.Estimator`."""
        yield from map(self._corrected, genomes, self.estimator.evaluate(genomes))

    def crew(self) -> Crew[Outcome]:
        """See :class:`evonas.evaluation.Estimator`."""
        return self.estimator.crew()

    def job(self, genome: Genome) -> tuple[Any, ...]:
        """See :class:`evonas.evaluation.Estimator`."""
        return self.estimator.job(genome)

    def finished(self, genome: Genome, outcome: Outcome) -> Outcome:
        """See :class:`evonas.evaluation.Estimator`."""
        return self._corrected(genome, self.estimator.finished(genome, outcome))

    def _corrected(self, genome: Genome, outcome: Outcome) -> Outcome:
        if outcome.reason:
            return outcome
        found, correction = outcome.values, self.correction
        if (loss := self.trained.get(to_text(genome))) is not None:
            error, spread = correction.errors_of(np.array([loss])), np.array([correction.error_noise])
        else:
            costs = np.array([[found[name] for name in correction.costs]])
            error, spread = correction.predict(np.array([found["loss"]]), costs)
        corrected = {"error": float(error[0]), "raw_error": found["error"], "spread": float(spread[0])}
        return outcome._replace(values={**found, **corrected})


def score_genome(
    scorer: Scorer,
    folder: Path,
    checkpoint: Checkpoint | None,
    space: NetworkSpace,
    genome: Genome,
    has_latency: bool,
    seconds: float = 0.0,
    parcel: Parcel | None = None,
) -> Outcome:
    """Score one genome in whatever process this runs in.

    Args:
        scorer: What scores it.
        folder: The run folder.
        checkpoint: Its supernet's weights; None if the scorer needs none.
        space: That of the run.
        genome: A repaired genome.
        has_latency: Whether to measure how long one image takes, too.
        seconds: After which it has failed; 0: no limit.
        parcel: What it needs of the run, where the folder is not to be seen.

    Returns:
        Error and loss by name, or the reason if it failed.
    """
    bench = open_workbench(folder, checkpoint, space, parcel)
    start = time.perf_counter()
    architecture = space.decode(genome)
    try:
        with time_limit(seconds):
            score = scorer.score(bench, architecture)
            latency = {"latency": _latency(architecture)} if has_latency else {}
    except TimeIsUpError:
        return Outcome({}, OUT_OF_TIME, time.perf_counter() - start)
    except (MemoryError, RuntimeError, FloatingPointError) as error:
        return Outcome({}, _reason(error), time.perf_counter() - start)
    taken = time.perf_counter() - start
    if not math.isfinite(score.loss):
        return Outcome({}, f"the held-out loss is {score.loss}", taken)
    return Outcome({"error": score.error, "loss": score.loss, **latency}, "", taken)


def _reason(error: Exception) -> str:
    text = str(error).partition("\n")[0] or "no message"
    # torch says it by a RuntimeError; on a GPU by a subclass of it
    if isinstance(error, MemoryError) or "alloc" in text.lower() or "out of memory" in text.lower():
        return f"{OUT_OF_MEMORY}: {text}"
    return f"{type(error).__name__}: {text}"


def _latency(architecture: Architecture) -> float:
    """Median seconds of one image through a stand-alone network; which weights it has makes no difference."""
    network = Network([architecture], generator=torch.Generator()).eval()
    image = torch.rand(1, *architecture.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return measure_latency(lambda: network(image), warmup=3, repeats=15)
