"""The job that a worker is sent, and the outcome that comes back: values, or why the evaluation failed. Plain data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

LOST_WORKER = "its worker was killed, most likely because memory ran out"
OUT_OF_TIME = "it took longer than it may"
OUT_OF_MEMORY = "there was not enough memory"
TRANSIENT = (LOST_WORKER, OUT_OF_TIME, OUT_OF_MEMORY)  # reasons that may not occur at the next try


class Outcome(NamedTuple):
    """The result of evaluating one genome.

    Attributes:
        values: One number per measure, by name; empty if the evaluation failed.
        reason: Why it failed; empty if it did not.
        seconds: Spent on it.
    """

    values: dict[str, float]
    reason: str
    seconds: float = 0.0


def checked(values: dict[str, float], names: Iterable[str]) -> Outcome:
    """An outcome with these values; a failure if one of ``names`` is missing or not finite."""
    failed = [name for name in names if not math.isfinite(values.get(name, math.nan))]
    return Outcome({}, f"no finite value for {', '.join(failed)}") if failed else Outcome(values, "")


def lost_outcome() -> Outcome:
    """The outcome of a network whose worker was killed."""
    return Outcome({}, LOST_WORKER)


class Job(ABC):
    """One evaluation; small, because each job is sent to a worker."""

    @abstractmethod
    def run(self, payload: Any = None) -> Outcome:
        """Evaluate, in whatever process this is; ``payload`` is what was broadcast to workers elsewhere."""


def run_job(job: Job, payload: Any = None) -> Outcome:
    """Run a job: the function that worker pools call."""
    return job.run(payload)
