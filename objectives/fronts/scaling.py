"""One scale for objectives of different units and sizes, so that volumes and distances mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from objectives.fronts.pareto import Points, hypervolume
from objectives.objective import Objective

LEAST_SHARE = 1e-3  # of the bound that a floor below the logarithm is taken from
LEAST = 1e-300
HUGE = 1e60  # from here on values are told by their logarithm: squares of larger ones are beyond what a float holds


@dataclass(frozen=True)
class Scaling:
    """Maps each objective so that its best bound becomes 0 and its worst 1, by logarithm where sizes call for it.

    What is maximised is turned here: less is better in all that comes out. Monotone, so it changes no dominance. Values
    beyond a bound fall outside 0–1.

    Attributes:
        measures: The objectives, in column order.
        bounds: ``(low, high)`` by name, in the objective's unit.
    """

    measures: tuple[Objective, ...]
    bounds: Mapping[str, tuple[float, float]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objectives, in column order."""
        return tuple(measure.name for measure in self.measures)

    def __call__(self, values: NDArray[np.float64]) -> Points:
        """Scale ``(n_points, n_objectives)``, columns in the order of ``measures``."""
        columns = []
        for measure, column in zip(self.measures, self._columns(values), strict=True):
            box = tamed(self.bounds[measure.name])
            low, high = np.sort(self._told(measure, box, by_log=measure.is_log))
            told = self._told(measure, column, by_log=measure.is_log)
            columns.append((told - low) / (high - low if high > low else 1.0))
        return np.stack(columns, axis=1)

    def log_transform(self, values: NDArray[np.float64]) -> Points:
        """The same points for distances and crowding: errors by logarithm too, and no bounds.

        To halve an error is worth as much at 2 % as at 20 %. Objectives that are neither shares nor spread over orders
        of magnitude stay as they are. Not for hypervolumes.
        """
        columns = [
            self._told(measure, column, by_log=measure.is_log or (measure.unit == "share" and not measure.is_maximised))
            for measure, column in zip(self.measures, self._columns(values), strict=True)
        ]
        return np.stack(columns, axis=1)

    def minimised(self, values: NDArray[np.float64]) -> Points:
        """The same points with the sign of what is maximised turned: what dominance compares, ``(n, n_objectives)``."""
        return np.asarray(values, dtype=float).reshape(-1, len(self.measures)) * [one.sign for one in self.measures]

    def hypervolume(self, values: NDArray[np.float64]) -> float:
        """Volume that the points dominate, where the box between the bounds is 1; points beyond best bounds add."""
        return hypervolume(self(values), reference_point=np.ones(len(self.measures)))

    def _columns(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return tamed(values).reshape(-1, len(self.measures)).T

    def _told(self, measure: Objective, column: NDArray[np.float64], *, by_log: bool) -> NDArray[np.float64]:
        """Values of one objective, less being better; by logarithm, unless some are known to be negative.

        Below the floor the logarithm goes on as its tangent, so that zero and less keep their order.
        """
        if by_log and self.bounds[measure.name][0] >= 0:
            floor = self._floor(measure)
            with np.errstate(over="ignore"):
                below = np.maximum(np.minimum(column, floor) / floor - 1, -HUGE)
            column = np.log(np.maximum(column, floor)) + below
        return np.asarray(measure.sign * column)

    def _floor(self, measure: Objective) -> float:
        """Where the logarithm ends: at a thousandth of the low bound, or of the high one where the low one is 0."""
        low, high = tamed(self.bounds[measure.name])
        positive = next((bound for bound in (low, high) if bound > 0), 1.0)
        return max(LEAST_SHARE * float(positive), LEAST)


def tamed(values: ArrayLike) -> NDArray[np.float64]:
    """Values as they are, but huge ones nearer, in the same order: of those, sums and squares are finite, too."""
    given = np.asarray(values, dtype=float)
    is_huge = np.abs(given) > HUGE
    if not is_huge.any():
        return given
    nearer = np.sign(given) * HUGE * (1 + np.log(np.maximum(np.abs(given), HUGE) / HUGE))
    return np.where(is_huge & np.isfinite(given), nearer, given)


def bounds_of(columns: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each column."""
    return {name: (float(min(column)), float(max(column))) for name, column in columns.items()}
