"""How genomes are varied: the first population, crossover and mutation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.genome import Gene, Genome, to_text
from evonas.spaces import Space

Genomes = NDArray[np.int64]


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
        rng: Draws.
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


def uniform_crossover(first: Genome, second: Genome, rng: np.random.Generator) -> tuple[Genome, Genome]:
    """Swap each gene between two parents with even chance."""
    swapped = rng.random(len(first)) < 0.5
    return np.where(swapped, second, first), np.where(swapped, first, second)


def part_crossover(
    first: Genome, second: Genome, genes: Sequence[Gene], rng: np.random.Generator
) -> tuple[Genome, Genome]:
    """Swap whole cells or stages between two parents, each with even chance, so that what works together stays so.

    Genes belong together whose names begin alike, up to the first slash.
    """
    part_of = [gene.name.partition("/")[0] for gene in genes]
    is_swapped = {part: rng.random() < 0.5 for part in dict.fromkeys(part_of)}
    swapped = np.array([is_swapped[part] for part in part_of], dtype=bool)
    return np.where(swapped, second, first), np.where(swapped, first, second)


def crossover(first: Genome, second: Genome, genes: Sequence[Gene], rng: np.random.Generator) -> tuple[Genome, Genome]:
    """Mix two parents: gene by gene half of the time, else cell by cell."""
    if rng.random() < 0.5:
        return uniform_crossover(first, second, rng)
    return part_crossover(first, second, genes, rng)


def mutate(genome: Genome, genes: Sequence[Gene], rng: np.random.Generator, *, rate: float) -> Genome:
    """Change genes to another choice: ordered genes step to a neighbour half of the time, all others jump anywhere.

    Args:
        genome: Stays as it is.
        genes: Those of the space.
        rng: Draws.
        rate: Chance a gene; genes with one choice never change.
    """
    mutant, random = genome.copy(), rng.random
    for index, gene in enumerate(genes):
        n = len(gene.choices) - gene.n_locked  # n_open, without a call: this loop is most of what evolution computes
        if n == 1 or random() >= rate:
            continue
        if gene.is_ordered and rng.random() < 0.5:
            step = 2 * int(rng.integers(2)) - 1  # what rng.choice([-1, 1]) draws, at a tenth of its time
            mutant[index] += step if 0 <= mutant[index] + step < n else -step
        else:
            mutant[index] = (mutant[index] + rng.integers(1, n)) % n
    return mutant


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
