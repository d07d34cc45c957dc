"""Choose what to spend time on: a whole training of a network, or a brief one that tells whether it is worth it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from evonas.algorithms.acquisition import Candidates, Floats

# what a brief training may show, in standard deviations, and how probable each is: Gauss-Hermite quadrature
OUTCOMES, WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
PROBABILITIES = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class Purchases(Candidates):
    """Trainings that could be paid for; their gain is what hypervolume is expected to grow by in a unit of time.

    A brief training adds nothing to the front. It is worth what follows if only its good outcomes are trained to the
    end: the gain of those, over the time of the brief training and of the whole ones that follow, for the best such
    plan.

    Attributes:
        times: Of whole trainings, in any unit, ``(k,)``.
        brief_times: Of brief ones, ``(k,)``; 0 where the whole training itself is for sale.
        told_by_brief: Standard deviations of what objectives will be expected to be after a brief training, seen from
            now, ``(k, n_objectives)``.

    References:
        Weitzman 1979, "Optimal search for the best alternative": what is looked into next is that of the largest
        reservation price. Here the price is one of time.
    """

    _: KW_ONLY
    times: Floats
    brief_times: Floats
    told_by_brief: Floats

    def gains(self, chosen: NDArray[np.int64], lower: Floats, upper: Floats) -> Floats:
        """See :class:`Candidates`; in a unit of time."""
        found = super().gains(chosen, lower, upper) / self.times[chosen]
        is_brief = self.brief_times[chosen] > 0
        brief = chosen[is_brief]
        if len(brief):
            found[is_brief] = self._gains_of_plans(brief, lower, upper)
        return found

    def _gains_of_plans(self, chosen: NDArray[np.int64], lower: Floats, upper: Floats) -> Floats:
        told = self.told_by_brief[chosen]
        left = np.sqrt(np.maximum(self.spreads[chosen] ** 2 - told**2, 0.0))
        feasible = None if self.feasible is None else self.feasible[chosen]
        everyone = np.arange(len(chosen))
        gains = np.stack(
            [
                Candidates(self.means[chosen] + outcome * told, left, self.scales, feasible).gains(
                    everyone, lower, upper
                )
                for outcome in OUTCOMES
            ]
        )
        best_first = np.argsort(-gains, axis=0, kind="stable")
        probabilities = PROBABILITIES[best_first]
        gained = np.cumsum(probabilities * np.take_along_axis(gains, best_first, axis=0), axis=0)
        spent = self.brief_times[chosen] + self.times[chosen] * np.cumsum(probabilities, axis=0)
        return np.asarray((gained / spent).max(axis=0))
