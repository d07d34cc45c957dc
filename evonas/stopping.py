"""When a search ends: every way stands in one list, with the sentence that reports print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np

from evonas.config import SearchConfig
from evonas.measures import Measures
from objectives.scaling import Scaling
from reports.run_folder import Row

LEAST_GAIN = 1e-3  # of the hypervolume: what a search must gain within so many evaluations not to stall
BARREN_GENERATIONS = 200  # without a network that keeps within the bounds, after which none is expected


class StopReason(Enum):
    """Every way a search can end, with the sentence that reports print."""

    BUDGET_SPENT = "The evaluation budget is spent."
    TIME_SPENT = "The time is spent."
    GENERATIONS_DONE = "The generations are done."
    STALLED = "The hypervolume stopped growing."
    SPACE_EXHAUSTED = "No network is left that was not evaluated."
    NOTHING_FEASIBLE = "No network within the bounds was found."


class Stopping:
    """Looks after the limits that the run file sets.

    Args:
        settings: The section ``[search]``.
        measures: What the hypervolume is of.
        scaling: Its scale.
        elapsed: Seconds that the run has taken so far, those before it was resumed included.
    """

    def __init__(
        self, settings: SearchConfig, measures: Measures, *, scaling: Scaling, elapsed: Callable[[], float]
    ) -> None:
        self.settings, self.measures, self.scaling, self.elapsed = settings, measures, scaling, elapsed
        self._stage = 0
        self._volumes: list[tuple[int, float]] = []
        self._barren = 0

    @property
    def is_time_up(self) -> bool:
        """Whether no further network shall be evaluated; what is in the archive may still be answered from there."""
        return bool(self.settings.seconds) and self.elapsed() >= self.settings.seconds

    def after(self, generation: int, *, rows: Sequence[Row], answers: Sequence[Row], stage: int) -> StopReason | None:
        """Whether the search ends after a generation.

        Args:
            generation: Counted from 0.
            rows: All evaluations so far.
            answers: Those of this generation.
            stage: The current one; hypervolumes of different stages do not compare.
        """
        settings = self.settings
        self._barren = 0 if answers else self._barren + 1
        if len(rows) >= settings.budget:
            return StopReason.BUDGET_SPENT
        if settings.generations and generation + 1 >= settings.generations:
            return StopReason.GENERATIONS_DONE
        if self._barren >= BARREN_GENERATIONS:
            return StopReason.NOTHING_FEASIBLE
        if settings.stall and self._is_stalled([row for row in rows if row.stage == stage], stage):
            return StopReason.STALLED
        return None

    def _is_stalled(self, rows: Sequence[Row], stage: int) -> bool:
        if stage != self._stage:
            self._stage, self._volumes = stage, []
        self._volumes.append((len(rows), volume_of(rows, self.measures, self.scaling)))
        before = [volume for n, volume in self._volumes if n <= len(rows) - self.settings.stall]
        return bool(before) and 0 < self._volumes[-1][1] <= before[-1] * (1 + LEAST_GAIN)


def feasible(rows: Sequence[Row], measures: Measures) -> list[Row]:
    """Evaluations that succeeded and keep within the bounds."""
    bounds = measures.bounds
    return [row for row in rows if row.is_ok and all(row.values[name] <= bounds[name] for name in bounds)]


def volume_of(rows: Sequence[Row], measures: Measures, scaling: Scaling) -> float:
    """Hypervolume of all feasible evaluations."""
    values = [[row.values[name] for name in scaling.names] for row in feasible(rows, measures)]
    return scaling.hypervolume(np.array(values, dtype=float).reshape(-1, len(scaling.names))) if values else 0.0
