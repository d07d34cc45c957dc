"""What a search algorithm is: it asks for genomes and is told their values. Random and exhaustive search."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evonas.errors import RunFileError
from evonas.spaces import Space
from evonas.spaces.genome import Genomes, to_text
from evonas.spaces.sampling import random_genomes

Floats = NDArray[np.float64]
LARGEST_EXHAUSTED = 1_000_000  # genomes; to evaluate more would take too long
CHUNK = 500  # genomes that an exhaustive search asks for at a time


class Algorithm(ABC):
    """Asks for genomes that it never asked for before, and is told their values.

    Deterministic: the same seed and the same answers lead to the same questions; resuming relies on it.

    Attributes:
        min_evaluations: Evaluations that it must be told before it can ask for more than its first genomes.
    """

    min_evaluations = 0

    @abstractmethod
    def ask(self, awaited: Genomes | None = None) -> Genomes:
        """Genomes to look at next, repaired and distinct, ``(n, n_genes)``; no rows when none are left.

        Args:
            awaited: Genomes asked for before that are still being evaluated, ``(k, n_genes)``; by default there are
                none.
        """

    def tell(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """Report evaluated genomes: some of those asked for; the others failed, or were not looked at.

        Args:
            genomes: ``(n, n_genes)``.
            points: Objective values, ``(n, n_objectives)``; NaN where a genome was not evaluated because it exceeds a
                bound that is known before.
            violations: How far each bound is exceeded, ``(n, n_constraints)``; 0 or less is feasible, NaN unknown.
        """
        del genomes, points, violations

    def population(self) -> Genomes:
        """Survivors, ``(n, n_genes)``, whose values matter for what is asked next; none if there is no survival."""
        return np.empty((0, 0), dtype=np.int64)

    def change_space(self, space: Space) -> None:
        """Draw from another space from now on: one with the same genes and choices, others of them open."""
        del space

    def reassess(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """Replace all values by new ones: those told before are stale, as they are when a supernet grows.

        Args:
            genomes: Whatever has a value now; arrays as in :meth:`tell`.
            points: Objective values.
            violations: How far each bound is exceeded.
        """
        del genomes, points, violations

    @property
    def facts(self) -> list[dict[str, object]]:
        """What the run stores about how this algorithm chose its genomes; a JSON value."""
        return []


class RandomSearch(Algorithm):
    """Asks for random networks, every choice of every gene equally likely before repair.

    Args:
        space: What to draw from.
        rng: Source of randomness.
        population: Genomes per generation.
    """

    def __init__(self, space: Space, rng: np.random.Generator, *, population: int) -> None:
        self.space, self.rng, self.n = space, rng, population
        self._seen: set[str] = set()

    def ask(self, awaited: Genomes | None = None) -> Genomes:
        """See :class:`Algorithm`."""
        found = random_genomes(self.space, self.rng, n=self.n, known=self._seen)
        self._seen.update(map(to_text, found))
        return found

    def change_space(self, space: Space) -> None:
        """See :class:`Algorithm`."""
        self.space = space


class Exhaustive(Algorithm):
    """Asks for every network of a small space, so that the front is the true one.

    Args:
        space: A space with few enough genomes.

    Raises:
        RunFileError: There are more than ``LARGEST_EXHAUSTED``.
    """

    def __init__(self, space: Space) -> None:
        n_genomes = math.prod(gene.n_open for gene in space.genes)
        if n_genomes > LARGEST_EXHAUSTED:
            raise RunFileError(
                f"a space of at most {LARGEST_EXHAUSTED:,} genomes for an exhaustive search",
                found=f"10^{math.log10(n_genomes):.0f}",
                remedy="choose another algorithm under [search], or fewer choices under [space]",
            )
        self._n_genes = len(space.genes)
        self._left = self._all(space)

    def ask(self, awaited: Genomes | None = None) -> Genomes:
        """See :class:`Algorithm`."""
        found = list(itertools.islice(self._left, CHUNK))
        return np.array(found, dtype=np.int64).reshape(len(found), self._n_genes)

    @staticmethod
    def _all(space: Space) -> Iterator[NDArray[np.int64]]:
        seen: set[str] = set()
        for choices in itertools.product(*(range(gene.n_open) for gene in space.genes)):
            genome = space.repair(np.array(choices, dtype=np.int64))
            if (key := to_text(genome)) not in seen:
                seen.add(key)
                yield genome
