"""When a search ends: all reasons in one list, with the sentences that reports print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np

from evonas.config.sections import SearchConfig
from evonas.evaluation.measures import Measures
from objectives.fronts.pareto import is_nondominated
from objectives.fronts.scaling import Scaling
from reports.run_folder.schema import Evaluation

LEAST_GAIN = 1e-3  # of the hypervolume: a search that gains less within so many evaluations has stalled
BARREN_GENERATIONS = 200  # without a new network within the bounds, after which none is expected


class StopReason(Enum):
    """Every way a search can end, with the sentence that reports print."""

    BUDGET_SPENT = "The evaluation budget is spent."
    TIME_SPENT = "The time is spent."
    GENERATIONS_DONE = "The generations are done."
    STALLED = "The hypervolume stopped growing."
    SPACE_EXHAUSTED = "Nothing is left that was not evaluated."
    NOTHING_FEASIBLE = "Nothing further within the bounds was found."


class Stopping:
    """Checks the limits that the run file sets.

    Args:
        settings: The section ``[search]``.
        elapsed: Seconds that the run has taken so far, those before it was resumed included.
        trains: Whether networks are trained at the end, which takes a share of the time.
    """

    def __init__(self, settings: SearchConfig, *, elapsed: Callable[[], float], trains: bool = False) -> None:
        self.settings, self.elapsed, self.trains = settings, elapsed, trains
        self._stage = 0
        self._volumes: list[tuple[int, float]] = []
        self._barren = 0

    @property
    def is_time_up(self) -> bool:
        """Whether no further network shall be evaluated; what is in the archive may still be answered from there."""
        return self._has_passed(1 - self.settings.training_share if self.trains else 1.0)

    @property
    def is_over(self) -> bool:
        """Whether no further network shall be trained."""
        return self._has_passed(1.0)

    def _has_passed(self, share: float) -> bool:
        return bool(self.settings.seconds) and self.elapsed() >= share * self.settings.seconds

    def after(self, generation: int, *, n: int, n_new: int, stage: int, volume: float) -> StopReason | None:
        """Whether the search ends after a generation.

        Args:
            generation: Counted from 0.
            n: Evaluations so far.
            n_new: Those of this generation.
            stage: The current one; hypervolumes of different stages cannot be compared.
            volume: The hypervolume of this stage.
        """
        settings = self.settings
        self._barren = 0 if n_new else self._barren + 1
        if n >= settings.budget:
            return StopReason.BUDGET_SPENT
        if settings.generations and generation + 1 >= settings.generations:
            return StopReason.GENERATIONS_DONE
        if self._barren >= BARREN_GENERATIONS and settings.algorithm != "exhaustive":
            return StopReason.NOTHING_FEASIBLE
        if settings.stall and self._is_stalled(n, volume, stage):
            return StopReason.STALLED
        return None

    def _is_stalled(self, n: int, volume: float, stage: int) -> bool:
        if stage != self._stage:
            self._stage, self._volumes = stage, []
        self._volumes.append((n, volume))
        before = [then for n_then, then in self._volumes if n_then <= n - self.settings.stall]
        return bool(before) and 0 < volume <= before[-1] * (1 + LEAST_GAIN)


class FrontTracker:
    """The best of what a stage has evaluated, and its hypervolume; takes rows in as they come.

    Args:
        measures: Objectives and bounds.
        scaling: Of the hypervolume.
    """

    def __init__(self, measures: Measures, scaling: Scaling) -> None:
        self.measures, self.scaling, self.volume = measures, scaling, 0.0
        self._best = np.empty((0, len(scaling.names)))

    def add(self, rows: Sequence[Evaluation]) -> None:
        """Take evaluations in."""
        values = [[row.values[name] for name in self.scaling.names] for row in feasible(rows, self.measures)]
        points = np.concatenate([self._best, np.array(values, dtype=float).reshape(-1, len(self.scaling.names))])
        self._best = points[is_nondominated(self.scaling.minimised(points))]
        self.volume = self.scaling.hypervolume(self._best) if len(self._best) else 0.0


def feasible(rows: Sequence[Evaluation], measures: Measures) -> list[Evaluation]:
    """Evaluations that succeeded and keep within the bounds."""
    signed = [(name, measures.table[name].sign, bound) for name, bound in measures.bounds.items()]
    return [
        row
        for row in rows
        if row.is_ok and all(sign * row.values[name] <= sign * bound for name, sign, bound in signed)
    ]
