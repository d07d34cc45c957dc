"""Claim: NSGA-II finds a larger hypervolume than random search, on every seed, with the same supernet and budget.

Each seed is one whole run on digits: a supernet is trained, NSGA-II spends its budget of distinct networks, and random
search spends the same budget on the same supernet. Hypervolume of (error, model size, BitOPs) over all networks found,
on the run's own scale (costs by logarithm), and on plain axes as well.

    python benchmarks/search_vs_random.py [--quick] [--json FILE] [--workers N]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import evonas
from evonas.run import Run
from objectives.scaling import Scaling

QUICK = {"supernet": {"steps": 300}, "search": {"budget": 120, "population": 20}}


def hypervolumes(run: Run, *, is_log: bool) -> dict[str, float]:
    """Hypervolume of everything evaluated, by origin; on plain axes unless ``is_log``."""
    scaling = run.folder.scaling
    if not is_log:
        scaling = Scaling(scaling.names, scaling.bounds, dict.fromkeys(scaling.names, False))
    table = run.evaluations()
    return {
        str(origin): scaling.hypervolume(group[list(scaling.names)].to_numpy(dtype=float))
        for origin, group in table[table["reason"] == ""].groupby("origin")
    }


def main() -> None:
    """Run the seeds, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seeds, a short supernet, a small budget")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    settings: dict[str, Any] = {**(QUICK if options.quick else {}), "compute": {"workers": options.workers}}
    results: list[dict[str, Any]] = []
    gains: dict[str, list[float]] = {"log": [], "plain": []}
    print(f"{'seed':>4} {'axes':>6} {'NSGA-II':>8} {'random':>8} {'gain':>8}  networks  seconds")
    for seed in range(2 if options.quick else 5):
        with tempfile.TemporaryDirectory() as folder:
            run = evonas.search(out=Path(folder) / "run", overrides={**settings, "seed": seed})
            versions = run.folder.meta("versions")
            counts = run.evaluations()["origin"].value_counts()
            assert counts["search"] == counts["random"], "the contenders must have equal budgets"
            for axes, is_log in (("log", True), ("plain", False)):
                found = hypervolumes(run, is_log=is_log)
                gains[axes].append(found["search"] - found["random"])
                print(
                    f"{seed:>4} {axes:>6} {found['search']:8.4f} {found['random']:8.4f} {gains[axes][-1]:+8.4f}"
                    f"  {counts['search']:>8}  {run.folder.meta('seconds'):7.0f}",
                    flush=True,
                )
                gain = gains[axes][-1]
                results.append(
                    {
                        "name": f"seed {seed}, {axes} axes: hypervolume of NSGA-II minus random search",
                        "value": gain,
                        "unit": "share of the box",
                        "target": "> 0",
                        "holds": gain > 0,
                        "nsga2": found["search"],
                        "random": found["random"],
                    }
                )
    for axes, values in gains.items():
        print(f"mean ± sd of the gain, {axes} axes: {mean(values):+.4f} ± {stdev(values):.4f} over {len(values)} seeds")
    machine = f"{os.cpu_count()} cores of {platform.machine()}, {platform.system()}, no GPU"
    if options.json:
        claim = (__doc__ or "").splitlines()[0].removeprefix("Claim: ")
        report = {"claim": claim, "quick": options.quick, "versions": versions, "machine": machine, "results": results}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
