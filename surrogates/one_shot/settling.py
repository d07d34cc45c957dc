"""When a supernet's training may end early: the rank order of fixed networks no longer changes between probes.

A probe scores the same networks with the current weights. A search needs their order, not their losses; once two
probes in a row order them alike, more steps at a high learning rate bring little. Then the learning rate decays to
zero at once, because a plain stop would leave weights that still vary strongly, and the training ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Probe = tuple[int, tuple[float, ...]]
"""Steps done, and a loss in nats for each of the fixed networks."""


def taus(probes: Sequence[Probe]) -> list[tuple[int, float]]:
    """Agreement of each probe but the first with the one before it.

    Returns:
        Steps done and Kendall's tau-b, -1 to 1; 0 where all losses of one are equal.
    """
    return [(step, kendall_tau(before, now)) for (_, before), (step, now) in pairwise(probes)]


def settled_at(probes: Sequence[Probe], *, tau: float, patience: int) -> int | None:
    """When the order settled: the first probe that, like the ``patience - 1`` before it, agrees with its predecessor.

    Args:
        probes: In order, all of the same networks.
        tau: Kendall's tau from which on two probes agree.
        patience: Agreements in a row.

    Returns:
        Steps done at that probe; None if there is none yet.
    """
    agreements = 0
    for step, agreement in taus(probes):
        agreements = agreements + 1 if agreement >= tau else 0
        if agreements >= patience:
            return step
    return None


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b of two columns; 0 where it is not defined. A NaN ties with everything.

    Written out, because scipy.stats takes longer to load than a probe takes to make.
    """
    signs = [np.greater.outer(column, column) * 1 - np.less.outer(column, column) for column in (first, second)]
    untied = math.prod(float(np.abs(sign).sum()) for sign in signs)
    return float((signs[0] * signs[1]).sum()) / math.sqrt(untied) if untied else 0.0
