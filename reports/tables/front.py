"""Which networks are best: the Pareto front of a run as a table, and picks from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from objectives import Fidelity
from objectives.fronts.pareto import is_nondominated, knee
from objectives.fronts.scaling import Scaling, bounds_of
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.parameters import parameter_table

MEASURED = tuple(str(fidelity) for fidelity in Fidelity if fidelity.is_measured)


def front_table(run: RunFolder, *, origin: str = Origin.SEARCH, is_estimated: bool = False) -> pd.DataFrame:
    """The non-dominated networks within the run's constraints, smallest error (the best by the first objective) first.

    What was measured is compared with what was measured: once networks of this origin were trained at the end, the
    front is theirs, and that of the trainings before the search. Until then it is one of the estimates that the search
    went by. A network that was measured to be worse than guessing is on no front, unless all are.

    Args:
        run: Where from.
        origin: :attr:`Origin.SEARCH`; :attr:`Origin.RANDOM` or :attr:`Origin.UNIFORM` for what it is compared with.
        is_estimated: Whether to give the front of estimates in any case, of networks that were not trained.

    Returns:
        Columns ``id``, ``genome``, every measure in its own unit, and ``fidelity`` and, of what counts as error,
        ``NAME_low`` and ``NAME_high``: how it is known, and the interval of an estimate. Where values are looked up,
        there are none of these three; the genes of a user's own problem have a column each, after ``genome``.
    """
    columns = ["id", "genome", "fidelity", *run.objectives]  # the rest of a row is read for the front alone
    has_measured = is_measured(run, origin) and not is_estimated
    table = run.feasible(origin=origin, columns=columns, as_searched=not is_measured(run, origin))
    if is_measured(run, origin) and not run.facts().is_table:
        known = table["fidelity"].isin(MEASURED)
        table = table[known] if has_measured else table[~known]
    if has_measured:
        table = _with_anchors(run, table, columns)
        table = _of_use(run, table)
    points = run.scaling.minimised(table[list(run.objectives)].to_numpy(dtype=float))
    ids = table.loc[is_nondominated(points), "id"]
    rows = shown(run, run.evaluations_of(ids, as_searched=not is_measured(run, origin)))
    return best_first(run, rows, *run.objectives).reset_index(drop=True)


def best_first(run: RunFolder, rows: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Rows by measures, the best of the first one first; equal ones by ``id``."""
    is_ascending = [not run.measures[name].is_maximised for name in names]
    return rows.sort_values([*names, "id"], ascending=[*is_ascending, True])


def best_of(run: RunFolder, rows: pd.DataFrame, name: str) -> float:
    """The best value of a measure: the least, or the greatest where it is maximised; NaN where there are no rows."""
    return float(rows[name].max() if run.measures[name].is_maximised else rows[name].min())


def is_measured(run: RunFolder, origin: str = Origin.SEARCH) -> bool:
    """Whether the front of an origin is one of measured errors: its best networks were trained, or all looked up."""
    facts = run.facts()
    return facts.is_table or bool(facts.trainings.get(Origin(origin)))


def _with_anchors(run: RunFolder, table: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    # what takes time to measure, such as a latency, is not measured of anchors
    anchors = run.feasible(origin=Origin.ANCHOR, columns=columns).dropna(subset=list(run.objectives))
    tables = [part for part in (table, anchors) if len(part)] or [table]
    return pd.concat(tables).drop_duplicates("genome")


def _of_use(run: RunFolder, table: pd.DataFrame) -> pd.DataFrame:
    """Networks that are no worse than guessing; all of them if none is better."""
    quality = run.quality
    if run.facts().is_table or quality is None or quality not in table:
        return table
    is_of_use = table[quality] <= run.facts().bounds[quality][1]
    return table[is_of_use] if is_of_use.any() else table


def shown(run: RunFolder, rows: pd.DataFrame) -> pd.DataFrame:
    """Evaluations with the columns of :func:`front_table`."""
    rows = rows.reset_index(drop=True)
    if run.facts().is_table:
        parameters = parameter_table(run, rows["genome"])
        return pd.concat([rows[["id", "genome"]], parameters, rows[list(run.measures)]], axis=1)
    rows = rows[["id", "genome", *run.measures, "fidelity", *run.interval]]
    return rows.astype(dict.fromkeys(run.interval, float))  # all missing, they would be objects


def compared_table(run: RunFolder, *, origin: str = Origin.SEARCH) -> pd.DataFrame:
    """Every network of an origin whose error means what it means on the front of that origin; it dominates none of it.

    Returns:
        Columns as in :func:`front_table`.
    """
    has_measured = is_measured(run, origin)
    table = run.feasible(origin=origin, as_searched=not has_measured)
    if has_measured and not run.facts().is_table:
        table = _with_anchors(run, table[table["fidelity"].isin(MEASURED)], None)
    return shown(run, table)


def estimates_table(run: RunFolder, *, origin: str = Origin.SEARCH) -> pd.DataFrame:
    """Networks of an origin that were not measured, where others were; columns as in :func:`front_table`."""
    table = run.feasible(origin=origin)
    is_left = ~table["fidelity"].isin(MEASURED) if is_measured(run, origin) else pd.Series(False, index=table.index)
    return shown(run, table[is_left])


def front_volume(run: RunFolder, *, origin: str = Origin.SEARCH, scaling: Scaling | None = None) -> float | None:
    """Hypervolume of the measured front of an origin; None where nothing of it was measured.

    Args:
        run: Where from.
        origin: See :func:`front_table`.
        scaling: What it is measured on; by default the run's own, which other runs do not share.
    """
    front = front_table(run, origin=origin)
    if front.empty or not is_measured(run, origin):
        return None
    return (scaling or run.scaling).hypervolume(front[list(run.objectives)].to_numpy(dtype=float))


def knee_id(run: RunFolder, front: pd.DataFrame, *, weights: Mapping[str, float] | None = None) -> int:
    """Id of the network whose worst measure, by logarithm and times its weight, is the least bad.

    Args:
        run: Whose front it is.
        front: Not empty.
        weights: Positive, by measure; by default every objective counts the same.
    """
    weights = weights or dict.fromkeys(run.objectives, 1.0)
    bounds = bounds_of({name: front[name].tolist() for name in weights}) | run.facts().bounds
    scaling = Scaling(tuple(run.measures[name] for name in weights), bounds=bounds)
    points = scaling.log_transform(front[list(weights)].to_numpy(dtype=float))
    return int(front["id"].iloc[knee(points, weights=np.array(list(weights.values())))])


def front_history(run: RunFolder) -> pd.DataFrame:
    """Which networks were on the search's front in which generations; what is dominated once stays so.

    Values are those that the search went by: estimates, unless they are looked up, and of the last stage.

    Returns:
        Columns ``id``, ``genome``, ``since`` (the generation that found it) and ``until`` (the generation that found
        something better, and so the first without it; missing if none did), sorted by id.
    """
    columns = ["id", "generation", *run.objectives]
    table = run.feasible(origin=Origin.SEARCH, columns=columns, as_searched=True)
    points = run.scaling.minimised(table[list(run.objectives)].to_numpy(dtype=float))
    ends: dict[int, Any] = {}
    rows = np.zeros(0, dtype=int)
    for generation, new in table.groupby("generation", sort=True).indices.items():
        rows = np.concatenate([rows, new])
        is_best = is_nondominated(points[rows])
        ends |= dict.fromkeys(rows[~is_best].tolist(), generation)
        rows = rows[is_best]
    generations = table["generation"].to_numpy()
    lasting = sorted({*rows.tolist(), *(row for row, end in ends.items() if generations[row] < end)})
    found = run.evaluations_of(table["id"].iloc[lasting])[["id", "genome"]]
    until = pd.Series([ends.get(row, pd.NA) for row in lasting], index=found.index).astype("Int64")
    return found.assign(since=generations[lasting], until=until)
