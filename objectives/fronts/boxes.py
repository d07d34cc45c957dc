"""The part of objective space that a front does not dominate, as boxes that do not overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from objectives.fronts.pareto import is_nondominated

Points = NDArray[np.float64]


def open_boxes(front: Points, *, reference_point: NDArray[np.float64]) -> tuple[Points, Points]:
    """Cut what lies below a reference point, and is not dominated by a front, into boxes.

    A new point adds to the front's hypervolume what it dominates in each of them.

    Args:
        front: Objectives to be minimised, ``(m, n_objectives)``; what lies beyond the reference point counts nothing.
        reference_point: ``(n_objectives,)``.

    Returns:
        Lower and upper corners, ``(n_boxes, n_objectives)`` each; minus infinity where a box has no lower end. A front
        of m points makes at most m + 1 boxes in two dimensions, and about m times as many in each further one.

    References:
        Lacour 2017, "A box decomposition algorithm to compute the hypervolume indicator"; here slices along the last
        objective, which is enough for fronts of a hundred points.
    """
    front = front[(front < reference_point).all(axis=1)]
    return _cut(front[is_nondominated(front)], reference_point)


def _cut(front: Points, reference: NDArray[np.float64]) -> tuple[Points, Points]:
    n = len(reference)
    if n == 1:
        upper = front.min(axis=0) if len(front) else reference
        return np.full((1, 1), -np.inf), np.array(upper, dtype=float).reshape(1, 1)
    order = np.argsort(front[:, -1], kind="stable")
    front = front[order]
    if n == 2:
        first = np.minimum.accumulate(np.r_[reference[0], front[:, 0]])
        lower = np.column_stack([np.full(len(first), -np.inf), np.r_[-np.inf, front[:, 1]]])
        return lower, np.column_stack([first, np.r_[front[:, 1], reference[1]]])
    lowers, uppers = [], []
    for index in range(len(front) + 1):
        low = -np.inf if index == 0 else front[index - 1, -1]
        high = reference[-1] if index == len(front) else front[index, -1]
        if low < high:
            before = front[:index, :-1]
            lower, upper = _cut(before[is_nondominated(before)], reference[:-1])
            lowers.append(np.column_stack([lower, np.full(len(lower), low)]))
            uppers.append(np.column_stack([upper, np.full(len(upper), high)]))
    return np.concatenate(lowers), np.concatenate(uppers)
