"""Which choices the front prefers, gene by gene: now, over the generations, and in random networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.run_folder.folder import RunFolder
from reports.tables.front import front_history, front_table

MOST_GENERATIONS = 60  # that a history shows, evenly chosen


class GeneLabels(NamedTuple):
    """A gene's name and the labels of its choices, for people."""

    name: str
    choices: tuple[str, ...]


def gene_labels(run: RunFolder) -> tuple[GeneLabels, ...]:
    """The genes of the run's space, in genome order."""
    return tuple(GeneLabels(gene.name, tuple(gene.choices)) for gene in run.facts().genes)


def read_genomes(texts: Sequence[str] | pd.Series) -> NDArray[np.int64]:
    """Choices as the archive stores them, joined by dashes, ``(n, n_genes)``."""
    if not len(texts):
        return np.zeros((0, 0), dtype=np.int64)
    return np.array([text.split("-") for text in texts], dtype=np.int64)


def choice_table(run: RunFolder, front: pd.DataFrame | None = None) -> pd.DataFrame:
    """How often each choice is taken by the front, and by random networks.

    Args:
        run: Where from.
        front: Its front, if that is known already.

    Returns:
        A row per gene and choice: ``gene``, ``choice``, ``front`` and ``random`` (shares 0 to 1; the latter missing
        without a random search). Genes with one choice only are left out. A gene that has no effect in a network stands
        at a fixed choice, mostly the first.
    """
    labels = gene_labels(run)
    front = front_table(run) if front is None else front
    taken = choice_shares(front["genome"], labels)
    drawn = run.evaluations(origin="random", columns=["genome", "reason"])
    random = choice_shares(drawn.loc[drawn["reason"] == "", "genome"], labels)
    rows = [
        (gene.name, choice, taken[g][c], random[g][c])
        for g, gene in enumerate(labels)
        for c, choice in enumerate(gene.choices)
        if len(gene.choices) > 1
    ]
    return pd.DataFrame(rows, columns=["gene", "choice", "front", "random"])


def choice_history(run: RunFolder, history: pd.DataFrame | None = None) -> pd.DataFrame:
    """The same over the generations: shares of the front that the search had after each of them.

    Args:
        run: Where from.
        history: See :func:`reports.tables.front.front_history`, if that is known already.

    Returns:
        Columns ``generation``, ``gene``, ``choice`` and ``share``, at most ``MOST_GENERATIONS`` generations.
    """
    labels, history = gene_labels(run), front_history(run) if history is None else history
    if history.empty:
        return pd.DataFrame(columns=["generation", "gene", "choice", "share"])
    last = int(run.evaluations(origin="search", columns=["generation"])["generation"].max())
    first = int(history["since"].min())
    count = min(MOST_GENERATIONS, last - first + 1)
    generations = np.unique(np.linspace(first, last, count).round().astype(int)).tolist()
    until = history["until"].fillna(last + 1)
    rows = []
    for generation in generations:
        genomes = history.loc[(history["since"] <= generation) & (generation < until), "genome"]
        for gene, shares in zip(labels, choice_shares(genomes, labels), strict=True):
            if len(gene.choices) > 1:
                rows += [(generation, gene.name, *pair) for pair in zip(gene.choices, shares, strict=True)]
    return pd.DataFrame(rows, columns=["generation", "gene", "choice", "share"])


def choice_shares(genomes: Sequence[str] | pd.Series, labels: Sequence[GeneLabels]) -> list[list[float]]:
    """Share of the genomes at each choice of each gene; NaN where there are no genomes."""
    if not labels or not len(genomes):
        return [[np.nan] * len(gene.choices) for gene in labels]
    choices = read_genomes(genomes)
    counted = zip(choices.T, labels, strict=True)
    return [(np.bincount(column, minlength=len(gene.choices)) / len(choices)).tolist() for column, gene in counted]
