"""Dominance, the front, hypervolume, the knee."""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""One row per point, one column per objective, everything minimised: ``(n_points, n_objectives)``."""


def is_nondominated(points: Points) -> NDArray[np.bool_]:
    """Which points no other point dominates. Equal points do not dominate each other, so all of them stay.

    Args:
        points: ``(n_points, n_objectives)``, finite.

    Returns:
        ``(n_points,)`` booleans.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    _check_finite(points)
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), dtype=bool)


def pareto_rank(points: Points) -> NDArray[np.int64]:
    """Which front each point is in: 0 for what nothing dominates, 1 for what only those dominate, and so on.

    Args:
        points: ``(n_points, n_objectives)``, finite.

    Returns:
        ``(n_points,)``.

    Raises:
        ValueError: A value is NaN or infinite.

    References:
        Deb 2002, "fast nondominated sort"; computed by moocore.

    Example:
        >>> pareto_rank(np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]))
        array([0, 0, 1])
    """
    _check_finite(points)
    if len(points) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(points), dtype=np.int64)


def hypervolume(front: Points, *, reference_point: NDArray[np.float64]) -> float:
    """Volume that a front dominates, up to a reference point.

    A point that does not dominate ``reference_point`` adds nothing. Not comparable between different reference points.

    Args:
        front: ``(n_points, n_objectives)``; dominated rows are allowed.
        reference_point: ``(n_objectives,)``, in the same units and order as the columns of ``front``.

    Returns:
        In the product of the objectives' units; 0.0 for an empty front.

    Raises:
        ValueError: A value is NaN or infinite, or the number of objectives differs.

    References:
        Zitzler 1998; computed by moocore (Guerreiro 2017).

    Example:
        >>> hypervolume(np.array([[1.0, 2.0], [2.0, 1.0]]), reference_point=np.array([3.0, 3.0]))
        3.0
    """
    _check_finite(front)
    if len(front) == 0:
        return 0.0
    if front.shape[1] != len(reference_point):
        raise ValueError(f"{front.shape[1]} objectives in the front but {len(reference_point)} in the reference point")
    return float(moocore.hypervolume(front, ref=reference_point))


def knee(front: Points, *, weights: NDArray[np.float64] | None = None) -> int:
    """Index of the point that gives up least: its worst objective is the least bad.

    Each objective is scaled to 0 to 1 over the front; the knee has the smallest maximum (Chebyshev distance to the
    ideal point), and among equals the smallest sum. Unlike a sum, a maximum does not count twice what two costs share.
    First take logarithms of what spreads over orders of magnitude.

    Args:
        front: ``(n_points, n_objectives)`` with at least one row.
        weights: How much each objective counts, positive, ``(n_objectives,)``; by default all the same.

    Raises:
        ValueError: The front is empty, or a value is NaN or infinite.

    References:
        Wierzbicki 1980, the achievement scalarizing function with the ideal as reference.

    Example:
        >>> knee(np.array([[0.0, 10.0], [1.0, 1.0], [10.0, 0.0]]))
        1
    """
    _check_finite(front)
    if len(front) == 0:
        raise ValueError("the knee of an empty front is not defined")
    low, high = front.min(axis=0), front.max(axis=0)
    scaled = (front - low) / np.where(high > low, high - low, 1.0) * (1.0 if weights is None else weights)
    return int(np.lexsort((scaled.sum(axis=1), scaled.max(axis=1)))[0])


def _check_finite(points: Points) -> None:
    if points.ndim != 2:
        raise ValueError(f"points must be a table with one column per objective; got {points.ndim} dimensions")
    if not np.isfinite(points).all():
        raise ValueError("points hold NaN or infinity; leave failed evaluations out of a front")
