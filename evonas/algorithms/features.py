"""Genomes as learned predictors see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from evonas.spaces.genome import Gene, Genomes
from surrogates.predictors.predictor import Group

Floats = NDArray[np.float64]
ORDER = 0.8  # of the squared distance of two choices of an ordered gene: what goes with their order


def features(genes: Sequence[Gene], genomes: Genomes, *, costs: Mapping[str, Floats]) -> Floats:
    """Genomes as predictors see them: columns for the choices of each gene, one per cost.

    Two choices of a gene are 1 apart, squared; those of an ordered gene 0.2 if they are neighbours in a long row, and
    the more the farther they are apart.

    Args:
        genes: Genes of the space.
        genomes: ``(n, n_genes)``.
        costs: Costs by name, ``(n,)`` each; their logarithms are used.

    Returns:
        ``(n, n_features)``, in the order of :func:`groups_of`.
    """
    tables = [_columns(len(genes[index].choices), is_ordered=genes[index].is_ordered) for index in searched(genes)]
    parts = [table[genomes[:, index]] for index, table in zip(searched(genes), tables, strict=True)]
    parts += [np.log(np.maximum(cost, 1e-12))[:, None] for cost in costs.values()]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(genomes), 1))


def groups_of(genes: Sequence[Gene], *, n_costs: int) -> tuple[Group, ...]:
    """Which columns of :func:`features` belong to a gene, and which to a cost."""
    widths = [
        _columns(len(genes[index].choices), is_ordered=genes[index].is_ordered).shape[1] for index in searched(genes)
    ]
    ends = np.cumsum([*widths, *[1] * n_costs]).tolist()
    if not ends:
        return (Group(0, 1, is_choice=False),)
    starts = [0, *ends[:-1]]
    return tuple(Group(a, b, is_choice=i < len(widths)) for i, (a, b) in enumerate(zip(starts, ends, strict=True)))


def searched(genes: Sequence[Gene]) -> list[int]:
    """Indices of genes with a choice."""
    return [index for index, gene in enumerate(genes) if len(gene.choices) > 1]


@cache
def _columns(n: int, *, is_ordered: bool) -> Floats:
    """A row of columns for every choice."""
    if not is_ordered:
        return np.asarray(np.sqrt(0.5) * np.eye(n))
    passed = np.tri(n, n - 1, -1)  # as many ones as choices come before
    columns: Floats = np.concatenate(
        [np.sqrt(ORDER / (n - 1)) * passed, np.sqrt(0.5 * (1 - ORDER)) * np.eye(n)], axis=1
    )
    return columns
