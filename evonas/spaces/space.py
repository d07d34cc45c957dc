"""What a search space is: genes, and what they mean. Most make networks; some only look results up."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from evonas.architecture.graph import Architecture
from evonas.errors import GenomeError
from evonas.spaces.genome import Gene, Genome, Genomes, check_genome
from objectives import Layer, Objective


class Space(ABC):
    """Genes and a canonical form. Subclass :class:`NetworkSpace` or :class:`TableSpace`, not this.

    Attributes:
        seconds: What an evaluation takes, or would take without the table; None if unknown. If it takes almost no
            time, a search uses no learned predictors.
    """

    seconds: float | None = None

    @property
    @abstractmethod
    def genes(self) -> tuple[Gene, ...]:
        """The decisions, in genome order."""

    @abstractmethod
    def canonical(self, genome: Genome) -> Genome:
        """Give all genomes of one network the same genes: those that have no effect get a fixed choice."""

    def repair(self, genome: Genome) -> Genome:
        """Make any integer vector a valid genome in canonical form; subclasses override :meth:`repair_all`."""
        repaired: Genome = self.repair_all(self._in_range(genome)[None])[0]
        return repaired

    def repair_all(self, genomes: Genomes) -> Genomes:
        """Make any integer vectors, ``(n, n_genes)``, valid genomes in canonical form: choices in range and open."""
        repaired = [self.canonical(genome) for genome in self._in_range(genomes)]
        return np.array(repaired, dtype=np.int64).reshape(-1, len(self.genes))

    def corners(self, rng: np.random.Generator) -> Genomes:
        """Genomes at the edge of the space that a random draw never comes near, ``(n, n_genes)``.

        The best networks often lie close to them. Here: every gene at its first choice, at its second, and so on.
        """
        del rng
        n_open = np.array([gene.n_open for gene in self.genes])
        return np.stack([self.repair(np.minimum(choice, n_open - 1)) for choice in range(n_open.max())])

    def sample(self, rng: np.random.Generator, n: int) -> Genomes:
        """Draw ``n`` repaired genomes, every open choice of every gene equally likely before repair."""
        choices = [gene.n_open for gene in self.genes]
        return self.repair_all(rng.integers(choices, size=(n, len(choices))))

    def log10_size(self) -> float:
        """Decimal logarithm of the number of genomes, equal networks counted apart, locked choices too."""
        return math.fsum(math.log10(len(gene.choices)) for gene in self.genes)

    def describe(self, genome: Sequence[int] | Genome) -> dict[str, str]:
        """Name the choice of every gene."""
        return {gene.name: gene.choices[choice] for gene, choice in zip(self.genes, genome, strict=True)}

    def unlock(self, gene: str) -> Self:
        """The same space with one choice more of a gene open.

        Raises:
            GenomeError: Nothing is locked in that gene.
        """
        raise GenomeError(
            "a gene with locked choices", found=gene, remedy="unlock a gene whose n_open is below its number of choices"
        )

    def fully_unlocked(self) -> Self:
        """The same space with every choice open: all that a search may ever reach."""
        space = self
        for gene in self.genes:
            for _ in range(gene.n_locked):
                space = space.unlock(gene.name)
        return space

    def _in_range(self, genome: Genomes) -> Genomes:
        """Choices in range and open, of one genome or many."""
        genome = np.asarray(genome, dtype=np.int64)
        if genome.shape[-1:] != (len(self.genes),):
            return check_genome(genome, self.genes)
        return np.clip(genome, 0, [gene.n_open - 1 for gene in self.genes])


class NetworkSpace(Space):
    """Genomes stand for networks. A subclass lists genes, decodes and encodes; the rest follows.

    Laws that a test checks for every space: ``decode(encode(a)) == a`` for every architecture the space can make;
    :meth:`canonical` is idempotent and changes no network; :meth:`repair` returns a canonical genome that is alive;
    :meth:`batch_layers` counts what one network at a time counts.
    """

    @abstractmethod
    def decode(self, genome: Genome) -> Architecture:
        """Build the architecture of any genome in range, dead ones included (see ``Architecture.dead_reason``).

        Raises:
            GenomeError: Wrong length, or a choice out of range.
        """

    def decode_canonical(self, genome: Genome) -> Architecture:
        """The same for a canonical genome, as :meth:`sample` and :meth:`repair` give them; it is not checked."""
        return self.decode(genome)

    @abstractmethod
    def encode(self, architecture: Architecture) -> Genome:
        """Find the canonical genome of an architecture that this space made.

        Raises:
            GenomeError: The architecture is not one of this space.
        """

    @abstractmethod
    def covering(self) -> list[Architecture]:
        """Architectures that together hold every operation at its largest open width.

        Each operation must come in each weight precision, and in each pair of a module and an activation precision, for
        which batch norm is kept.

        A supernet is built from them. What is locked is not in it: it grows when choices are unlocked, see
        :meth:`evonas.nets.network.Network.grown`.
        """

    def _checked(self, read: Callable[[Architecture], Genome], architecture: Architecture) -> Genome:
        """Read an architecture's genome, and make sure that it means that architecture.

        Raises:
            GenomeError: It does not, or cannot be read: the architecture is not one of this space.
        """
        try:
            genome = read(architecture)
            is_ours = self.decode(genome) == architecture
        except (GenomeError, LookupError, StopIteration, ValueError):
            is_ours = False
        if not is_ours:
            raise GenomeError(
                "an architecture of this search space",
                found="operations that no genome of it decodes to",
                remedy="encode it with the space that made it",
            )
        return genome

    def base(self) -> Architecture | None:
        """The network that bounds may be shares of, such as ``flops = "base"``; None if the space knows none."""
        return None

    def make_alive(self, genome: Genome) -> Genome:
        """Change as few genes as needed so that the image reaches the output; a living genome stays as it is."""
        return genome

    def canonical(self, genome: Genome) -> Genome:
        """See :meth:`Space.canonical`."""
        return self.encode(self.decode(genome))

    def repair_all(self, genomes: Genomes) -> Genomes:
        """See :meth:`Space.repair_all`; the networks are alive."""
        repaired = [self.canonical(self.make_alive(genome)) for genome in self._in_range(genomes)]
        return np.array(repaired, dtype=np.int64).reshape(-1, len(self.genes))

    def batch_layers(self, genomes: Genomes) -> tuple[Layer, ...] | None:
        """Layers of many networks at once, for fast counting; None if the space has no fast path.

        Args:
            genomes: ``(n, n_genes)``, in range and alive.

        Returns:
            Every layer that any of them has, in execution order; numbers are arrays ``(n,)``, 0 where a network
            lacks the layer. See :class:`objectives.Layer`.
        """
        del genomes
        return None


class TableSpace(Space):
    """Genomes stand for results that are known already, such as a tabular benchmark: there is no network to train.

    A subclass lists genes, says what it measures, and looks values up.

    Attributes:
        is_free: Whether looking up costs nothing, so that it may be done without need: a table, not a formula.
        is_slow: Whether a look-up takes long enough to be worth sending to workers.
    """

    is_free: bool = True
    is_slow: bool = False

    @property
    @abstractmethod
    def objectives(self) -> Mapping[str, Objective]:
        """What :meth:`look_up` returns, by name."""

    @abstractmethod
    def look_up(self, genome: Genome) -> dict[str, float]:
        """Values of a genome in canonical form, by name of the objective; NaN for what failed."""

    def count(self, genome: Genome) -> dict[str, float]:
        """Those values of a genome that are known without looking it up, such as costs; none unless a subclass knows.

        They are free: a search counts them for many genomes that it never looks up. The names must not depend on the
        genome.
        """
        del genome
        return {}

    def canonical(self, genome: Genome) -> Genome:
        """See :meth:`Space.canonical`; a genome as it is, unless a subclass knows of equal ones."""
        return genome
