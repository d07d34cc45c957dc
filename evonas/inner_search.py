"""NSGA-II on arrays: the search on predicted values that runs inside a search, many times, so it must be quick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.algorithm import Algorithm, Floats
from evonas.genome import Gene
from evonas.operators import Genomes
from evonas.spaces import Space
from objectives.pareto import pareto_rank

MATE_CANDIDATES = 5
SURPLUS = 2  # offspring bred for each one wanted, since some were there before


class InnerSearch(Algorithm):
    """NSGA-II whose operators take whole populations.

    It does what :class:`evonas.pymoo_bridge.Nsga` does, draws other random numbers, and takes a tenth of the time. What
    an inner search comes across counts, not what survives it, so many objectives need no other survival here.

    Args:
        space: Gives genes and repair.
        first: Genomes of the first generation, ``(n, n_genes)``, repaired and distinct.
        population: Survivors, and offspring, of a generation.
        crossover_rate: Share of matings that mix their parents.
        mutation_rate: Chance a gene.
        seed: Of everything random here.

    References:
        Deb 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II".
    """

    def __init__(
        self, space: Space, *, first: Genomes, population: int, crossover_rate: float, mutation_rate: float, seed: int
    ) -> None:
        self.space, self.n = space, population
        self.crossover_rate, self.mutation_rate = crossover_rate, mutation_rate
        self.rng = np.random.default_rng(seed)
        self._asked = first
        self._seen: set[bytes] = set()
        self._genomes: Genomes = first[:0]
        self._points: Floats | None = None
        self._violations: Floats = np.empty(0)

    def ask(self) -> Genomes:
        """See :class:`Algorithm`."""
        asked = self._asked if self._points is None else self._offspring()
        self._seen.update(map(bytes, asked))
        return asked

    def tell(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """See :class:`Algorithm`."""
        excess = np.maximum(violations, 0).sum(axis=1)
        if self._points is not None:
            genomes, points = np.concatenate([self._genomes, genomes]), np.concatenate([self._points, points])
            excess = np.concatenate([self._violations, excess])
        best = best_first(points, excess)[: self.n]
        self._genomes, self._points, self._violations = genomes[best], points[best], excess[best]

    def population(self) -> Genomes:
        """See :class:`Algorithm`; the best first."""
        return self._genomes

    def _offspring(self) -> Genomes:
        """Children that were never asked for, fewer where hardly any are left."""
        first, second = self._genomes[self._mates(SURPLUS * self.n).T]
        children = crossed(first, second, self.space.genes, self.rng, rate=self.crossover_rate)
        children = self.space.repair_all(mutated(children, self.space.genes, self.rng, rate=self.mutation_rate))
        fresh = {bytes(child): child for child in children if bytes(child) not in self._seen}
        return np.array(list(fresh.values())[: self.n], dtype=np.int64).reshape(-1, children.shape[1])

    def _mates(self, n: int) -> NDArray[np.int64]:
        """Pairs, ``(n, 2)``: the better of two, and of some others the nearest to it in objective space."""
        assert self._points is not None
        size = len(self._genomes)
        first = self.rng.integers(size, size=(n, 2)).min(axis=1)
        spread = np.ptp(self._points, axis=0)
        points = self._points / np.where(spread > 0, spread, 1.0)
        others = self.rng.integers(size, size=(n, MATE_CANDIDATES))
        distance = ((points[others] - points[first][:, None]) ** 2).sum(axis=2)
        distance[others == first[:, None]] = np.inf
        return np.stack([first, others[np.arange(n), distance.argmin(axis=1)]], axis=1)


def best_first(points: Floats, excess: Floats) -> NDArray[np.int64]:
    """Order of survival: what keeps within the bounds, by rank and then by crowding; then the others by their excess.

    Args:
        points: ``(n, n_objectives)``.
        excess: How far all bounds together are exceeded, ``(n,)``; 0 is feasible.
    """
    feasible = np.flatnonzero(excess <= 0)
    rank = pareto_rank(points[feasible])
    crowding = np.empty(len(feasible))
    for one in np.unique(rank):
        crowding[rank == one] = _crowding(points[feasible[rank == one]])
    order = feasible[np.lexsort((-crowding, rank))]
    beyond = np.flatnonzero(excess > 0)
    return np.concatenate([order, beyond[np.argsort(excess[beyond], kind="stable")]])


def crossed(
    first: Genomes, second: Genomes, genes: Sequence[Gene], rng: np.random.Generator, *, rate: float
) -> Genomes:
    """One child of each pair: gene by gene half of the time, else cell by cell; see ``operators.crossover``."""
    n, n_genes = first.shape
    parts, part_of = np.unique([gene.name.partition("/")[0] for gene in genes], return_inverse=True)
    by_gene, by_part = rng.random((n, n_genes)) < 0.5, (rng.random((n, len(parts))) < 0.5)[:, part_of]
    is_swapped = np.where(rng.random((n, 1)) < 0.5, by_gene, by_part) & (rng.random((n, 1)) < rate)
    return np.where(is_swapped, second, first)


def mutated(genomes: Genomes, genes: Sequence[Gene], rng: np.random.Generator, *, rate: float) -> Genomes:
    """Every genome changed as :func:`evonas.operators.mutate` changes one."""
    n_open, is_ordered = np.array([gene.n_open for gene in genes]), np.array([gene.is_ordered for gene in genes])
    is_changed = (rng.random(genomes.shape) < rate) & (n_open > 1)
    is_step = is_ordered & (rng.random(genomes.shape) < 0.5)
    step = rng.choice([-1, 1], size=genomes.shape)
    stepped = np.where((genomes + step >= 0) & (genomes + step < n_open), genomes + step, genomes - step)
    jumped = (genomes + rng.integers(1, np.maximum(n_open, 2), size=genomes.shape)) % n_open
    return np.where(is_changed, np.where(is_step, stepped, jumped), genomes)


def _crowding(points: Floats) -> Floats:
    """Crowding distance in one front: sides of the box between neighbours, added up; infinite at the ends."""
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        size = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if size > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / size
    return distance
