"""How well searches knew what whole trainings would give: errors expected just before them, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau

from evonas.seeding import numpy_rng
from evonas.spaces.genome import from_text
from fronts.contenders import AGAIN, EVONAS, RUN, TITLES, trained
from fronts.ledger import costs_of, lines_of
from fronts.tasks import Task
from reports.run_folder.folder import RunFolder
from surrogates.rank_quality import near_tau

Floats = NDArray[np.float64]
RESAMPLES = 1000
LEAST = 3  # networks that a rank correlation needs


def expectations(name: str, task: Task, seed: int, state: Path) -> list[dict[str, Any]]:
    """Networks that a search trained after it had estimated them; those of evonas with one more training."""
    folder, problem = task.folder(state, seed), task.problem(seed)
    again = (
        {row["name"]: row["error"] for row in lines_of(folder / AGAIN / "trainings.jsonl")} if name == EVONAS else {}
    )
    n, space, found = len(problem.dataset.heldout), problem.space, []
    for score in trained(RunFolder(folder / name / RUN)):
        if score.expected is not None and score.quality is not None:
            row = {key: getattr(score, key) for key in ("genome", "expected", "expected_low", "expected_high")}
            measured = (n * score.quality + 0.5) / (n + 1)  # as estimates see it: never zero
            size = costs_of(space, from_text(score.genome, space.genes))["model_size"]
            found.append(
                {**row, "contender": name, "seed": seed, "measured": measured, "again": again.get(score.genome)}
                | {"model_size": size}
            )
    return found


def lines(rows: Sequence[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """Lines of the results: accuracy, intervals and ranks, over the networks of all seeds."""
    results = []
    for name, part in pd.DataFrame(rows).groupby("contender", sort=False) if rows else []:
        about = f"{task.name}: {TITLES[str(name)]}, {len(part)} networks"
        expected, measured = (part[column].to_numpy(dtype=float) for column in ("expected", "measured"))
        sizes = part["model_size"].to_numpy(dtype=float)
        off = float(np.median(np.abs(np.log(expected / measured))))
        results.append({"name": f"{about}: median |log(expected / measured)|", "value": off, "unit": "nats"})
        within = ((part["expected_low"] <= measured) & (measured <= part["expected_high"])).astype(float)
        share = {"value": float(within.mean()), "unit": "of networks", "count": int(within.sum()), "of": len(part)}
        results.append({"name": f"{about}: measured within the interval of 80 %", **share})
        if len(part) < LEAST:
            continue
        results.append(_line(f"{about}: tau of expected against measured", expected, measured))
        more = part[part["again"].notna()]
        if len(more) >= LEAST:
            repeated, once = more["again"].to_numpy(dtype=float), more["measured"].to_numpy(dtype=float)
            more_sizes = more["model_size"].to_numpy(dtype=float)
            results.append(_line(f"{about}: tau of one more training against measured", repeated, once))
            results.append(_line(f"{about}: near tau of one more training", repeated, once, sizes=more_sizes))
        results.append(_line(f"{about}: near tau of expected", expected, measured, sizes=sizes))
        results.append(_line(f"{about}: near tau of model size alone", -sizes, measured, sizes=sizes))
    return results


def _line(name: str, score: Floats, truth: Floats, *, sizes: Floats | None = None) -> dict[str, Any]:
    """A rank correlation with its bootstrap standard error over networks; near pairs alone if sizes are given."""
    rng = numpy_rng(0, "bootstrap")
    draws = rng.integers(len(score), size=(RESAMPLES, len(score)))
    taus = [_tau(score[draw], truth[draw], None if sizes is None else sizes[draw])[0] for draw in draws]
    tau, pairs = _tau(score, truth, sizes)
    error = float(np.nanstd(taus, ddof=1)) if np.isfinite(taus).sum() > 1 else None
    facts = {} if sizes is None else {"near pairs": pairs}
    value = tau if np.isfinite(tau) else None
    return {"name": name, "value": value, "unit": "Kendall's tau", "standard error": error, **facts}


def _tau(score: Floats, truth: Floats, sizes: Floats | None) -> tuple[float, int]:
    if sizes is not None:
        return near_tau(score, truth, sizes=sizes)
    if min(len(np.unique(score)), len(np.unique(truth))) < 2:
        return float("nan"), 0  # nothing to rank
    return float(kendalltau(score, truth).statistic), 0
