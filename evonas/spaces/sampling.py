"""Samples of genomes: random ones, uniform-precision ones, and networks of every size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from evonas.spaces.genome import Genome, Genomes, to_text
from evonas.spaces.space import NetworkSpace, Space
from objectives import OBJECTIVES, Objective

PER_NETWORK = 8  # networks drawn for each that is wanted
GENERATIONS = 12  # bred for small size
MARGIN = 0.002  # share of the pool at either end that is taken for outliers


def first_population(
    space: Space,
    rng: np.random.Generator,
    *,
    n_corners: int,
    n_random: int,
    is_within: Callable[[Genomes], NDArray[np.bool_]] | None = None,
) -> Genomes:
    """Uniform-precision networks of every width, and random ones beside them.

    Args:
        space: What to draw from.
        rng: Source of randomness.
        n_corners: Uniform networks at most; a random choice of them if the space has more.
        n_random: Random networks.
        is_within: Which genomes keep within bounds; uniform networks that do not are taken only where those that do
            are fewer than ``n_corners``.

    Returns:
        Distinct genomes, ``(n, n_genes)``.
    """
    drawn = rng.permutation(space.corners(rng), axis=0)
    if is_within is not None and len(drawn):
        drawn = drawn[np.argsort(~is_within(drawn), kind="stable")]
    corners = _distinct(drawn[:n_corners], {})
    return np.stack(list(_fill(space, rng, corners, n=len(corners) + n_random).values()))


def random_genomes(space: Space, rng: np.random.Generator, *, n: int, known: Collection[str] = frozenset()) -> Genomes:
    """Distinct random genomes, ``(n, n_genes)``, none of those known; fewer only if the space holds fewer."""
    found = list(_fill(space, rng, {}, n=n, refused=known).values())
    return np.array(found, dtype=np.int64).reshape(len(found), len(space.genes))


def stratified_by_size(
    space: NetworkSpace, rng: np.random.Generator, *, n: int, bounds: Mapping[str, float], pool: int = 0
) -> Genomes:
    """Draw networks whose sizes lie evenly, by logarithm, between the smallest and the largest that are drawn.

    Random networks, uniform-precision ones, crossings of both, and what a few generations breed for small size alone:
    uniform draws leave out the small and the uniform networks that a search finds.

    Args:
        space: What to draw from.
        rng: Source of randomness.
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
        drawn.append(space.repair_all(np.where(rng.random(mates.shape) < 0.5, drawn[0], mates)))
    drawn.append(_bred_small(space, rng, np.concatenate(drawn)))
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
    chosen: Genomes = genomes[inner[evenly_by_log_size(sizes, n)]]
    return chosen


def _bred_small(space: NetworkSpace, rng: np.random.Generator, genomes: Genomes) -> Genomes:
    """Offspring of the smallest, generation by generation: networks of all sizes below those that are drawn."""
    bred = [genomes[:0]]
    n_open = np.array([gene.n_open for gene in space.genes])
    for _ in range(GENERATIONS):
        sizes = _counted(space, genomes, OBJECTIVES["model_size"])
        parents = genomes[np.argsort(sizes, kind="stable")[: max(2, len(genomes) // 4)]]
        first, second = parents[rng.integers(len(parents), size=(2, len(genomes)))]
        children = np.where(rng.random(first.shape) < 0.5, first, second)
        is_mutated = rng.random(first.shape) < 1 / len(n_open)
        bred.append(space.repair_all(np.where(is_mutated, rng.integers(n_open, size=first.shape), children)))
        genomes = np.concatenate([parents, bred[-1]])[: len(genomes)]
    return np.concatenate(bred)


def evenly_by_log_size(sizes: NDArray[np.float64], n: int) -> NDArray[np.int64]:
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


def _counted(space: NetworkSpace, genomes: Genomes, objective: Objective) -> NDArray[np.float64]:
    """A cost of many networks; minus infinity for all, so within any bound, where it cannot be counted."""
    if objective.measure is None:
        return np.full(len(genomes), -np.inf)
    layers = space.batch_layers(genomes)
    if layers is None:
        return np.array([objective.measure(space.decode(genome).layers) for genome in genomes], dtype=float)
    return np.broadcast_to(np.asarray(objective.measure(layers), dtype=float), len(genomes))


def _distinct(genomes: Genomes, known: dict[str, Genome]) -> dict[str, Genome]:
    return known | {to_text(genome): genome for genome in genomes if to_text(genome) not in known}


def _fill(
    space: Space,
    rng: np.random.Generator,
    known: dict[str, Genome],
    *,
    n: int,
    refused: Collection[str] = frozenset(),
) -> dict[str, Genome]:
    """Add random genomes to those known until there are ``n``, or until a hundred rounds found too few new ones."""
    for _ in range(100):
        if len(known) >= n:
            break
        drawn = space.sample(rng, n - len(known))
        known = _distinct(np.array([one for one in drawn if to_text(one) not in refused], dtype=np.int64), known)
    return known
