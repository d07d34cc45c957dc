"""How fast a search found its front: hypervolume over evaluations, random search beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.run_folder import RunFolder

ORIGINS = ("search", "random")


def convergence_table(run: RunFolder, *, n_points: int = 60) -> pd.DataFrame:
    """Hypervolume of all networks found so far after a number of evaluations, failures counted as evaluations.

    Args:
        run: Where from.
        n_points: Rows an origin at most.

    Returns:
        Columns ``origin``, ``evaluations`` and ``hypervolume``, see :meth:`objectives.scaling.Scaling.hypervolume`.
    """
    table, scaling = run.evaluations(), run.scaling
    rows = []
    for origin in ORIGINS:
        of_origin = table[table["origin"] == origin]
        if of_origin.empty:
            continue
        distinct = (~of_origin["genome"].duplicated()).cumsum().to_numpy()  # a supernet that grew scores some again
        counts = np.unique(np.linspace(1, distinct[-1], n_points).round().astype(int))
        for count in counts:
            so_far = run.feasible(of_origin[distinct <= count], origin=origin)
            values = so_far[list(run.objectives)].to_numpy(dtype=float)
            rows.append((origin, int(count), scaling.hypervolume(values)))
    return pd.DataFrame(rows, columns=["origin", "evaluations", "hypervolume"])
