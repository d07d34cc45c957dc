"""Searches compared: repetitions pooled, one scale for all, and tests of whether a lead is more than luck."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import PermutationMethod, wilcoxon

from objectives.held_out import quality_among
from reports.comparison.attainment import attainment_table
from reports.comparison.runs import common_scaling, run_labels, setting_differences
from reports.run_folder.folder import RunFolder
from reports.tables.convergence import convergence_table
from reports.tables.front import front_volume

IGNORED = ("name", "seed", "compute")  # what repetitions of one search may differ in
POINTS = 200  # of a run's curve: where budgets differ, a volume is that of the last of these points
SIGNIFICANT = 0.05
EXACT_PAIRS = 13  # up to so many, all signs are tried


class ComparableRuns(NamedTuple):
    """Runs that can be measured on one scale: the same images, the same objectives."""

    title: str
    runs: tuple[RunFolder, ...]


def comparable_runs(runs: Sequence[RunFolder]) -> list[ComparableRuns]:
    """Group runs by images, objectives, and whether errors are measured: volumes of others mean something else.

    Where values are looked up or computed, the space takes the place of the images.
    """
    found: dict[tuple[str, tuple[str, ...], tuple[bool, ...], bool], list[RunFolder]] = {}
    for run in runs:
        data = json.dumps(run.settings.get("space" if run.facts().is_table else "data"), sort_keys=True)
        are_maximised = tuple(run.measures[name].is_maximised for name in run.objectives)
        found.setdefault((data, run.objectives, are_maximised, front_volume(run) is not None), []).append(run)
    groups = []
    for (data, objectives, _, has_measured), members in found.items():
        about = json.loads(data) or {}
        source = str(about.get("source", about.get("kind", ""))).rstrip("/").rpartition("/")[2].rpartition(": ")[2]
        known = "" if has_measured or quality_among(objectives) is None else ", errors estimated"
        groups.append(ComparableRuns(f"{', '.join(objectives)} on {source}{known}", tuple(members)))
    return groups


def repetitions(runs: Sequence[RunFolder]) -> list[str]:
    """What each run is a repetition of: runs get one label if their settings differ in nothing but the seed.

    The label is the run's name if that tells the searches apart, and else what they are set to differently.
    """
    kinds = [json.dumps({k: v for k, v in run.settings.items() if k not in IGNORED}, sort_keys=True) for run in runs]
    names = {kind: str(run.settings.get("name", "")) for kind, run in zip(kinds, runs, strict=True)}
    if len(set(names.values())) == len(names):
        return [names[kind] for kind in kinds]
    first: dict[str, RunFolder] = {}
    for kind, run in zip(kinds, runs, strict=True):
        first.setdefault(kind, run)
    differing = setting_differences(list(first.values()))
    differing = differing[~differing["setting"].str.partition(".")[0].isin(IGNORED)]
    texts = [
        ", ".join(f"{name}={value}" for name, value in zip(differing["setting"], differing[label], strict=True))
        for label in run_labels(list(first.values()))
    ]
    labels = dict(zip(first, texts, strict=True))
    return [labels[kind] for kind in kinds]


def volumes_table(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """Hypervolume over distinct evaluations, of every run and of the random search beside it, on one scale.

    Args:
        runs: Of one group.

    Returns:
        Columns ``search`` (what the run is a repetition of), ``run`` (its label), ``seed``, ``origin``, ``evaluations``
        and ``hypervolume``.
    """
    scaling, tables = common_scaling(runs), []
    for run, search, label in zip(runs, repetitions(runs), run_labels(runs), strict=True):
        table = convergence_table(run, n_points=POINTS, scaling=scaling)
        tables.append(table.assign(search=search, run=label, seed=run.settings.get("seed")))
    columns = ["search", "run", "seed", "origin", "evaluations", "hypervolume"]
    return pd.concat(tables)[columns].reset_index(drop=True)


def bands_table(volumes: pd.DataFrame) -> pd.DataFrame:
    """Mean and band of the hypervolume over evaluations.

    Args:
        volumes: As :func:`volumes_table` gives them.

    Returns:
        Columns ``search``, ``origin``, ``evaluations``, ``mean``, ``low`` and ``high`` (a standard deviation to either
        side) and ``runs``; as far as all repetitions of a search go.
    """
    rows = []
    for (search, origin), part in volumes.groupby(["search", "origin"], sort=False):
        curves = [curve for _, curve in part.groupby("run", sort=False)]
        shared = min(curve["evaluations"].iloc[-1] for curve in curves)
        for n in sorted(set(part["evaluations"])):
            reached = [_at(curve, n) for curve in curves]
            if n <= shared and not np.isnan(reached).any():
                mean, sd = float(np.mean(reached)), float(np.std(reached, ddof=1)) if len(reached) > 1 else 0.0
                rows.append((search, origin, int(n), mean, mean - sd, mean + sd, len(reached)))
    return pd.DataFrame(rows, columns=["search", "origin", "evaluations", "mean", "low", "high", "runs"])


def ends_table(volumes: pd.DataFrame) -> pd.DataFrame:
    """What every run reached after as many evaluations as all of them made.

    Returns:
        A row per run: ``search``, ``run``, ``seed``, ``evaluations`` (the same for all), ``hypervolume`` and
        ``random``, random search's hypervolume beside it, or missing.
    """
    searched = volumes[volumes["origin"] == "search"]
    shared = int(searched.groupby("run")["evaluations"].max().min()) if len(searched) else 0
    rows: list[dict[str, Any]] = []
    for (search, run, seed), part in volumes.groupby(["search", "run", "seed"], sort=False):
        found = {origin: _at(curve, shared) for origin, curve in part.groupby("origin")}
        row = {"search": search, "run": run, "seed": seed, "evaluations": shared}
        rows.append(row | {"hypervolume": found.get("search", np.nan), "random": found.get("random", np.nan)})
    return pd.DataFrame(rows)


def measured_ends(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """What every run delivered: the hypervolumes of measured fronts, of its own and of random search's; as above."""
    scaling = common_scaling(runs)
    rows = []
    for run, search, label in zip(runs, repetitions(runs), run_labels(runs), strict=True):
        volumes = [front_volume(run, origin=origin, scaling=scaling) for origin in ("search", "random")]
        found = dict(zip(("hypervolume", "random"), (np.nan if one is None else one for one in volumes), strict=True))
        evaluations = run.evaluations(origin="search", columns=["genome"])["genome"].nunique()
        rows.append(
            {"search": search, "run": label, "seed": run.settings.get("seed"), "evaluations": evaluations, **found}
        )
    return pd.DataFrame(rows)


def pairwise_table(ends: pd.DataFrame) -> pd.DataFrame:
    """Every two searches, paired by seed: who leads, by how much, and how likely such a lead is by luck alone.

    Args:
        ends: As :func:`ends_table` gives them.

    Returns:
        A row per pair: ``first``, ``second``, ``pairs`` (seeds of both), ``wins`` (those in which the first has more),
        ``difference`` (mean of first minus second), ``p`` (two-sided Wilcoxon signed rank; NaN below two
        pairs), ``p_holm`` (adjusted for all rows by Holm's method), ``least_p`` (the smallest p that so many pairs can
        give).

    References:
        Wilcoxon 1945; Holm 1979; Demšar 2006, "Statistical comparisons of classifiers over multiple data sets".
    """
    by_seed = ends.pivot_table(index="seed", columns="search", values="hypervolume", sort=False)
    rows = []
    for first, second in itertools.combinations(by_seed.columns, 2):
        differences = (by_seed[first] - by_seed[second]).dropna().to_numpy(dtype=float)
        n = len(differences)
        mean = float(differences.mean()) if n else np.nan
        p = signed_rank(differences)
        rows.append((first, second, n, int((differences > 0).sum()), mean, p, 2.0 ** (1 - n) if n else np.nan))
    table = pd.DataFrame(rows, columns=["first", "second", "pairs", "wins", "difference", "p", "least_p"])
    table.insert(6, "p_holm", holm(table["p"].to_numpy(dtype=float)))
    return table


def ranking_table(ends: pd.DataFrame, pairwise: pd.DataFrame) -> pd.DataFrame:
    """The searches, best mean first.

    Returns:
        ``search``, ``runs``, ``evaluations``, ``mean``, ``sd`` (NaN of one run), ``least`` and ``most`` hypervolume,
        ``random`` (mean of random search beside it), ``beats`` (searches that it leads significantly).
    """
    rows = []
    for search, part in ends.groupby("search", sort=False):
        found = part["hypervolume"]
        is_sure = pairwise["p_holm"] < SIGNIFICANT
        beats = is_sure & (
            ((pairwise["first"] == search) & (pairwise["difference"] > 0))
            | ((pairwise["second"] == search) & (pairwise["difference"] < 0))
        )
        spread = (found.mean(), found.std(), found.min(), found.max())
        rows.append((search, len(part), part["evaluations"].iloc[0], *spread, part["random"].mean(), int(beats.sum())))
    columns = ["search", "runs", "evaluations", "mean", "sd", "least", "most", "random", "beats"]
    return pd.DataFrame(rows, columns=columns).sort_values("mean", ascending=False, ignore_index=True)


def verdict(ranking: pd.DataFrame, pairwise: pd.DataFrame) -> str:
    """Who leads, and whether that is more than luck, in a sentence or two."""
    best = ranking.iloc[0]
    text = f"{best['search']} leads with a mean hypervolume of {best['mean']:.4f} ({_runs(best['runs'])})."
    if len(ranking) < 2:
        return text.replace(" leads with", ":", 1)
    rivals = pairwise[(pairwise["first"] == best["search"]) | (pairwise["second"] == best["search"])]
    n_beaten, most = int(best["beats"]), rivals["p_holm"].max()
    if n_beaten == len(rivals):
        return f"{text} Its lead over every other is significant (p ≤ {most:.3g}, {METHOD})."
    text += f" Its lead is significant over {n_beaten} of {len(rivals)} (p < {SIGNIFICANT}, {METHOD})."
    if (rivals["least_p"] * len(pairwise)).min() >= SIGNIFICANT:
        text += f" With {int(rivals['pairs'].max())} seeds in common no lead could be; take more seeds."
    return text


METHOD = "Wilcoxon signed rank over seeds, Holm"


def attained_table(runs: Sequence[RunFolder], *, cost: str, error: str) -> pd.DataFrame:
    """What repetitions attain: ``search`` and :func:`reports.comparison.attainment.attainment_table`'s columns."""
    labels = repetitions(runs)
    tables = [
        attainment_table(
            [run for run, label in zip(runs, labels, strict=True) if label == search], cost=cost, error=error
        ).assign(search=search)
        for search in dict.fromkeys(labels)
    ]
    return pd.concat(tables)[["search", "cost", "best", "median", "worst"]].reset_index(drop=True)


def signed_rank(differences: NDArray[np.float64]) -> float:
    """Two-sided p of Wilcoxon's signed rank test; exact for few pairs, ties or not; 1 where nothing differs."""
    if len(differences) < 2:
        return np.nan
    if not differences.any():
        return 1.0
    method = PermutationMethod(n_resamples=2**EXACT_PAIRS) if len(differences) <= EXACT_PAIRS else "auto"
    return float(wilcoxon(differences, zero_method="zsplit", method=method).pvalue)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p values that keep the chance of any false lead below the level; NaN stays and counts for nothing.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
        [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    order = [index for index in np.argsort(p) if not np.isnan(p[index])]
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, float(p[index]) * (len(order) - rank)))
        adjusted[index] = largest
    return adjusted


def _at(curve: pd.DataFrame, n: float) -> float:
    """Hypervolume after so many evaluations; NaN before the first point."""
    index = int(np.searchsorted(curve["evaluations"].to_numpy(), n, side="right")) - 1
    return float(curve["hypervolume"].iloc[index]) if index >= 0 else np.nan


def _runs(n: int) -> str:
    return f"{n} run{'s' if n > 1 else ''}"


@dataclass(frozen=True)
class Comparison:
    """All tables of comparable runs; :mod:`reports.comparison.comparison` describes the columns.

    Attributes:
        title: What was searched for, and on what.
        runs: The runs.
        volumes, bands, ends, pairwise, ranking: Tables.
        attained: One table per cost.
        verdict: A sentence or two.
    """

    title: str
    runs: tuple[RunFolder, ...]
    volumes: pd.DataFrame
    bands: pd.DataFrame
    ends: pd.DataFrame
    pairwise: pd.DataFrame
    ranking: pd.DataFrame
    attained: dict[str, pd.DataFrame]
    verdict: str


def compare(group: ComparableRuns) -> Comparison:
    """Make all tables of comparable runs."""
    runs = group.runs
    volumes = volumes_table(runs)
    delivered = all(front_volume(run) is not None and not run.facts().is_table for run in runs)
    ends = measured_ends(runs) if delivered else ends_table(volumes)
    pairwise = pairwise_table(ends)
    ranking = ranking_table(ends, pairwise)
    error = quality_among(runs[0].objectives) or runs[0].objectives[0]
    costs = [name for name in runs[0].objectives if name != error]
    attained = {cost: attained_table(runs, cost=cost, error=error) for cost in costs}
    text = verdict(ranking, pairwise)
    return Comparison(group.title, tuple(runs), volumes, bands_table(volumes), ends, pairwise, ranking, attained, text)
