"""The job of training one network by the whole recipe, and of measuring it on held-out images."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evonas.architecture.graph import Architecture
from evonas.errors import EvaluationError, EvonasError
from evonas.evaluation.job import LOST_WORKER
from evonas.evaluation.network_estimator import reason_of
from evonas.evaluation.scoring_context import Checkpoint, ScoringContext, open_scoring_context
from evonas.nets.network import Network
from evonas.nets.weights import weight_bytes
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome
from evonas.training.hardware import one_thread
from evonas.training.network_training import TrainingExtras, as_exported, train_in_full
from evonas.training.recipe import in_full_precision
from surrogates.one_shot.score import Score


class TrainingOutcome(NamedTuple):
    """What a training showed, or why it failed.

    Attributes:
        score: What the network reaches on the held-out images; None if the training failed.
        weights: The network's, as a safetensors file.
        reason: Why it failed; empty if it did not.
        seconds: Spent on it.
        warnings: What looks unhealthy about the trained network's quantizers.
    """

    score: Score | None
    weights: bytes
    reason: str
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WholeTraining:
    """One training on the training images.

    Attributes:
        folder: The run folder.
        supernet: Whose weights it starts from; None for random ones.
        space: That of the run.
        genome: A repaired genome.
        checkpoint: A file to resume from if it is there, where this folder is visible.
    """

    folder: Path
    supernet: Checkpoint | None
    space: NetworkSpace
    genome: Genome
    checkpoint: Path

    def run(self, payload: Any = None) -> TrainingOutcome:
        """Train, in whatever process this is; ``payload`` is what was broadcast to workers elsewhere."""
        begun = time.perf_counter()
        context = open_scoring_context(self.folder, self.supernet, self.space, payload)
        architecture = self.space.decode(self.genome)
        try:
            with one_thread():
                extras = TrainingExtras(
                    start=context.the_supernet.extract(architecture) if self.supernet else None,
                    teacher=_twin(architecture, context),
                    checkpoint=self.checkpoint if self.checkpoint.parent.is_dir() else None,
                )
                config, images = context.config, context.dataset.train
                network = train_in_full(architecture, images, config, seed=config.seed, extras=extras)
                score = as_exported(network, context.dataset.heldout)
        except (Exception, SystemExit) as error:
            if isinstance(error, EvonasError) and not isinstance(error, EvaluationError):
                raise
            reason = error.found if isinstance(error, EvaluationError) else reason_of(error)
            return TrainingOutcome(None, b"", reason, time.perf_counter() - begun)
        taken = time.perf_counter() - begun
        if not math.isfinite(score.loss):
            return TrainingOutcome(None, b"", f"the held-out loss is {score.loss}", taken)
        return TrainingOutcome(score, weight_bytes(network), "", taken, tuple(network.warnings()))


def run_training(job: WholeTraining, payload: Any = None) -> TrainingOutcome:
    """Run a job: the function that worker pools call."""
    return job.run(payload)


def lost_training() -> TrainingOutcome:
    """The outcome of a network whose worker was killed."""
    return TrainingOutcome(None, b"", LOST_WORKER, 0.0)


def _twin(architecture: Architecture, context: ScoringContext) -> Network | None:
    """The network in full precision that it learns from, if the recipe wants one."""
    config = context.config
    if not config.training.distillation:
        return None
    twin = config.model_copy(update={"training": config.training.of_twin()})
    return train_in_full(in_full_precision(architecture), context.dataset.train, twin, seed=config.seed)
