"""When a supernet's training may end early: the rank order of fixed networks no longer changes between probes.

A probe scores the same networks with the weights of the moment. A search needs their order, not their losses; once two
probes in a row order them alike, more updates at a high learning rate bring little. Then the learning rate decays to
zero at once, as a plain stop would leave weights that still jump about, and the training ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from surrogates.one_shot.schedule import Schedule, warm_up

Probe = tuple[int, tuple[float, ...]]
"""Updates done, and a loss in nats for each of the fixed networks."""


def taus(probes: Sequence[Probe]) -> list[tuple[int, float]]:
    """Agreement of each probe but the first with the one before it.

    Returns:
        Updates done and Kendall's tau-b, -1 to 1; 0 where all losses of one are equal.
    """
    return [(step, kendall_tau(before, now)) for (_, before), (step, now) in pairwise(probes)]


def settled_at(probes: Sequence[Probe], *, tau: float, patience: int) -> int | None:
    """When the order settled: the first probe that, like the ``patience - 1`` before it, agrees with its predecessor.

    Args:
        probes: In order, all of the same networks.
        tau: From which Kendall's tau on two probes agree.
        patience: Agreements in a row.

    Returns:
        Updates done at that probe; None if there is none yet.
    """
    agreements = 0
    for step, agreement in taus(probes):
        agreements = agreements + 1 if agreement >= tau else 0
        if agreements >= patience:
            return step
    return None


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b of two columns; 0 where it is not defined. A NaN ties with everything.

    Written out, as scipy.stats takes longer to load than a probe to make.
    """
    signs = [np.greater.outer(column, column) * 1 - np.less.outer(column, column) for column in (first, second)]
    untied = math.prod(float(np.abs(sign).sum()) for sign in signs)
    return float((signs[0] * signs[1]).sum()) / math.sqrt(untied) if untied else 0.0


def _ignore(probes: Sequence[Probe]) -> None:
    del probes


@dataclass(frozen=True)
class EarlyStop:
    """A rule to end a training early.

    Attributes:
        probe: Losses of the fixed networks with the weights of the moment. May leave the supernet in eval mode and its
            batch-norm statistics changed; must not draw from the generators of batches and paths.
        interval: Updates between probes; there are none in the warm-up and the decay.
        settled_tau: From which Kendall's tau on two probes agree.
        patience: Agreements in a row that make the order settled.
        decay_share: Length of the decay, as a share of the updates before it.
        on_probe: Called after each probe with all probes so far, those before an interruption too.
    """

    probe: Callable[[], Sequence[float]]
    interval: int
    settled_tau: float = 0.7
    patience: int = 3
    decay_share: float = 0.25
    on_probe: Callable[[Sequence[Probe]], None] = _ignore

    def schedule(self, steps: int, *, warmup: float, probes: Sequence[Probe]) -> Schedule:
        """What the training looks like from what the probes have shown: a pure function.

        Args:
            steps: Updates if the order never settles; the last of them are the decay, a fifth if ``decay_share`` is
                0.25.
            warmup: Share of ``steps`` with a rising learning rate.
            probes: So far.
        """
        warm = warm_up(steps, warmup)
        settled = settled_at(probes, tau=self.settled_tau, patience=self.patience)
        if settled is None:
            return Schedule(warm, max(warm, round(steps / (1 + self.decay_share))), steps)
        return Schedule(warm, settled, min(steps, settled + max(1, round(self.decay_share * settled))))

    def is_due(self, step: int, schedule: Schedule) -> bool:
        """Whether to probe after ``step`` updates."""
        return step % self.interval == 0 and schedule.warm <= step < schedule.turn
