"""What each choice of a gene does to the error: a ridge regression over everything that was evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from objectives.fronts.scaling import tamed
from reports.run_folder.folder import RunFolder
from reports.tables.genes import GeneLabels, gene_labels, read_genomes

Floats = NDArray[np.float64]
MOST_ROWS = 20_000  # evenly chosen if there are more
LEAST_ROWS = 20
PENALTIES = np.logspace(-1, 4, 26)
WIDE = 1.96  # standard errors to either side of 95 % of a normal distribution


class Sensitivity(NamedTuple):
    """The effects of genes on a measure.

    Attributes:
        effects: A row per gene and choice that was evaluated: ``gene``, ``choice``, ``effect`` (on the measure, in its
            unit, against the mean of the gene's evaluated choices, all other genes equal), ``low`` and ``high`` (95 %),
            ``networks`` with that choice.
        genes: A row per gene with two evaluated choices or more, the most influential first: ``gene``, ``best`` and
            ``worst`` choice, ``change`` (its size) from the one to the other, ``low``, ``high``.
        measure: Its name.
        networks: How many the regression used.
        explained: Share of the measure's variance that choices explain one by one (leave-one-out R²; 0 at the least).
    """

    effects: pd.DataFrame
    genes: pd.DataFrame
    measure: str
    networks: int
    explained: float


def sensitivity(run: RunFolder) -> Sensitivity:
    """Fit the error, or the first objective where there is none, to the choices of all evaluated networks.

    A linear model, one coefficient per choice, penalised (ridge) by generalised cross-validation. It describes the
    networks that were evaluated, which crowd near the front; interactions between genes end up in the error of the fit.
    Intervals are those of the penalised estimate under equal, independent residuals; they do not cover its bias towards
    zero, nor that of an estimated error.

    References:
        Hoerl & Kennard 1970 (ridge); Golub, Heath & Wahba 1979 (the penalty).
    """
    measure = run.leading
    columns = ["genome", "stage", "reason", "origin", measure]
    table = pd.concat(
        [run.evaluations(origin=origin, columns=columns, as_searched=True) for origin in ("search", "random")]
    )
    table = table[(table["reason"] == "") & (table["stage"] == table["stage"].max())].drop_duplicates("genome")
    table = table.iloc[:: 1 + len(table) // (MOST_ROWS + 1)]
    labels = gene_labels(run)
    if len(table) < LEAST_ROWS or not labels:
        effects = pd.DataFrame(columns=["gene", "choice", "effect", "low", "high", "networks"])
        genes = pd.DataFrame(columns=["gene", "best", "worst", "change", "low", "high"])
        return Sensitivity(effects, genes, measure, len(table), 0.0)
    choices = read_genomes(table["genome"])
    values, is_maximised = tamed(table[measure].to_numpy(dtype=float)), run.measures[measure].is_maximised
    effects, genes, explained = fit_choices(choices, values, labels, is_maximised=is_maximised)
    return Sensitivity(effects, genes, measure, len(table), explained)


def fit_choices(
    choices: NDArray[np.int64], values: Floats, labels: Sequence[GeneLabels], *, is_maximised: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Fit values to choices; see :class:`Sensitivity` for what comes back.

    Args:
        choices: ``(n, n_genes)``.
        values: ``(n,)``.
        labels: One per gene.
        is_maximised: Whether the best choice is that of the greatest value.
    """
    blocks: list[tuple[GeneLabels, NDArray[np.int64], NDArray[np.int64], int]] = []
    x: list[Floats] = []
    for g, gene in enumerate(labels):
        counts = np.bincount(choices[:, g], minlength=len(gene.choices))
        seen = np.flatnonzero(counts)
        if len(seen) > 1:
            blocks.append((gene, seen, counts[seen], sum(map(len, x))))
            x.append((choices[:, g][None, :] == seen[:, None]).astype(float))
    if not blocks:
        empty = pd.DataFrame(columns=["gene", "choice", "effect", "low", "high", "networks"])
        return empty, pd.DataFrame(columns=["gene", "best", "worst", "change", "low", "high"]), 0.0
    coefficients, covariance, explained = _ridge(np.concatenate(x).T, values)
    effects: list[tuple[Any, ...]] = []
    genes: list[tuple[Any, ...]] = []
    for gene, seen, counts, start in blocks:
        part = slice(start, start + len(seen))
        centre = np.eye(len(seen)) - 1 / len(seen)
        effect, errors = centre @ coefficients[part], centre @ covariance[part, part] @ centre
        wide = WIDE * np.sqrt(np.diag(errors))
        names = [gene.choices[choice] for choice in seen]
        effects += zip([gene.name] * len(seen), names, effect, effect - wide, effect + wide, counts, strict=True)
        ends = int(np.argmin(effect)), int(np.argmax(effect))
        best, worst = ends[::-1] if is_maximised else ends
        change = abs(effect[worst] - effect[best])
        half = WIDE * np.sqrt(errors[best, best] + errors[worst, worst] - 2 * errors[best, worst])
        genes.append((gene.name, names[best], names[worst], change, change - half, change + half))
    ranked = pd.DataFrame(genes, columns=["gene", "best", "worst", "change", "low", "high"])
    return (
        pd.DataFrame(effects, columns=["gene", "choice", "effect", "low", "high", "networks"]),
        ranked.sort_values("change", ascending=False, kind="stable", ignore_index=True),
        explained,
    )


def _ridge(x: Floats, y: Floats) -> tuple[Floats, Floats, float]:
    """Coefficients, their covariance, and the share of variance explained out of sample; the mean is not penalised."""
    n = len(y)
    x, y = x - x.mean(axis=0), y - y.mean()
    values, vectors = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0)
    along = vectors.T @ (x.T @ y)
    best, penalty = np.inf, PENALTIES[-1]
    for candidate in PENALTIES:
        shrunk = along / (values + candidate)
        residual = max(float(y @ y - 2 * shrunk @ along + shrunk @ (values * shrunk)), 0.0)
        free = n - 1 - float((values / (values + candidate)).sum())
        score = residual / max(free, 1e-9) ** 2
        if score < best:
            best, penalty = score, candidate
    coefficients = vectors @ (along / (values + penalty))
    free = n - 1 - float((values / (values + penalty)).sum())
    residuals = y - x @ coefficients
    variance = float(residuals @ residuals) / max(free, 1.0)
    covariance = variance * (vectors * (values / (values + penalty) ** 2)) @ vectors.T
    total = float(y @ y)
    explained = 1 - n * best * (n - 1) / total if total > 0 else 0.0
    return coefficients, covariance, max(explained, 0.0)
