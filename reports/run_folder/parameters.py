"""What the genes of a user's own problem stand for, as columns: the choices in the types that they were given in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reports.run_folder.folder import RunFolder


def parameter_table(run: RunFolder, genomes: Sequence[str] | pd.Series) -> pd.DataFrame:
    """A column per gene that has values, a row per genome; no columns where choices are only labels.

    Args:
        run: Whose genes they are.
        genomes: As the archive stores them: choices joined by dashes.

    Returns:
        Columns of one type keep it; mixed ones, such as of texts and ``None``, hold Python objects. The index is that
        of ``genomes``.
    """
    index = genomes.index if isinstance(genomes, pd.Series) else range(len(genomes))
    genes = run.facts().genes
    if not any(gene.values is not None for gene in genes):
        return pd.DataFrame(index=index)
    choices = np.array([text.split("-") for text in genomes], dtype=np.int64).reshape(len(genomes), len(genes))
    columns = {}
    for gene, column in zip(genes, choices.T, strict=True):
        if gene.values is not None:
            kinds = {type(value) for value in gene.values}
            kind = kinds.pop() if len(kinds) == 1 else object
            dtype = kind if kind in (bool, int, float) else object
            # as a series, because a table would take None among texts for a missing text
            columns[gene.name] = pd.Series(np.array(gene.values, dtype=dtype)[column], index=index, dtype=dtype)
    return pd.DataFrame(columns, index=index)


def choice_texts(run: RunFolder, genome: str) -> dict[str, str]:
    """The label of each gene's choice, by name of the gene."""
    genes = run.facts().genes
    return {gene.name: gene.choices[int(at)] for gene, at in zip(genes, genome.split("-"), strict=True)}
