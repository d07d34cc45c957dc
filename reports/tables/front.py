"""Which networks are best: the Pareto front of a run as a table, and picks from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from objectives.fronts.pareto import is_nondominated, knee
from objectives.fronts.scaling import Scaling, bounds_of
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder


def front_table(run: RunFolder, *, origin: str | None = None) -> pd.DataFrame:
    """The non-dominated networks among those evaluated, within the run's constraints, smallest error first.

    Args:
        run: Where from.
        origin: :attr:`Origin.SEARCH`, :attr:`Origin.RANDOM` for the baseline's front, :attr:`Origin.TUNED` for what was
            scored again; by default that if all of it was, and else the search's.

    Returns:
        Columns ``id``, ``genome`` and every measure, each in its own unit.
    """
    columns = ["id", *run.objectives]  # the rest of a row is read for the front alone, which is a small share
    table = run.feasible(origin=origin or (Origin.TUNED if run.facts().is_tuned else Origin.SEARCH), columns=columns)
    if table.empty and origin is None:
        table = run.feasible(origin=Origin.SEARCH, columns=columns)
    points = table[list(run.objectives)].to_numpy(dtype=float)
    front = run.evaluations_of(table.loc[is_nondominated(points), "id"])[["id", "genome", *run.measures]]
    return front.sort_values([*run.objectives, "id"], ignore_index=True)


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

    Values are those that the search went by: before a front was tuned, and of the last stage.

    Returns:
        Columns ``id``, ``genome``, ``since`` (the generation that found it) and ``until`` (the generation that found
        something better, and so the first without it; missing if none did), sorted by id.
    """
    table = run.feasible(origin=Origin.SEARCH, columns=["id", "generation", *run.objectives])
    points = table[list(run.objectives)].to_numpy(dtype=float)
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
