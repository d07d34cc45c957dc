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
    n: int,
    n_corners: int,
    is_within: Callable[[Genomes], NDArray[np.bool_]] | None = None,
) -> Genomes:
    """Uniform-precision networks of every width, and others that differ from them and from each other.

    Args:
        space: What to draw from.
        rng: Source of randomness.
        n: Networks in all; more only if there are more corners.
        n_corners: Uniform networks at most; those that lie farthest apart if the space has more.
        is_within: Which genomes keep within bounds; uniform networks that do not are taken only where those that do
            are fewer than ``n_corners``.

    Returns:
        Distinct genomes, ``(n, n_genes)``; fewer only if the space holds fewer.
    """
    drawn = rng.permutation(space.corners(rng), axis=0)
    if is_within is not None and len(drawn):
        within = is_within(drawn)
        drawn = drawn[within] if within.sum() >= n_corners else drawn[np.argsort(~within, kind="stable")[:n_corners]]
    corners = _apart(np.array(list(_distinct(drawn, {}).values()), dtype=np.int64), n_corners, space)
    pool = random_genomes(space, rng, n=PER_NETWORK * n, known=set(map(to_text, corners)))
    everything = np.concatenate([corners.reshape(-1, len(space.genes)), pool])
    return _apart(everything, max(n, len(corners)), space, first=len(corners))


def _apart(genomes: Genomes, n: int, space: Space, *, first: int = 0) -> Genomes:
    """At most ``n`` genomes, each as far from all before it as can be; the first ones are taken in any case.

    Args:
        genomes: Distinct, ``(m, n_genes)``.
        n: Wanted.
        space: Says which genes are ordered: their choices are the farther apart the more lie between them.
        first: How many are taken as they come.

    References:
        Johnson 1990, "Minimax and maximin distance designs".
    """
    if len(genomes) <= n:
        return genomes
    span = np.array([max(1, gene.n_open - 1) for gene in space.genes])
    is_ordered = np.array([gene.is_ordered for gene in space.genes])
    chosen, nearest = list(range(max(first, 1))), np.full(len(genomes), np.inf)
    for index in range(n):
        if index >= len(chosen):
            chosen.append(int(nearest.argmax()))
        gap = np.abs(genomes - genomes[chosen[index]])
        nearest = np.minimum(nearest, np.where(is_ordered, gap / span, gap > 0).sum(axis=1))
        nearest[chosen[index]] = -1
    return genomes[chosen[:n]]


def random_genomes(space: Space, rng: np.random.Generator, *, n: int, known: Collection[str] = frozenset()) -> Genomes:
    """Distinct random genomes, ``(n, n_genes)``, none of those known; fewer only if the space holds fewer."""
    found = list(_fill(space, rng, {}, n=n, refused=known).values())
    return np.array(found, dtype=np.int64).reshape(len(found), len(space.genes))


def stratified_by_size(
    space: NetworkSpace,
    rng: np.random.Generator,
    *,
    n: int,
    bounds: Mapping[str, float],
    table: Mapping[str, Objective] = OBJECTIVES,
    pool: int = 0,
) -> Genomes:
    """Draw networks whose sizes lie evenly, by logarithm, between the smallest and the largest that are drawn.

    Random networks, uniform-precision ones, crossings of both, and what a few generations breed for small size alone:
    uniform draws leave out the small and the uniform networks that a search finds.

    Args:
        space: What to draw from.
        rng: Source of randomness.
        n: Networks at most.
        bounds: Upper bounds by name; networks beyond one that can be counted are left out, if enough others are there.
        table: What counts them, by name.
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
    counts = {name: _counted(space, genomes, table[name]) for name in ("model_size", *bounds) if name in OBJECTIVES}
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
