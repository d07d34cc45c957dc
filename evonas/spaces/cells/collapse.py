"""Whether a search collapsed onto operations without weights: a supernet over-rates pools and skips.

Supernets of cells rank networks with many pools too high, probably because shared kernels are trained too little for
any one network and a pool needs no training; and pools are cheap on top. Differentiable search collapses onto skips for
reasons of its own (Zela 2020, "Understanding and robustifying differentiable architecture search").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evonas.architecture.graph import Architecture

EXCESS = 0.25
"""How far the front's share must exceed that of random networks: what a space offers is not the search's doing. Random
networks of the default space have about 0.6, with a standard deviation of 0.2; so the mean of ten varies by 0.06, and
this much is no accident."""
LIMIT = 0.6
"""The front's share from which convolutions are a clear minority. Below, more pools than at random are a fair trade."""
EDGE = re.compile(r"cell\d+/node\d+/from\d+/")  # as evonas/spaces/cells/decode.py names searched edges


def parameter_free_share(architecture: Architecture) -> float:
    """Share of the searched edges that compute without weights: pools and skips, 0–1.

    Counted is what stands where a convolution could have stood, so the edges of cells and nothing else: not residuals,
    not sums, not the pool of a shortcut. Edges of ``none`` compute nothing and are no part of a network. Where no edge
    is searched, as in spaces of blocks in stages, the share is 0.
    """
    edges = [op for op in architecture.ops if EDGE.match(op.name)]
    return sum(op.kind != "conv" for op in edges) / max(1, len(edges))


def collapse_warning(front: Sequence[Architecture], random: Sequence[Architecture]) -> str | None:
    """Say so if a front collapsed.

    Args:
        front: Networks that a search found best.
        random: Random ones of the same space, about as many or more.

    Returns:
        A sentence for people; None if all is well, or if there is nothing to compare.
    """
    if not front or not random:
        return None
    found, usual = _mean_share(front), _mean_share(random)
    if found <= LIMIT or found - usual <= EXCESS:
        return None
    return (
        f"{found:.0%} of the edges on the front are pools or skips, {usual:.0%} in random networks: the supernet may "
        "over-rate what has no weights; train picks from scratch before you trust their order"
    )


def _mean_share(architectures: Sequence[Architecture]) -> float:
    return sum(map(parameter_free_share, architectures)) / len(architectures)
