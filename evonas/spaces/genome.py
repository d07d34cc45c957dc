"""What a genome is: genes with named choices, the integer vector, its text form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evonas.errors import GenomeError

Genome = NDArray[np.int64]
"""One choice index per gene, shape ``(n_genes,)``."""

Genomes = NDArray[np.int64]
"""Several genomes, ``(n, n_genes)``."""

Value = bool | int | float | str | None
"""What a choice may stand for: what JSON can store with its type."""


@dataclass(frozen=True, slots=True)
class Gene:
    """One decision of a search space.

    Attributes:
        name: Path-like and unique within its space, such as ``cell0/node1/edge0/weight``.
        choices: One label per choice; the genome stores the index.
        is_ordered: Whether neighbouring choices resemble each other (widths, bits), so that a mutation may step.
        n_locked: Number of choices, at the end, that no search takes until they are unlocked.
        values: What the choices stand for, in their order, where a function is called with it; see
            :class:`evonas.Problem`. None where labels say everything.
    """

    name: str
    choices: tuple[str, ...]
    is_ordered: bool = False
    n_locked: int = 0
    values: tuple[Value, ...] | None = None

    @property
    def n_open(self) -> int:
        """Number of choices, from the first, that a search may take."""
        return len(self.choices) - self.n_locked


def to_text(genome: Genome) -> str:
    """Write a genome as dash-separated choice indices: what the archive stores and a user copies."""
    return "-".join(map(str, np.asarray(genome).tolist()))


def from_text(text: str, genes: Sequence[Gene]) -> Genome:
    """Read a genome back from :func:`to_text`.

    Raises:
        GenomeError: Not integers, the wrong number of genes, or a choice out of range.
    """
    try:
        values = np.array([int(part) for part in text.strip().split("-")], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise GenomeError(
            "a genome such as 0-3-1: whole numbers joined by dashes",
            found=repr(text),
            remedy="copy the genome column of front.csv",
        ) from error
    return check_genome(values, genes)


def check_genome(genome: ArrayLike, genes: Sequence[Gene]) -> Genome:
    """Return ``genome`` as an integer vector after checking length and range.

    Raises:
        GenomeError: The length differs from ``len(genes)``, or a choice index is out of range.
    """
    vector = np.asarray(genome, dtype=np.int64)
    if vector.shape != (len(genes),):
        raise GenomeError(
            f"{len(genes)} genes in one row",
            found=f"an array of shape {vector.shape}",
            remedy="use a genome that was made by this very search space",
        )
    for gene, choice in zip(genes, vector.tolist(), strict=True):  # Python's integers compare faster
        if not 0 <= choice < len(gene.choices):
            raise GenomeError(
                f"gene {gene.name} between 0 and {len(gene.choices) - 1} ({', '.join(gene.choices)})",
                found=str(choice),
                remedy="use a genome that was made by this very search space",
            )
    return vector
