"""The job of training one network by the whole recipe, at once or in parts, and of measuring it on held-out images."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evonas.architecture.graph import Architecture
from evonas.errors import EvaluationError
from evonas.evaluation.job import LOST_WORKER
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
        scores: Steps done and what the network then reached on the held-out images, in order.
        content: The network's weights as a safetensors file; of a training that is to go on, its checkpoint.
        reason: Why it failed; empty if it did not.
        seconds: Spent on it.
        warnings: What looks unhealthy about the trained network's quantizers.
    """

    scores: tuple[tuple[int, Score], ...]
    content: bytes
    reason: str
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WholeTraining:
    """One training on the training images, or a part of it.

    Attributes:
        folder: The run folder.
        supernet: Whose weights it starts from; None for random ones.
        space: That of the run.
        genome: A repaired genome.
        steps: Of the whole training.
        until: Steps after which to stop for now; ``steps`` for none.
        marks: Steps on the way after which to measure.
        checkpoint: Content of the checkpoint that an earlier part left; empty for none.
    """

    folder: Path
    supernet: Checkpoint | None
    space: NetworkSpace
    genome: Genome
    steps: int
    until: int
    marks: Sequence[int] = ()
    checkpoint: bytes = b""

    def run(self, payload: Any = None) -> TrainingOutcome:
        """Train, in whatever process this is; ``payload`` is what was broadcast to workers elsewhere."""
        begun = time.perf_counter()
        context = open_scoring_context(self.folder, self.supernet, self.space, payload)
        architecture = self.space.decode(self.genome)
        scores: dict[int, Score] = {}

        def measure(steps: int, network: Network) -> None:
            scores[steps] = as_exported(network, context.dataset.heldout)

        with tempfile.TemporaryDirectory() as folder, one_thread():
            path = Path(folder) / "checkpoint.safetensors"
            if self.checkpoint:
                path.write_bytes(self.checkpoint)
            extras = TrainingExtras(
                start=context.the_supernet.extract(architecture) if self.supernet else None,
                teacher=_twin(architecture, context),
                checkpoint=path,
                until=None if self.until == self.steps else self.until,
                watch={mark: lambda network, mark=mark: measure(mark, network) for mark in self.marks},  # type: ignore[misc]
            )
            try:
                network = train_in_full(
                    architecture, context.dataset.train, context.config, seed=context.config.seed, extras=extras
                )
            except (EvaluationError, MemoryError, RuntimeError) as error:
                return TrainingOutcome((), b"", _reason(error), time.perf_counter() - begun)
            measure(self.until, network)
            content = weight_bytes(network) if self.until == self.steps else path.read_bytes()
        found = tuple(sorted(scores.items()))
        return TrainingOutcome(found, content, "", time.perf_counter() - begun, tuple(network.warnings()))


def run_training(job: WholeTraining, payload: Any = None) -> TrainingOutcome:
    """Run a job: the function that worker pools call."""
    return job.run(payload)


def lost_training() -> TrainingOutcome:
    """The outcome of a network whose worker was killed."""
    return TrainingOutcome((), b"", LOST_WORKER, 0.0)


def _twin(architecture: Architecture, context: ScoringContext) -> Network | None:
    """The network in full precision that it learns from, if the recipe wants one."""
    config = context.config
    if not config.training.distillation:
        return None
    twin = config.model_copy(update={"training": config.training.of_twin()})
    return train_in_full(in_full_precision(architecture), context.dataset.train, twin, seed=config.seed)


def _reason(error: Exception) -> str:
    return error.found if isinstance(error, EvaluationError) else str(error).partition("\n")[0] or type(error).__name__
