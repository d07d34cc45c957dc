"""What repeated searches attain: the best, the median and the worst error at every cost, over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reports.run_folder.folder import RunFolder
from reports.tables.front import front_table


def attainment_table(runs: Sequence[RunFolder], *, cost: str, error: str = "error") -> pd.DataFrame:
    """The empirical attainment function of two objectives at three levels: one run, half of them, all of them.

    Args:
        runs: Repetitions of one search, such as of several seeds.
        cost: A measure of all of them.
        error: Another one.

    Returns:
        Columns ``cost`` (ascending), ``best``, ``median`` and ``worst`` error that runs attain at no more than that
        cost (no less, where it is maximised); NaN where too few attain anything. The median is what at least half of
        the runs attain.

    References:
        Grunert da Fonseca, Fonseca & Hall 2001; López-Ibáñez, Paquete & Stützle 2010.
    """
    signs = np.array([runs[0].measures[name].sign for name in (cost, error)])
    fronts = [signs * front_table(run)[[cost, error]].to_numpy(dtype=float) for run in runs]
    costs = np.unique(np.concatenate([front[:, 0] for front in fronts]))
    attained = np.full((len(fronts), len(costs)), np.inf)
    for row, front in zip(attained, fronts, strict=True):
        front = front[np.argsort(front[:, 0], kind="stable")]  # noqa: PLW2901
        if len(front):
            counts = np.searchsorted(front[:, 0], costs, side="right")
            best = np.concatenate([[np.inf], np.minimum.accumulate(front[:, 1])])
            row[:] = best[counts]
    ranked = np.sort(attained, axis=0)
    levels = {"best": 0, "median": (len(fronts) - 1) // 2, "worst": len(fronts) - 1}
    columns = {name: np.where(np.isinf(ranked[at]), np.nan, signs[1] * ranked[at]) for name, at in levels.items()}
    return pd.DataFrame({"cost": signs[0] * costs, **columns}).sort_values("cost", ignore_index=True)
