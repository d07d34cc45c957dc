"""Claim: evonas finds a front with fewer evaluations than other libraries, its own evolution alone, and random search.

Searched are a table of trained networks, as a user's own space (examples/nasbench_macro.py), and made-up tables on
which nothing was tuned (benchmarks/efficiency/tables.py). In some there is noise: each network has one of three
trainings by seed, and is judged by their mean; one in twenty fails. What counts is the share of the true front's
hypervolume after so many *distinct* networks, which for some libraries are fewer than their calls. Objectives are
scaled over the whole table to 0 to 1, the reference point is 1.1. Everyone computes on one thread.

    python benchmarks/search_efficiency.py [--table nasbench_macro.csv] [--quick] [--json FILE] [--seeds N]
        [--problems A/B] [--contenders A/B] [--state FILE]

Rows are kept in the file as they come, so that a call that was stopped goes on; the last call reports all of them.
Libraries that are not installed are left out: pip install optuna botorch smac.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from efficiency.problems import FailedError, Key, Problem, problems
from efficiency.rivals import Rival, by_botorch, by_optuna, by_pymoo, by_smac
from joblib import Parallel, delayed
from report import write_report

import evonas
from reports.run_folder.folder import RunFolder

POPULATION = 40
CALLS = 3  # of a rival, at most so many for each distinct network
COUNTS = (50, 100, 200, 500)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TARGETS = {
    "err-flops": {50: 99.5, 100: 99.85, 200: 99.985, 500: 99.995},
    "err-params": {50: 99.7},
}

Found = tuple[list[Key], list[bool]]
"""Distinct networks in the order in which they were looked at, and which of them did not fail."""


def by_evonas(problem: Problem, seed: int, n: int, **settings: Any) -> Found:
    """A whole run of evonas, as a user makes one."""
    names = list(problem.names)
    search = {"objectives": names, "budget": n, "population": POPULATION, "has_baseline": False, **settings}
    with tempfile.TemporaryDirectory() as folder:
        run = evonas.search(
            space=problem.seen(seed), out=Path(folder) / "run", overrides={"seed": seed, "search": search}
        )
        rows = RunFolder(run.path).rows()
    return [tuple(map(int, row.genome.split("-"))) for row in rows], [row.is_ok for row in rows]


def by_rival(problem: Problem, seed: int, n: int, *, rival: Rival) -> Found:
    """Another library, until so many distinct networks, or three times as many calls."""
    space = problem.seen(seed)
    found: dict[Key, bool] = {}

    def evaluate(genome: Key) -> list[float]:
        values = space.look_up(space.canonical(np.array(genome)))
        return [values[name] for name in problem.names]

    for calls, genome in enumerate(rival(space, problem.names, evaluate, seed)):
        if len(found) >= n or calls >= CALLS * n:
            break
        key = tuple(map(int, space.canonical(np.array(genome))))
        try:
            found[key] = bool(evaluate(key))
        except FailedError:
            found[key] = False
    return list(found), list(found.values())


Contender = tuple[Callable[..., Found], int, str]
CONTENDERS: dict[str, Contender] = {  # how, for how many networks at most, what must be installed
    "evonas": (by_evonas, 500, ""),
    "evonas, evolution alone": (partial(by_evonas, predictors=[]), 500, ""),
    "random": (partial(by_evonas, algorithm="random"), 500, ""),
    "pymoo NSGA-II": (partial(by_rival, rival=by_pymoo), 500, ""),
    "Optuna TPE": (partial(by_rival, rival=partial(by_optuna, sampler="tpe")), 200, "optuna"),
    "Optuna GPSampler": (partial(by_rival, rival=partial(by_optuna, sampler="gp")), 100, "optuna"),
    "SMAC3 ParEGO": (partial(by_rival, rival=by_smac), 100, "smac"),
    "BoTorch qLogNEHVI": (partial(by_rival, rival=by_botorch), 100, "botorch"),
}
AS_LONG = 200  # networks for everyone where there is noise, which hides what the first hundred show


def one(name: str, problem_name: str, seed: int, most: int, table: str) -> dict[str, Any]:
    """One contender on one problem: shares of the true hypervolume, in percent, after counts of distinct networks."""
    warnings.simplefilter("ignore")
    problem = problems(table, names=[problem_name])[problem_name]
    how, limit, _ = CONTENDERS[name]
    start = time.process_time()
    n = min(most, max(limit, AS_LONG) if problem.trainings else limit)
    found, is_ok = how(problem, seed, n)
    seconds = time.process_time() - start
    shares = problem.shares(found, is_ok, [count for count in COUNTS if count <= n])
    return {"problem": problem_name, "name": name, "seed": seed, "networks": len(found), "seconds": seconds, **shares}


def all_rows(jobs: Sequence[tuple[str, str, int]], most: int, table: str, state: Path) -> Iterator[dict[str, Any]]:
    """Rows of all jobs, those that the file holds first; new ones are added to it."""
    known = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()] if state.exists() else []
    yield from known
    done = {(row["name"], row["problem"], row["seed"]) for row in known}
    todo = [job for job in jobs if job not in done]
    for row in Parallel(-1, return_as="generator_unordered")(delayed(one)(*job, most, table) for job in todo):
        with state.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        yield row


def report(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Print a table a problem; the results are the targets, and the distance to the best rival."""
    counts = [str(n) for n in COUNTS if str(n) in table]
    results: list[dict[str, Any]] = []
    for name, part in table.groupby("problem", sort=False):
        seeds = part["seed"].nunique()
        print(f"{name}: % of the true hypervolume after distinct networks, mean ± sd of {seeds} seeds; ms a network")
        means = {}
        for contender, found in part.groupby("name", sort=False):
            whole = [n for n in counts if found[n].notna().all()]
            cells = [f"{found[n].mean():7.3f} ± {found[n].std():5.3f}" for n in whole]
            print(f"  {contender:<26}", *cells, f"{1e3 * (found['seconds'] / found['networks']).mean():7.0f}", sep="  ")
            means[str(contender)] = {n: found.set_index("seed")[n] for n in whole}
        for n in counts if "evonas" in means else []:
            results += _judged(str(name), n, means)
    for line in results:
        print(f"{line['name']}: {line['value']:.3f} ({line['target']}: {'yes' if line['holds'] else 'no'})")
    return results


def _judged(problem: str, n: str, shares: dict[str, dict[str, pd.Series]]) -> Iterator[dict[str, Any]]:
    ours = shares["evonas"].get(n)
    if ours is None:
        return
    seeds = f"{len(ours)} seeds"
    if (target := TARGETS.get(problem, {}).get(int(n))) is not None:
        facts = {"unit": "% of the true hypervolume", "target": f">= {target}", "holds": bool(ours.mean() >= target)}
        name = f"{problem} after {n} networks, mean of {seeds}"
        yield {"name": name, "value": float(ours.mean()), "sd": float(ours.std()), **facts}
    rivals = {name: found[n].mean() for name, found in shares.items() if name != "evonas" and n in found}
    if not rivals:
        return
    best = max(rivals, key=rivals.__getitem__)
    ahead = (ours - shares[best][n]).dropna()
    error = float(ahead.std() / np.sqrt(len(ahead)))
    facts = {"unit": "percentage points", "target": ">= 0", "holds": bool(ahead.mean() >= 0), "standard error": error}
    name = f"{problem} after {n} networks, ahead of the best other ({best}), mean of {seeds}"
    yield {"name": name, "value": float(ahead.mean()), **facts}


def main() -> None:
    """Search everything with everyone, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--table", default="", help="nasbench_macro.csv: columns arch, acc1 to acc3, err, params, flops"
    )
    parser.add_argument("--problems", default="", help="some of them, joined by slashes")
    parser.add_argument("--contenders", default="", help="some of them, joined by slashes")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="distinct networks, at most")
    parser.add_argument("--quick", action="store_true", help="two seeds, 50 networks")
    parser.add_argument("--state", type=Path, help="file that keeps rows")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seeds, most = (2, COUNTS[0]) if options.quick else (options.seeds, options.most)
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    chosen = options.problems.split("/") if options.problems else list(problems(options.table))
    names = options.contenders.split("/") if options.contenders else list(CONTENDERS)
    missing = {CONTENDERS[name][2] for name in names if CONTENDERS[name][2] and find_spec(CONTENDERS[name][2]) is None}
    if missing:
        print(f"left out, since not installed: {', '.join(sorted(missing))}")
    names = [name for name in names if CONTENDERS[name][2] not in missing]
    jobs = [(name, problem, seed) for seed, problem, name in itertools.product(range(seeds), chosen, names)]
    with tempfile.TemporaryDirectory() as folder:
        state = options.state or Path(folder) / "rows.jsonl"
        rows = list(all_rows(jobs, most, options.table, state))
    order = {name: index for index, name in enumerate(CONTENDERS)}
    rows.sort(key=lambda row: (order[row["name"]], row["seed"]))
    results = report(pd.DataFrame(rows))
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
