"""Several runs side by side: what they reached, on one scale, and what they were set to differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from objectives.fronts.scaling import Scaling
from reports.run_folder.folder import RunFolder
from reports.tables.convergence import convergence_table
from reports.tables.front import best_of, front_table, front_volume
from reports.tables.query import QueryError


def run_labels(runs: Sequence[RunFolder]) -> list[str]:
    """What to call each run: its folder's name, or as much of its path as tells it from the others."""
    parts = [run.path.resolve().parts for run in runs]
    depth = 1
    while depth < max(map(len, parts)) and len({each[-depth:] for each in parts}) < len({*parts}):
        depth += 1
    return ["/".join(each[-depth:]) for each in parts]


def common_scaling(runs: Sequence[RunFolder]) -> Scaling:
    """One scale for all runs: from the least low bound to the greatest high bound of any.

    Raises:
        QueryError: The runs searched for different objectives, so no volume means the same for all of them.
    """
    kinds = {run.objectives for run in runs}
    if len(kinds) > 1:
        raise QueryError(
            "runs of the same objectives",
            found=" and ".join(", ".join(kind) for kind in sorted(kinds)),
            remedy="compare fronts of such runs, not their hypervolumes",
        )
    scalings = [run.scaling for run in runs]
    bounds = {
        name: (min(one.bounds[name][0] for one in scalings), max(one.bounds[name][1] for one in scalings))
        for name in runs[0].objectives
    }
    return Scaling(scalings[0].measures, bounds=bounds)


def common_convergence(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """Hypervolume over evaluations of every run, on the common scale.

    Returns:
        Columns ``run`` (its label) and those of :func:`reports.tables.convergence.convergence_table`.

    Raises:
        QueryError: The runs minimised different objectives.
    """
    scaling = common_scaling(runs)
    tables = [
        convergence_table(run, scaling=scaling).assign(run=label)
        for run, label in zip(runs, run_labels(runs), strict=True)
    ]
    return pd.concat(tables)[["run", "origin", "evaluations", "hypervolume"]].reset_index(drop=True)


def runs_table(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """What every run spent and reached.

    Returns:
        A row per run: ``run`` (its label), ``seed``, ``networks`` (distinct ones that the search evaluated), ``front``
        (how many), the best value of every objective on it as ``best NAME``, ``hypervolume`` on the common scale
        (missing if objectives differ), ``seconds``, ``test error``, ``test balanced error`` or ``test macro f1 error``
        (the least mean over seeds of a network that was trained from scratch, or missing), ``stopped``.
    """
    try:
        ends = common_convergence(runs).query("origin == 'search'").groupby("run")["hypervolume"].last()
        if any(not run.facts().is_table for run in runs):
            volumes = [front_volume(run, scaling=common_scaling(runs)) for run in runs]
            ends = pd.Series([np.nan if one is None else one for one in volumes], index=run_labels(runs), dtype=float)
    except QueryError:
        ends = pd.Series(dtype=float)
    rows: list[dict[str, Any]] = []
    for run, label in zip(runs, run_labels(runs), strict=True):
        front, trainings = front_table(run), run.trainings()
        quality = run.quality or "error"
        means = trainings.groupby(["evaluation", "recipe"])[f"test_{quality}"].mean()
        searched = run.evaluations(origin="search", columns=["genome"])["genome"]
        rows.append(
            {
                "run": label,
                "seed": run.settings.get("seed"),
                "networks": searched.nunique(),
                "front": len(front),
                **{f"best {name}": best_of(run, front, name) for name in run.objectives},
                "hypervolume": ends.get(label, np.nan),
                "seconds": run.facts().seconds,
                f"test {quality.replace('_', ' ')}": means.min(),
                "stopped": run.facts().stop_reason or "not yet",
            }
        )
    return pd.DataFrame(rows)


def runs_texts(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """:func:`runs_table` as people read it: values in their measure's units, what is missing as a dash."""
    table = runs_table(runs).astype(object)
    for name in table.columns:
        table[name] = [_text(run, str(name), value) for run, value in zip(runs, table[name], strict=True)]
    return table


def _text(run: RunFolder, name: str, value: Any) -> str:
    if value is None or pd.isna(value):
        return "–"
    measure = run.measures.get(name.removeprefix("best "))
    if name.startswith("test "):
        measure = run.measures.get(name.removeprefix("test ").replace(" ", "_"))
    if measure is not None:
        return measure.display(float(value))
    if name == "hypervolume":
        return f"{value:.4f}"
    return f"{value:,.0f}" if name in ("networks", "front", "seconds") else str(value)


def setting_differences(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """The settings that are not the same in all runs.

    Returns:
        ``setting`` (such as ``search.budget``) and a column per run, by its label; missing where a run lacks it.
    """
    flat = [_flat(run.settings) for run in runs]
    names = dict.fromkeys(name for settings in flat for name in settings)
    differing = [name for name in names if len({repr(settings.get(name)) for settings in flat}) > 1]
    columns = {
        label: [settings.get(name) for name in differing]
        for label, settings in zip(run_labels(runs), flat, strict=True)
    }
    return pd.DataFrame({"setting": differing, **columns}, dtype=object)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
