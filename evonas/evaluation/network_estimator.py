"""The estimator of networks, and the job of scoring one of them in a worker."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from evonas.architecture.graph import Architecture
from evonas.errors import EvonasError, in_a_line
from evonas.evaluation.estimator import Estimator, EvaluationPolicy
from evonas.evaluation.job import OUT_OF_MEMORY, OUT_OF_TIME, Job, Outcome
from evonas.evaluation.scorers import Scorer
from evonas.evaluation.scoring_context import Checkpoint, build_payload, open_scoring_context, run_identity
from evonas.evaluation.workers.backend import Broadcast
from evonas.evaluation.workers.limits import TimeIsUpError, time_limit
from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome
from objectives.held_out import quality_value
from objectives.latency import measure_latency


class NetworkEstimator(Estimator):
    """Scores networks side by side in worker processes.

    Args:
        scorer: What scores one.
        space: Decodes genomes.
        folder: The run.
        checkpoint: Its supernet's weights; None where the scorer needs none.
        policy: Who scores, with what time limit, and how many retries.
        quality: What counts as error, by name.
        has_latency: Whether to measure how long one image takes, too.
    """

    def __init__(
        self,
        scorer: Scorer,
        space: NetworkSpace,
        *,
        folder: Path,
        checkpoint: Checkpoint | None,
        policy: EvaluationPolicy,
        quality: str = "error",
        has_latency: bool = False,
    ) -> None:
        self.scorer, self.space, self.policy, self.has_latency = scorer, space, policy, has_latency
        self.quality = quality
        self.folder, self.checkpoint, self.fidelity = folder.resolve(), checkpoint, scorer.fidelity
        key = run_identity(self.folder), checkpoint
        self.broadcast = Broadcast(key, partial(build_payload, self.folder, checkpoint))

    def job(self, genome: Genome) -> ScoringJob:
        """See :class:`Estimator`."""
        return ScoringJob(
            self.scorer,
            self.folder,
            self.checkpoint,
            self.space,
            genome,
            self.quality,
            self.has_latency,
            self.policy.seconds_per_network,
        )


@dataclass(frozen=True)
class ScoringJob(Job):
    """One network to score.

    Attributes:
        scorer: What scores it.
        folder: The run folder.
        checkpoint: Its supernet's weights; None if the scorer needs none.
        space: That of the run.
        genome: A repaired genome.
        quality: What counts as error, by name.
        has_latency: Whether to measure how long one image takes, too.
        seconds: Seconds after which it has failed; 0: no limit.
    """

    scorer: Scorer
    folder: Path
    checkpoint: Checkpoint | None
    space: NetworkSpace
    genome: Genome
    quality: str = "error"
    has_latency: bool = False
    seconds: float = 0.0

    def run(self, payload: Any = None) -> Outcome:
        """What it scored, by name, or the reason if it failed; see :class:`Job`. The error is one of this fidelity."""
        context = open_scoring_context(self.folder, self.checkpoint, self.space, payload)
        start = time.perf_counter()
        architecture = self.space.decode(self.genome)
        try:
            with time_limit(self.seconds):
                score = self.scorer.score(context, architecture)
                latency = {"latency": _latency(architecture)} if self.has_latency else {}
        except TimeIsUpError:
            return Outcome({}, OUT_OF_TIME, time.perf_counter() - start)
        except EvonasError:
            raise
        except (Exception, SystemExit) as error:  # memory, numbers, or a quantizer of the user's own
            return Outcome({}, reason_of(error), time.perf_counter() - start)
        taken = time.perf_counter() - start
        if not math.isfinite(score.loss):
            return Outcome({}, f"the held-out loss is {score.loss}", taken)
        value = quality_value(self.quality, score.confusion)
        found = {self.quality: value, f"scored_{self.quality}": value, "scored_loss": score.loss}
        return Outcome({**found, **latency}, "", taken)


def reason_of(error: BaseException) -> str:
    """Why a job failed, in a line; memory that ran out is told apart, for that may pass."""
    told = in_a_line(error)
    text = told.partition(": ")[2] or "no message"
    # torch reports it as a RuntimeError; on a GPU as a subclass of it
    if isinstance(error, MemoryError) or "alloc" in text.lower() or "out of memory" in text.lower():
        return f"{OUT_OF_MEMORY}: {text}"
    return f"{type(error).__name__}: {text}"


def _latency(architecture: Architecture) -> float:
    """Median seconds of one image through a stand-alone network; its weights make no difference."""
    network = Network([architecture], generator=torch.Generator()).eval()
    image = torch.rand(1, *architecture.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return measure_latency(lambda: network(image), warmup=3, repeats=15)
