"""Claim: evonas finds a larger hypervolume than random search, on every seed, with the same supernet and budget.

Each seed is two whole runs on digits that train the same supernet: one searches with learned predictors, as is the
default, one by evolution alone. Random search spends the same budget on the same supernet. A fourth contender gets the
uniform-precision networks that searches start from and random ones for the rest. Hypervolume of (error, model size,
BitOPs) over all networks found, on the run's own scale (costs by logarithm), and on plain axes as well. Errors are as
they are inherited, neither corrected nor tuned: what is compared is how well each contender searches one and the same
table of estimates.

    python benchmarks/search_vs_random.py [--quick] [--seeds N] [--json FILE] [--workers N]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from report import write_report

import evonas
from evonas.workflows.run_handle import Run
from objectives.fronts.scaling import Scaling

QUICK = {"supernet": {"steps": 300}, "search": {"budget": 120, "population": 20}}
INHERITED = {"estimate": {"anchors": 0}, "search": {"trainings": 0}}


def contenders(run: Run, alone: Run) -> dict[str, pd.DataFrame]:
    """What each contender evaluated, all of one budget.

    ``random`` draws at random. ``uniform + random`` also gets the uniform-precision networks that searches start from,
    so that what the search adds can be told from what a good start adds.
    """
    table = run.evaluations()
    search, random = (table[table["origin"] == origin] for origin in ("search", "random"))
    evolved = alone.evaluations().query("origin == 'search'")
    first = search[search["generation"] == 0]
    known = first.merge(evolved[evolved["generation"] == 0], on="genome")
    assert (known["scored_loss_x"] == known["scored_loss_y"]).all(), "both runs must have the same supernet"
    assert len(known) == len(first), "both runs must start from the same networks"
    budget = len(search)
    uniform = first.iloc[: len(first) - run.folder.settings["search"]["population"]]
    mixed = pd.concat([uniform, random.iloc[: budget - len(uniform)]])
    found = {"evonas": search, "evolution alone": evolved, "random": random, "uniform + random": mixed}
    assert all(len(part) == budget for part in found.values()), "the contenders must have equal budgets"
    return found


def hypervolume(run: Run, table: pd.DataFrame, *, is_log: bool) -> float:
    """Hypervolume of everything evaluated; on plain axes unless ``is_log``."""
    scaling = run.folder.scaling
    if not is_log:
        scaling = Scaling(tuple(replace(measure, is_log=False) for measure in scaling.measures), scaling.bounds)
    return scaling.hypervolume(table.loc[table["reason"] == "", list(scaling.names)].to_numpy(dtype=float))


def main() -> None:
    """Run the seeds, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seeds, a short supernet, a small budget")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    settings: dict[str, Any] = {
        **(QUICK if options.quick else {}),
        **INHERITED,
        "compute": {"workers": options.workers},
    }
    rows: list[dict[str, Any]] = []
    names = ("evonas", "evolution alone", "random", "uniform + random")
    print(f"{'seed':>4} {'axes':>6} {' '.join(names)}  networks, seconds of the search with predictors and without")
    for seed in range(2 if options.quick else options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            alone = {"predictors": [], "has_baseline": False} | settings.get("search", {})
            runs = [
                evonas.search(out=Path(folder) / name, overrides={**settings, "seed": seed, **more})
                for name, more in (("run", {}), ("alone", {"search": alone}))
            ]
            found = contenders(*runs)
            seconds = [run.folder.facts().seconds for run in runs]
            for axes in ("log", "plain"):
                volumes = {name: hypervolume(runs[0], part, is_log=axes == "log") for name, part in found.items()}
                rows.append({"seed": seed, "axes": axes, "networks": len(found["random"]), **volumes})
                shown = " ".join(f"{volume:>{max(8, len(name))}.4f}" for name, volume in volumes.items())
                print(
                    f"{seed:>4} {axes:>6} {shown}  {len(found['random']):>8} {seconds[0]:.0f} {seconds[1]:.0f}",
                    flush=True,
                )
    table = pd.DataFrame(rows)
    results = []
    for axes, baseline in product(("log", "plain"), names[1:]):
        part = table[table["axes"] == axes]
        gains = part["evonas"] - part[baseline]
        print(f"{axes} axes, gain over {baseline}: {gains.mean():+.4f} ± {gains.std():.4f}, {len(gains)} seeds")
        facts = {"target": "> 0", "holds": bool(gains.min() > 0)} if baseline == "random" else {}
        results.append(
            {
                "name": f"{axes} axes: smallest gain in hypervolume over {baseline}, of {len(gains)} seeds",
                "value": float(gains.min()),
                "unit": "boxes between the bounds",
                **facts,
                "mean": float(gains.mean()),
                "sd": float(gains.std()),
            }
        )
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
