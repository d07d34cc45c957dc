"""Networks spread evenly over sizes, so that what is learned from a few of them holds for small and large ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evonas.genome import to_text
from evonas.operators import Genomes, uniform_crossover
from evonas.spaces import NetworkSpace
from objectives import OBJECTIVES, Objective

PER_NETWORK = 8  # networks drawn for each that is wanted
MARGIN = 0.002  # share of the pool at either end that is taken for outliers


def spread_genomes(
    space: NetworkSpace, rng: np.random.Generator, *, n: int, bounds: Mapping[str, float], pool: int = 0
) -> Genomes:
    """Draw networks whose sizes lie evenly, by logarithm, between the smallest and the largest that are drawn.

    Random networks, uniform-precision ones, and crossings of both: uniform draws alone leave out the small and the
    uniform networks that a search comes to.

    Args:
        space: What to draw from.
        rng: Draws.
        n: Networks at most.
        bounds: Upper bounds by name; networks beyond one that can be counted are left out, if enough others are there.
        pool: Random networks to choose from, and crossings; 0 for ``PER_NETWORK`` times ``n``.

    Returns:
        Distinct genomes from small to large, ``(n, n_genes)``; fewer only if the space holds fewer.
    """
    pool = pool or PER_NETWORK * n
    drawn = [space.sample(rng, pool), space.corners(rng)]
    if len(drawn[1]):
        mates = drawn[1][rng.integers(len(drawn[1]), size=pool)]
        crossed = [uniform_crossover(mate, other, rng)[0] for mate, other in zip(mates, drawn[0], strict=True)]
        drawn.append(space.repair_all(np.stack(crossed)))
    genomes = np.stack(list({to_text(genome): genome for genome in np.concatenate(drawn)}.values()))
    counts = {
        name: _counted(space, genomes, OBJECTIVES[name]) for name in ("model_size", *bounds) if name in OBJECTIVES
    }
    is_within = np.ones(len(genomes), dtype=bool)
    for name, bound in bounds.items():
        if name in counts:
            is_within &= counts[name] <= bound
    if is_within.sum() < n:
        is_within[:] = True
    sizes = counts["model_size"][is_within]
    low, high = np.quantile(sizes, [MARGIN, 1 - MARGIN], method="nearest")
    inner = np.flatnonzero(is_within)[(sizes >= low) & (sizes <= high)]
    sizes = sizes[(sizes >= low) & (sizes <= high)]
    chosen: Genomes = genomes[inner[evenly(sizes, n)]]
    return chosen


def _counted(space: NetworkSpace, genomes: Genomes, objective: Objective) -> NDArray[np.float64]:
    """A cost of many networks; minus infinity for all, so within any bound, where it cannot be counted."""
    if objective.measure is None:
        return np.full(len(genomes), -np.inf)
    layers = space.batch_layers(genomes)
    if layers is None:
        return np.array([objective.measure(space.decode(genome).layers) for genome in genomes], dtype=float)
    return np.broadcast_to(np.asarray(objective.measure(layers), dtype=float), len(genomes))


def evenly(sizes: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Indices of at most ``n`` of some sizes that lie evenly by logarithm, ascending; of equal ones the first is taken.

    Args:
        sizes: Positive, ``(m,)``.
        n: Wanted; all indices if ``m`` is smaller.
    """
    logarithms = np.log(sizes)
    free, chosen = np.ones(len(sizes), dtype=bool), []
    for target in np.linspace(logarithms.min(), logarithms.max(), min(n, len(sizes))):
        distance = np.where(free, np.abs(logarithms - target), np.inf)
        chosen.append(int(distance.argmin()))
        free[chosen[-1]] = False
    return np.array(sorted(chosen, key=lambda index: (sizes[index], index)), dtype=np.int64)
