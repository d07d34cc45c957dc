"""Which networks are best: the Pareto front of a run as a table, and picks from it."""

from __future__ import annotations

import pandas as pd

from objectives.pareto import is_nondominated, knee
from reports.run_folder import RunFolder


def front_table(run: RunFolder, *, origin: str | None = None) -> pd.DataFrame:
    """The non-dominated networks among those evaluated, within the run's constraints, smallest error first.

    Args:
        run: Where from.
        origin: ``"search"``, ``"random"`` for the baseline's front, ``"tuned"`` for what was scored again; by default
            what was scored again if anything was, and else the search's.

    Returns:
        Columns ``id``, ``genome`` and every measure, each in its own unit.
    """
    columns = ["id", *run.objectives]  # the rest of a row is read for the front alone, which is a small share
    table = run.feasible(origin=origin or ("tuned" if run.meta("is_tuned") else "search"), columns=columns)
    if table.empty and origin is None:
        table = run.feasible(origin="search", columns=columns)
    points = table[list(run.objectives)].to_numpy(dtype=float)
    front = run.evaluations_of(table.loc[is_nondominated(points), "id"])[["id", "genome", *run.measures]]
    return front.sort_values([*run.objectives, "id"], ignore_index=True)


def knee_id(run: RunFolder, front: pd.DataFrame) -> int:
    """Id of the network whose worst objective, by logarithm, is the least bad; the front must not be empty."""
    points = run.scaling.spread(front[list(run.objectives)].to_numpy(dtype=float))
    return int(front["id"].iloc[knee(points)])
