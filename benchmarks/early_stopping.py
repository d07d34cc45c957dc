"""Claim: a supernet whose training ends early takes at most half the time, for at most 1 % of the search's hypervolume.

Two whole searches per seed, alike but for early_stop. What each found is not judged by its own estimates, which differ,
but by one short training of every network of its front. Hypervolume of (error, model size, BitOPs) on the run's scale,
costs by logarithm; beside it that of as many networks of the first generation, drawn at random.

    python benchmarks/early_stopping.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report import write_report

import evonas
from evonas.evaluation.job import run_job
from evonas.evaluation.network_estimator import ScoringJob
from evonas.evaluation.scorers import ShortTraining
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.spaces.genome import from_text
from evonas.training.network_training import brief_steps
from evonas.workflows.run_handle import Run

MOST = 24  # networks of a front that are trained, evenly over its errors
COMMON = {"search": {"budget": 300, "has_baseline": False, "trainings": 0}}
QUICK = {
    "search": {"budget": 40, "population": 10, "has_baseline": False, "trainings": 0},
    "estimate": {"steps": 20, "anchors": 3},
    "supernet": {"steps": 200},
}


def judged(run: Run, genomes: list[str]) -> float:
    """Hypervolume of networks by one short training of each."""
    space, scorer = (
        run.context.network_space,
        ShortTraining(brief_steps(run.context.config, len(run.context.dataset.train))),
    )
    jobs = [(ScoringJob(scorer, run.path, None, space, from_text(text, space.genes)),) for text in genomes]
    outcomes = map_in_order(run_job, jobs, workers=Workers.of(run.context.config.compute))
    table = run.evaluations().drop_duplicates("genome").set_index("genome").loc[genomes]
    values = table[list(run.folder.objectives)].to_numpy(dtype=float)
    values[:, run.folder.objectives.index("error")] = [outcome.values["error"] for outcome in outcomes]
    return run.folder.scaling.hypervolume(values)


def one_seed(seed: int, *, quick: bool) -> dict[str, Any]:
    """Both searches of a seed."""
    settings: dict[str, Any] = QUICK if quick else COMMON
    row: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        for name, is_early in (("full", False), ("early", True)):
            supernet = {**settings.get("supernet", {}), "early_stop": is_early}
            overrides = {**settings, "supernet": supernet, "seed": seed}
            run = evonas.search(out=Path(folder) / name, overrides=overrides)
            front = run.front()["genome"]
            chosen = front.iloc[np.unique(np.linspace(0, len(front) - 1, MOST).round().astype(int))].tolist()
            row |= {
                f"{name} steps": run.folder.facts().supernet_steps,
                f"{name} front": len(front),
                f"{name} hypervolume": judged(run, chosen),
                f"{name} probes": run.folder.facts().probe_taus,
            }
            first = run.evaluations().query("origin == 'search' and generation == 0")["genome"]
        row["first generation hypervolume"] = judged(run, first.tolist()[-len(chosen) :])
    return row


def main() -> None:
    """Run the seeds, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, short trainings, a small budget")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for seed in range(1 if options.quick else 2):
        rows.append(one_seed(seed, quick=options.quick))
        shown = {key: value for key, value in rows[-1].items() if not key.endswith("probes")}
        print("  ".join(f"{key} {value:.4g}" for key, value in shown.items()), flush=True)
    table = pd.DataFrame(rows)
    saved = table["full steps"] / table["early steps"]
    lost = 1 - table["early hypervolume"] / table["full hypervolume"]
    print(f"steps saved {saved.mean():.2f}x, hypervolume lost {100 * lost.mean():.2f} ± {100 * lost.std():.2f} %")
    results = [
        {
            "name": "steps of a full training over those of an early end, mean",
            "value": float(saved.mean()),
            "unit": "ratio",
            "target": ">= 2",
            "holds": bool(saved.mean() >= 2),
        },
        {
            "name": "hypervolume lost, mean",
            "value": float(lost.mean()),
            "unit": "share",
            "target": "<= 0.01",
            "holds": bool(lost.mean() <= 0.01),
            "sd": float(lost.std()),
        },
    ]
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
