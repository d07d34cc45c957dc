"""What a learned predictor is: feature rows and values in, means and spreads out, validation on rows left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEAST_ROWS = 4  # below, nothing can be learned and left out at once
GROWTH = 1.3  # what is slow to learn is learned again once rows have grown by this factor


class Group(NamedTuple):
    """Columns of features that belong together, and have one scale: those of a gene, or of a cost."""

    start: int
    stop: int
    is_choice: bool
    """Whether they encode a choice; two choices are at most 1 apart, squared."""


class Predictor(ABC):
    """Learns a value from features, again and again as rows are added.

    Features are taken as they are; their sizes should be comparable, such as one-hot choices and standardised
    logarithms of costs. An instance may keep what is slow to learn from one fit to the next, so what it predicts may
    depend on its earlier fits; the same sequence of fits gives the same numbers bit for bit.

    Args:
        groups: Which columns of features belong together, for those who have a scale a group; by default each column is
            one of its own.

    Attributes:
        knows_its_limits: Whether its spreads widen to those of all values where it has learned nothing, so that even a
            bad fit leads to no worse a choice than chance.
    """

    knows_its_limits: ClassVar[bool] = False

    def __init__(self, groups: Sequence[Group] | None = None) -> None:
        self.groups = groups

    @abstractmethod
    def fit(self, x: Floats, y: Floats) -> Self:
        """Learn from all rows there are, earlier ones included.

        Args:
            x: Features, ``(n, n_features)``.
            y: Values in any unit, ``(n,)``; smoother ones, such as logarithms of errors, are learned better.

        Raises:
            ValueError: Fewer than ``LEAST_ROWS`` rows, shapes that do not fit, or numbers that are not finite.
        """

    @abstractmethod
    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Values of new rows.

        Args:
            x: Features, ``(m, n_features)``.

        Returns:
            Means and standard deviations, ``(m,)`` each, in the unit of ``y``.
        """

    @property
    @abstractmethod
    def left_out(self) -> Floats:
        """For each row of the last fit, in its order, what a model that has not seen it predicts, ``(n,)``."""


def checked(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Rows to fit, as float arrays.

    Raises:
        ValueError: As :meth:`Predictor.fit` says.
    """
    rows, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if rows.ndim != 2 or values.shape != rows.shape[:1] or len(rows) < LEAST_ROWS:
        raise ValueError(f"{LEAST_ROWS} rows or more, one value each; got shapes {rows.shape} and {values.shape}")
    if not (np.isfinite(rows).all() and np.isfinite(values).all()):
        raise ValueError("features and values must be finite; leave failed networks out")
    return rows, values


def center_and_scale(y: Floats) -> tuple[float, float]:
    """Mean and standard deviation of values; the deviation of equal values is exactly 0, without rounding errors."""
    return float(y.mean()), float(y.std()) if np.ptp(y) > 0 else 0.0


def standardised(y: Floats, *, center: float, scale: float) -> Floats:
    """Values in units of ``scale``; all 0 where that is 0."""
    return (y - center) / scale if scale > 0 else np.zeros_like(y)


def has_grown(before: int, now: int) -> bool:
    """Whether the number of rows changed so much that what is slow to learn should be learned again."""
    return now >= GROWTH * before or now < before
