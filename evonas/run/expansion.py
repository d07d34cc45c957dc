"""Which widths a search unlocks: where many of the best networks use the largest open choice, the next one opens.

The evolutionary form of neural channel expansion, in which a layer may grow once its preference for its largest width
exceeds a threshold; here the share of elite networks that use it stands for the preference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evonas.spaces import Space
from evonas.spaces.genome import Genome, Genomes

LEAST = 5  # the fewest networks whose shares mean something


@dataclass(frozen=True, slots=True)
class Expansion:
    """A gene whose next choice should open: ``space.unlock(gene)``.

    Attributes:
        gene: Its name.
        share: Of the elite networks that use its largest open choice, within 0–1.
        opens: Label of the choice that opens.
        unlocks: How often to unlock: more than once where a wider factor rounds to the same channels.
    """

    gene: str
    share: float
    opens: str
    unlocks: int = 1


def elite(front: Genomes) -> Genomes:
    """The networks that may ask for wider layers: the small ones of a front need none, and would outvote the others.

    Args:
        front: Non-dominated genomes, the most accurate first.

    Returns:
        The first quarter, or ``LEAST`` of them; none of a front that is smaller.
    """
    return front[: max(LEAST, len(front) // 4)] if len(front) >= LEAST else front[:0]


def genes_to_expand(space: Space, elite: Genomes, *, threshold: float) -> tuple[Expansion, ...]:
    """Genes whose largest open choice more than ``threshold`` of the elite uses, in genome order.

    Args:
        space: As it is open now; genes without locked choices are never named.
        elite: The best genomes in canonical form, ``(n, n_genes)``; without any, nothing expands.
        threshold: A share within 0–1; a share equal to it expands nothing.

    References:
        Sourced from the abstract of neural channel expansion (Park 2022, arXiv 2212.10878); its threshold is not known.
    """
    if len(elite) == 0 or type(space).unlock is Space.unlock:  # nothing that could be unlocked
        return ()
    # in canonical form: of widths that round to the same channels, genomes hold the first
    largest = space.repair(np.array([gene.n_open - 1 for gene in space.genes]))
    shares = (np.asarray(elite) == largest).mean(axis=0)
    found = []
    for index, (gene, share) in enumerate(zip(space.genes, shares, strict=True)):
        if gene.n_locked and share > threshold and (unlocks := _unlocks(space, index, largest)):
            found.append(Expansion(gene.name, float(share), gene.choices[gene.n_open + unlocks - 1], unlocks))
    return tuple(found)


def _unlocks(space: Space, index: int, largest: Genome) -> int:
    """How often to unlock a gene until its largest choice means another network; 0 if it never does."""
    gene = space.genes[index]
    for unlocks in range(1, gene.n_locked + 1):
        space = space.unlock(gene.name)
        wider = largest.copy()
        wider[index] = space.genes[index].n_open - 1
        if space.repair(wider)[index] != largest[index]:
            return unlocks
    return 0
