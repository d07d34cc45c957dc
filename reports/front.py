"""Which networks are best: the Pareto front of a run as a table, and picks from it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from objectives.pareto import is_nondominated, knee
from reports.run_folder import MEASURES, RunFolder

COLUMNS = ["id", "genome", *MEASURES]


def front_table(run: RunFolder, *, origin: str = "search") -> pd.DataFrame:
    """The non-dominated networks among those evaluated, within the run's constraints, smallest error first.

    Args:
        run: Where from.
        origin: ``"search"``, or ``"random"`` for the baseline's front.

    Returns:
        Columns ``id``, ``genome`` and every measure, each in its own unit.
    """
    table = run.feasible(run.evaluations(), origin=origin)
    points = table[list(run.objectives)].to_numpy(dtype=float)
    front = table.loc[is_nondominated(points), COLUMNS]
    return front.sort_values([*run.objectives, "id"], ignore_index=True)


def knee_id(run: RunFolder, front: pd.DataFrame) -> int:
    """Id of the network whose worst objective is the least bad; the front must not be empty.

    All objectives go by their logarithm, the error too: to halve it is worth as much at 2 % as at 20 %. Errors below a
    thousandth count as that.
    """
    points = np.log(front[list(run.objectives)].to_numpy(dtype=float).clip(min=1e-3))
    return int(front["id"].iloc[knee(points)])
