"""Choose which predicted networks to evaluate: by expected gain in hypervolume, and a few by their uncertainty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from objectives.fronts.pareto import hypervolume, is_nondominated

Floats = NDArray[np.float64]
NODES = ((0.0, 2 / 3), (-np.sqrt(3.0), 1 / 6), (np.sqrt(3.0), 1 / 6))
"""Deviations from the mean, and their weights: Gauss-Hermite quadrature with three nodes, for a normal distribution."""
MARGIN = 0.1  # how far the reference point lies beyond the worst values, as a share of their range
MOST = 300  # candidates whose gain is computed; hypervolumes are slow


def choose(
    front: Floats, means: Floats, spreads: Floats, *, n: int, n_uncertain: int, best: Floats | None = None
) -> list[int]:
    """Choose candidates one after another, each with the largest expected gain in hypervolume.

    A chosen candidate counts as found at its predicted values, so that the next one lies elsewhere. The last ones are
    those that could be on the front and are the most uncertain.

    Args:
        front: What was found so far, non-dominated and feasible, ``(m, n_objectives)``; m may be 0.
        means: Predicted or counted objectives, ``(k, n_objectives)``.
        spreads: Their standard deviations, 0 for what is counted.
        n: How many to choose; fewer only if there are fewer candidates.
        n_uncertain: How many of them are chosen for their spread.
        best: Values below which nothing can be told apart, ``(n_objectives,)``; by default there are none.

    Returns:
        Indices of candidates.

    References:
        Emmerich 2006, "Single- and multiobjective evolutionary optimization assisted by Gaussian random field
        metamodels", for the expected gain; Ginsbourger 2010, for counting what is chosen as found.
    """
    if best is not None:
        front, means = np.maximum(front, best), np.maximum(means, best)
    everything = np.concatenate([front, means])
    low, high = everything.min(axis=0), everything.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    found, means, spreads = (front - low) / size, (means - low) / size, spreads / size
    reference = np.full(means.shape[1], 1 + MARGIN)
    floor = np.full(means.shape[1], -np.inf) if best is None else (best - low) / size
    hopeful = _hopeful(found, np.maximum(means - NODES[2][0] * spreads, floor))
    volume = _volume(found, reference)
    gains = np.array([_volume_with(found, means[one], spreads[one], reference, floor) for one in hopeful]) - volume
    chosen: list[int] = []
    while len(chosen) < n - n_uncertain and len(gains) and gains.max() > 0:
        first = int(gains.argmax())
        most = int(hopeful[first])
        # gains only shrink as more is found: one that stays the largest after a second look is the largest
        gains[first] = _volume_with(found, means[most], spreads[most], reference, floor) - volume
        if gains[first] < gains.max() or gains[first] <= 0:
            continue
        chosen.append(most)
        found = np.concatenate([found, means[[most]]])
        volume = _volume(found, reference)
        gains[first] = -np.inf
    least_known = np.argsort(-spreads.max(axis=1), kind="stable")
    rest = [int(index) for index in [*least_known[np.isin(least_known, hopeful)], *least_known]]
    for index in rest:
        if len(chosen) >= min(n, len(means)):
            break
        if index not in chosen:
            chosen.append(index)
    return chosen


def _hopeful(found: Floats, optimistic: Floats) -> NDArray[np.int64]:
    """Candidates that nothing found dominates if they turn out well; the best of them if they are many."""
    is_worse = (found[None] <= optimistic[:, None]).all(axis=2)  # one row per candidate, one column per point found
    indices = np.flatnonzero(~np.any(is_worse, axis=1))
    order = np.argsort(~is_nondominated(optimistic[indices]), kind="stable")  # the optimistic front first
    return np.sort(indices[order[:MOST]])


def _volume(found: Floats, reference: Floats) -> float:
    return hypervolume(found, reference_point=reference) if len(found) else 0.0


def _volume_with(found: Floats, mean: Floats, spread: Floats, reference: Floats, floor: Floats) -> float:
    """Expected hypervolume with a candidate; its predicted objectives are assumed to be off in the same direction."""
    nodes = NODES if spread.any() else ((0.0, 1.0),)
    points = ((np.maximum(mean + step * spread, floor), weight) for step, weight in nodes)
    volumes = (weight * _volume(np.concatenate([found, [point]]), reference) for point, weight in points)
    return float(sum(volumes))
