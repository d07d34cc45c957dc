"""How fast a search found its front: hypervolume over evaluations, random search beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from objectives.fronts.pareto import is_nondominated
from objectives.fronts.scaling import Scaling
from reports.run_folder.folder import RunFolder

ORIGINS = ("search", "random")


def convergence_table(run: RunFolder, *, n_points: int = 60, scaling: Scaling | None = None) -> pd.DataFrame:
    """Hypervolume of all networks found so far after a number of evaluations, failures counted as evaluations.

    Errors are those that the search went by: estimates, unless they are looked up.

    Args:
        run: Where from.
        n_points: Rows per origin at most.
        scaling: What volumes are measured on; by default the run's own, which other runs do not share.

    Returns:
        Columns ``origin``, ``evaluations`` and ``hypervolume``, by
            :meth:`objectives.fronts.scaling.Scaling.hypervolume`.
    """
    tables = [_of_origin(run, origin, n_points=n_points, scaling=scaling or run.scaling) for origin in ORIGINS]
    return pd.DataFrame([row for rows in tables for row in rows], columns=["origin", "evaluations", "hypervolume"])


def _of_origin(run: RunFolder, origin: str, *, n_points: int, scaling: Scaling) -> list[tuple[str, int, float]]:
    """Networks in the order in which they were first evaluated, by the values of the last stage, which can be compared.

    What is dominated once stays so: from one point to the next, only the front and what is new are compared.
    """
    table = run.evaluations(origin=origin, columns=["genome"])
    if table.empty:
        return []
    place = {genome: number for number, genome in enumerate(dict.fromkeys(table["genome"]), start=1)}
    counts = np.unique(np.linspace(1, len(place), n_points).round().astype(int))
    feasible = run.feasible(origin=origin, columns=["genome", *run.objectives], as_searched=True)
    feasible = feasible.assign(place=feasible["genome"].map(place)).sort_values("place")
    points = feasible[list(run.objectives)].to_numpy(dtype=float)
    rows, front = [], points[:0]
    ends = np.searchsorted(feasible["place"], counts, side="right")
    for count, new in zip(counts, np.split(points, ends)[:-1], strict=True):
        front = np.concatenate([front, new])
        front = front[is_nondominated(scaling.minimised(front))]
        rows.append((origin, int(count), scaling.hypervolume(front)))
    return rows
