"""Variation of genomes: mates, crossover and mutation of whole populations at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.spaces.genome import Gene, Genomes

Floats = NDArray[np.float64]
MATE_CANDIDATES = 5


def near_mates(first: NDArray[np.int64], points: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose a mate for each first parent: of a few random ones, the nearest in objective space.

    Parents at far ends of a front have offspring that are good at neither; near ones search along the whole front.

    Args:
        first: Indices of the first parents, ``(n,)``.
        points: Objectives of the population, ``(size, n_objectives)``.
        rng: Source of randomness.

    Returns:
        Indices of the second parents, ``(n,)``.

    References:
        Ishibuchi 2008, "An empirical study on similarity-based mating for evolutionary multiobjective combinatorial
        optimization".
    """
    size = np.ptp(points, axis=0)
    scaled = points / np.where(size > 0, size, 1.0)
    others = rng.integers(len(points), size=(len(first), MATE_CANDIDATES))
    distance = ((scaled[others] - scaled[first][:, None]) ** 2).sum(axis=2)
    distance[others == first[:, None]] = np.inf
    mates: NDArray[np.int64] = others[np.arange(len(first)), distance.argmin(axis=1)]
    return mates


def crossover(
    first: Genomes, second: Genomes, genes: Sequence[Gene], rng: np.random.Generator, *, rate: float
) -> tuple[Genomes, Genomes]:
    """Mix pairs of parents: gene by gene half of the time, else cell by cell or stage by stage.

    Genes whose names are equal up to the first slash belong together, so that good combinations survive.

    Args:
        first, second: Parents, ``(n, n_genes)``.
        genes: Those of the space.
        rng: Source of randomness.
        rate: Share of pairs that are mixed; the others are copied.

    Returns:
        Two children per pair, which together have the genes of both parents, ``(n, n_genes)`` each.
    """
    n, n_genes = first.shape
    parts, part_of = np.unique([gene.name.partition("/")[0] for gene in genes], return_inverse=True)
    by_gene, by_part = rng.random((n, n_genes)) < 0.5, (rng.random((n, len(parts))) < 0.5)[:, part_of]
    is_swapped = np.where(rng.random((n, 1)) < 0.5, by_gene, by_part) & (rng.random((n, 1)) < rate)
    return np.where(is_swapped, second, first), np.where(is_swapped, first, second)


def mutate(genomes: Genomes, genes: Sequence[Gene], rng: np.random.Generator, *, rate: float) -> Genomes:
    """Change genes to another open choice: ordered genes step to a neighbour half of the time, others jump.

    Args:
        genomes: ``(n, n_genes)``; they stay as they are.
        genes: Those of the space.
        rng: Source of randomness.
        rate: Chance per gene; genes with one open choice never change.

    Returns:
        Mutants, ``(n, n_genes)``.
    """
    n_open, is_ordered = np.array([gene.n_open for gene in genes]), np.array([gene.is_ordered for gene in genes])
    is_changed = (rng.random(genomes.shape) < rate) & (n_open > 1)
    is_step = is_ordered & (rng.random(genomes.shape) < 0.5)
    step = rng.choice([-1, 1], size=genomes.shape)
    stepped = np.where((genomes + step >= 0) & (genomes + step < n_open), genomes + step, genomes - step)
    jumped = (genomes + rng.integers(1, np.maximum(n_open, 2), size=genomes.shape)) % n_open
    return np.where(is_changed, np.where(is_step, stepped, jumped), genomes)
