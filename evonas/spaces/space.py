"""What a search space is: genes, and what they mean."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.architecture import Architecture
from evonas.genome import Gene, Genome, check_genome


class Space(ABC):
    """Genes and their meaning. A subclass lists genes, decodes and encodes; the rest follows.

    Laws that a test checks for every space: ``decode(encode(a)) == a`` for every architecture the space can make;
    :meth:`canonical` is idempotent and changes no network; :meth:`repair` returns a canonical genome that is alive.
    """

    @property
    @abstractmethod
    def genes(self) -> tuple[Gene, ...]:
        """The decisions, in genome order."""

    @abstractmethod
    def decode(self, genome: Genome) -> Architecture:
        """Build the architecture of any genome in range, dead ones included (see ``Architecture.dead_reason``).

        Raises:
            GenomeError: Wrong length, or a choice out of range.
        """

    @abstractmethod
    def encode(self, architecture: Architecture) -> Genome:
        """Find the canonical genome of an architecture that this space made.

        Raises:
            GenomeError: The architecture is not one of this space.
        """

    @abstractmethod
    def revive(self, genome: Genome) -> Genome:
        """Change as few genes as needed so that the image reaches the output; a living genome stays as it is."""

    @abstractmethod
    def covering(self) -> list[Architecture]:
        """Architectures that together hold every operation of the space, at its largest and in each of its precisions.

        A supernet is built from them.
        """

    @abstractmethod
    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Genomes with one precision pair and one width throughout, ``(n, n_genes)``; ``rng`` draws the free genes.

        A random draw never comes near these, and the best networks often lie close to them.
        """

    def canonical(self, genome: Genome) -> Genome:
        """Give all genomes of one network the same genes: those that have no effect get a fixed choice."""
        return self.encode(self.decode(genome))

    def repair(self, genome: Genome) -> Genome:
        """Make any integer vector a valid genome in canonical form: choices in range, network alive."""
        choices = np.array([len(gene.choices) for gene in self.genes])
        in_range = np.clip(np.asarray(genome, dtype=np.int64), 0, choices - 1)
        return self.canonical(self.revive(check_genome(in_range, self.genes)))

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Draw ``n`` repaired genomes, every choice of every gene equally likely before repair."""
        choices = [len(gene.choices) for gene in self.genes]
        return np.stack([self.repair(rng.integers(choices)) for _ in range(n)])

    def size(self) -> float:
        """Number of genomes, equal networks counted apart: the product of all choices."""
        return math.prod(float(len(gene.choices)) for gene in self.genes)

    def describe(self, genome: Sequence[int] | Genome) -> dict[str, str]:
        """Name the choice of every gene."""
        return {gene.name: gene.choices[choice] for gene, choice in zip(self.genes, genome, strict=True)}
