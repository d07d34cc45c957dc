"""Choose which predicted networks to evaluate: by expected gain in hypervolume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evonas.algorithms.flattening import Flattening
from objectives.fronts.boxes import open_boxes
from objectives.fronts.pareto import pareto_rank

Floats = NDArray[np.float64]
MARGIN = 0.1  # how far the reference point lies beyond the worst values, as a share of their range
HOPE = 3.0  # standard deviations by which a candidate that is looked at may turn out better than expected
MOST = 300  # candidates whose gain is computed where there are three objectives and more; boxes are many then
PLAIN = Flattening(0.0, 0.0)


@dataclass(frozen=True)
class Candidates:
    """What is believed of networks that could be evaluated.

    Attributes:
        means: Objectives, ``(k, n_objectives)``, flattened where that is how they were learned.
        spreads: Their standard deviations, 0 for what is counted.
        scales: How each objective was flattened; by default none was.
        feasible: How probable it is that a network keeps all bounds, ``(k,)``; by default it is certain.
    """

    means: Floats
    spreads: Floats
    scales: Sequence[Flattening] = ()
    feasible: Floats | None = None

    def __len__(self) -> int:
        return len(self.means)

    def some(self, chosen: NDArray[np.bool_]) -> Candidates:
        """Those of them for which it is true."""
        feasible = None if self.feasible is None else self.feasible[chosen]
        return Candidates(self.means[chosen], self.spreads[chosen], self.scales, feasible)

    def told(self, deviations: float = 0.0) -> Floats:
        """Objectives in the scale that is reported, if all are off by so many standard deviations."""
        values = self.means + deviations * self.spreads
        return np.column_stack([scale.told(column) for scale, column in zip(self._scales, values.T, strict=True)])

    def gains(self, chosen: NDArray[np.int64], lower: Floats, upper: Floats) -> Floats:
        """Expected gain in hypervolume of some candidates: over all boxes, the volume that they take of each."""
        volumes = np.ones((len(chosen), len(lower)))
        for index, scale in enumerate(self._scales):
            levels, where = np.unique(np.concatenate([lower[:, index], upper[:, index]]), return_inverse=True)
            below = scale.below(levels[None], self.means[chosen, index, None], self.spreads[chosen, index, None])
            ends = below[:, where]
            volumes *= np.maximum(ends[:, len(lower) :] - ends[:, : len(lower)], 0.0)
        gains = volumes.sum(axis=1)
        return np.asarray(gains if self.feasible is None else gains * self.feasible[chosen])

    @property
    def _scales(self) -> Sequence[Flattening]:
        return self.scales or [PLAIN] * self.means.shape[1]


def choose(
    front: Floats,
    candidates: Candidates,
    *,
    n: int,
    awaited: Floats | None = None,
    seen: Floats | None = None,
    best: Floats | None = None,
    networks: Sequence[int] | None = None,
) -> list[int]:
    """Choose candidates one after another, each with the largest expected gain in hypervolume.

    A chosen candidate counts as found at its expected values, so that the next one lies elsewhere. Where nothing more
    is to be gained, what could be on the front and is known least comes next.

    Args:
        front: What was found so far, non-dominated and feasible, ``(m, n_objectives)``; m may be 0.
        candidates: What may be chosen.
        n: How many to choose; fewer only if there are fewer candidates.
        awaited: Expected values of what is being evaluated, ``(k, n_objectives)``: counts as found, too.
        seen: All that was found so far, beyond whose worst values the reference point lies; by default the front.
        best: Values below which nothing can be told apart, ``(n_objectives,)``; by default there are none.
        networks: Which candidates are of one network, ``(k,)``, of which one is chosen at most; by default each is of
            its own.

    Returns:
        Indices of candidates.

    References:
        Emmerich 2006, "Single- and multiobjective evolutionary optimization assisted by Gaussian random field
        metamodels", for the expected gain; Yang 2019, "Efficient computation of expected hypervolume improvement using
        box decomposition algorithms", for its exact value; Ginsbourger 2010, for counting what is chosen as found.
    """
    means, floor = candidates.told(), np.full(front.shape[1], -np.inf) if best is None else best
    reference = _reference(front if seen is None else seen, candidates, means)
    found = np.maximum(front if awaited is None else np.concatenate([front, awaited]), floor)

    def boxes() -> tuple[Floats, Floats]:
        lower, upper = open_boxes(found, reference_point=reference)
        return np.maximum(lower, floor), np.maximum(upper, floor)

    network = np.arange(len(candidates)) if networks is None else np.asarray(networks)
    hopeful = _hopeful(found, np.maximum(candidates.told(-HOPE), floor))
    lower, upper = boxes()
    gains = candidates.gains(hopeful, lower, upper)
    chosen: list[int] = []
    while len(chosen) < n and len(gains) and gains.max() > 0:
        first = int(gains.argmax())
        # gains only shrink as more is found: one that stays the largest after a second look is the largest
        gains[first] = candidates.gains(hopeful[[first]], lower, upper)[0]
        if gains[first] < gains.max() or gains[first] <= 0:
            continue
        chosen.append(int(hopeful[first]))
        found = np.concatenate([found, np.maximum(means[hopeful[[first]]], floor)])
        lower, upper = boxes()
        gains[network[hopeful] == network[hopeful[first]]] = -np.inf
    ranked: dict[int, int] = {}
    for index in [*chosen, *_uncertain(candidates, hopeful)]:
        ranked.setdefault(int(network[index]), index)
    return list(ranked.values())[:n]


def _reference(seen: Floats, candidates: Candidates, means: Floats) -> Floats:
    """Somewhat beyond the worst values found; of costs, beyond the worst of candidates, too."""
    is_counted = ~(candidates.spreads > 0).any(axis=0)
    everything = [seen, np.where(is_counted, means, np.nan)] if len(seen) else [means]
    low, high = np.nanmin(np.concatenate(everything), axis=0), np.nanmax(np.concatenate(everything), axis=0)
    reference: Floats = high + MARGIN * np.where(high > low, high - low, 1.0)
    return reference


def _hopeful(found: Floats, optimistic: Floats) -> NDArray[np.int64]:
    """Candidates that nothing found dominates if they turn out well; of many the best by rank."""
    indices = np.arange(len(optimistic))
    if len(found):
        is_worse = np.zeros(len(optimistic), dtype=bool)
        for point in found:
            is_worse |= (point <= optimistic).all(axis=1)
        indices = indices[~is_worse]
    if optimistic.shape[1] > 2 and len(indices) > MOST:
        indices = np.sort(indices[np.argsort(pareto_rank(optimistic[indices]), kind="stable")[:MOST]])
    return indices


def _uncertain(candidates: Candidates, hopeful: NDArray[np.int64]) -> list[int]:
    """Candidates by uncertainty, those that could be on the front first."""
    order = np.argsort(-candidates.spreads.max(axis=1), kind="stable")
    return [*order[np.isin(order, hopeful)].tolist(), *order.tolist()]
