"""How fast a search found its front: hypervolume over evaluations, random search beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from objectives.pareto import is_nondominated
from objectives.scaling import Scaling
from reports.run_folder import RunFolder

ORIGINS = ("search", "random")


def convergence_table(run: RunFolder, *, n_points: int = 60, scaling: Scaling | None = None) -> pd.DataFrame:
    """Hypervolume of all networks found so far after a number of evaluations, failures counted as evaluations.

    Args:
        run: Where from.
        n_points: Rows an origin at most.
        scaling: What volumes are measured on; by default the run's own, which other runs do not share.

    Returns:
        Columns ``origin``, ``evaluations`` and ``hypervolume``, see :meth:`objectives.scaling.Scaling.hypervolume`.
    """
    tables = [_of_origin(run, origin, n_points=n_points, scaling=scaling or run.scaling) for origin in ORIGINS]
    return pd.DataFrame([row for rows in tables for row in rows], columns=["origin", "evaluations", "hypervolume"])


def _of_origin(run: RunFolder, origin: str, *, n_points: int, scaling: Scaling) -> list[tuple[str, int, float]]:
    table = run.evaluations(origin=origin, columns=["id", "stage", "genome"])
    if table.empty:
        return []
    distinct = (~table["genome"].duplicated()).cumsum().to_numpy()  # a supernet that grew scores some again
    counts = np.unique(np.linspace(1, distinct[-1], n_points).round().astype(int))
    ends = table.assign(last_stage=table["stage"].cummax()).iloc[np.searchsorted(distinct, counts, side="right") - 1]
    volumes: list[float] = []
    for _, of_stage in ends.groupby("last_stage"):
        volumes += _volumes(run, origin, ends=of_stage["id"].tolist(), scaling=scaling)
    return [(origin, int(count), volume) for count, volume in zip(counts, volumes, strict=True)]


def _volumes(run: RunFolder, origin: str, *, ends: list[int], scaling: Scaling) -> list[float]:
    """Hypervolume up to each of these ids, which rise and have one last stage.

    What is dominated once stays so: from one id to the next, only the front and what is new are compared.
    """
    table = run.feasible(origin=origin, columns=["id", *run.objectives], until=ends[-1])
    points = table[list(run.objectives)].to_numpy(dtype=float)
    volumes, front = [], points[:0]
    for new in np.split(points, np.searchsorted(table["id"], ends, side="right"))[:-1]:
        front = np.concatenate([front, new])
        front = front[is_nondominated(front)]
        volumes.append(scaling.hypervolume(front))
    return volumes
