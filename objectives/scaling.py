"""One scale for objectives of different units and sizes, so that volumes and distances mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from objectives.pareto import Points, hypervolume


@dataclass(frozen=True)
class Scaling:
    """Maps each objective so that its low bound becomes 0 and its high bound 1, by logarithm where sizes call for it.

    Monotone, so it changes no dominance. Values beyond a bound fall outside 0–1.

    Attributes:
        names: The objectives, in column order.
        bounds: ``(low, high)`` by name, in the objective's unit; positive where ``is_log``.
        is_log: Whether an objective is scaled by logarithm, by name.
    """

    names: tuple[str, ...]
    bounds: Mapping[str, tuple[float, float]]
    is_log: Mapping[str, bool]

    def __call__(self, values: NDArray[np.float64]) -> Points:
        """Scale ``(n_points, n_objectives)``, columns in the order of ``names``."""
        columns = []
        for name, column in zip(
            self.names, np.asarray(values, dtype=float).reshape(-1, len(self.names)).T, strict=True
        ):
            low, high = self.bounds[name]
            if self.is_log[name]:
                low, high, column = np.log(low), np.log(high), np.log(column)  # noqa: PLW2901
            columns.append((column - low) / (high - low if high > low else 1.0))
        return np.stack(columns, axis=1)

    def hypervolume(self, values: NDArray[np.float64]) -> float:
        """Volume that the points dominate, where the box between the bounds is 1; points beyond low bounds add more."""
        return hypervolume(self(values), reference_point=np.ones(len(self.names)))


def by_logarithm(values: NDArray[np.float64]) -> Points:
    """Every objective by its logarithm, the error too: to halve it is worth as much at 2 % as at 20 %.

    Values below a thousandth, such as an error of zero, count as that. For distances and spread, not for hypervolumes.
    """
    logarithms: Points = np.log(np.clip(np.asarray(values, dtype=float), 1e-3, None))
    return logarithms


def bounds_of(columns: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each column."""
    return {name: (float(min(column)), float(max(column))) for name, column in columns.items()}
