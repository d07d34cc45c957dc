"""One scale for objectives of different units and sizes, so that volumes and distances mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from objectives.fronts.pareto import Points, hypervolume
from objectives.objective import Objective

LEAST_SHARE = 1e-3  # of the bound that a floor below the logarithm is taken from


@dataclass(frozen=True)
class Scaling:
    """Maps each objective so that its low bound becomes 0 and its high bound 1, by logarithm where sizes call for it.

    Monotone, so it changes no dominance. Values beyond a bound fall outside 0–1.

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
            low, high = self.bounds[measure.name]
            if measure.is_log:
                low, high = np.log(np.maximum((low, high), self._floor(measure)))
                column = self._logarithm(measure, column)  # noqa: PLW2901
            columns.append((column - low) / (high - low if high > low else 1.0))
        return np.stack(columns, axis=1)

    def log_transform(self, values: NDArray[np.float64]) -> Points:
        """The same points for distances and crowding: errors by logarithm too, and no bounds.

        To halve an error is worth as much at 2 % as at 20 %. Objectives that are neither shares nor spread over orders
        of magnitude stay as they are. Not for hypervolumes.
        """
        columns = [
            self._logarithm(measure, column) if measure.is_log or measure.unit == "share" else column
            for measure, column in zip(self.measures, self._columns(values), strict=True)
        ]
        return np.stack(columns, axis=1)

    def hypervolume(self, values: NDArray[np.float64]) -> float:
        """Volume that the points dominate, where the box between the bounds is 1; points beyond low bounds add more."""
        return hypervolume(self(values), reference_point=np.ones(len(self.measures)))

    def _columns(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(values, dtype=float).reshape(-1, len(self.measures)).T

    def _logarithm(self, measure: Objective, column: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.log(np.maximum(column, self._floor(measure))))

    def _floor(self, measure: Objective) -> float:
        """What zero and less count as: a thousandth of the low bound, or of the high one where the low one is 0."""
        low, high = self.bounds[measure.name]
        positive = next((bound for bound in (low, high) if bound > 0), 1.0)
        return LEAST_SHARE * positive


def bounds_of(columns: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each column."""
    return {name: (float(min(column)), float(max(column))) for name, column in columns.items()}
