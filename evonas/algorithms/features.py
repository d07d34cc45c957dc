"""Genomes as learned predictors see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.spaces.genome import Gene, Genomes

Floats = NDArray[np.float64]


def features(genes: Sequence[Gene], genomes: Genomes, *, costs: Mapping[str, Floats]) -> Floats:
    """Genomes as predictors see them: a column per choice, one for the order of ordered genes, one per cost.

    Args:
        genes: Genes of the space.
        genomes: ``(n, n_genes)``.
        costs: Costs by name, ``(n,)`` each; their logarithms are used.

    Returns:
        ``(n, n_features)``.
    """
    searched = [index for index, gene in enumerate(genes) if len(gene.choices) > 1]
    if not searched and not costs:
        return np.zeros((len(genomes), 1))
    chosen = genomes[:, searched]
    is_ordered = np.array([genes[index].is_ordered for index in searched], dtype=bool)
    n_choices = np.array([len(genes[index].choices) for index in searched], dtype=np.int64)
    ends = (is_ordered + n_choices).cumsum()  # of the columns of each gene, the first that of its order
    starts, n_features = ends - is_ordered - n_choices, int(ends[-1]) if searched else 0
    x = np.zeros((len(genomes), n_features + len(costs)))
    # neighbours resemble each other, and are not the same
    x[:, starts[is_ordered]] = (chosen / (n_choices - 1) - 0.5)[:, is_ordered]
    x[np.arange(len(genomes))[:, None], starts + is_ordered + chosen] = np.where(is_ordered, 0.5, 1.0)
    for column, cost in enumerate(costs.values(), start=n_features):
        x[:, column] = np.log(np.maximum(cost, 1e-12))
    return x
