"""Claim: the front of trained networks that a search delivers is ahead of its rivals' at equal processor time.

Rivals: random search with the same supernet and the same last part; families made by hand; NSGA-II, Optuna's TPE and
Optuna's GPSampler that train every network they look at. evonas runs first, with all defaults; everyone else gets the
processor seconds that it used, supernet, trainings and proposals included, and may finish the training that crosses the
line. All train by the whole recipe on the training images; the held-out images decide which networks are on a front,
and only these are measured on the test set, once, with the same weights. Hypervolumes are shares of a box, all by
logarithm. Also: a search with half the evaluations beside the whole one, and how well evonas and random search knew the
errors of what they trained, beside one more training.

    python benchmarks/trained_fronts.py [--task digits] [--quick] [--json FILE] [--seeds N] [--state FOLDER]

Everything is kept in the folder, so that a call that was stopped goes on where it was: what was trained is not trained
again, and its seconds count. A part of the work is one of ``--contenders evonas``, then others, side by side if there
are cores, with ``--first SEED --seeds 1``; the last call, with all seeds, reports. Fashion-MNIST and MNIST need --data.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from fronts import estimates, judged
from fronts.contenders import AGAIN, EVONAS, RANDOM, TITLES, in_own_process, spent
from fronts.measured import networks_of, with_test_errors
from fronts.tasks import BOXES, Task, task_of
from report import write_report

FASHION = Path("/usr/share/datasets/fashion-mnist")  # where the package of that name puts it
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def rows_of(names: list[str], task: Task, seed: int, state: Path) -> list[dict[str, Any]]:
    """A row of numbers per contender."""
    dataset = task.problem(seed).dataset
    sizes = {"n_test": len(dataset.test), "n_classes": dataset.n_classes}
    rows = []
    for name in names:
        networks = with_test_errors(name, networks_of(name, task, seed, state), task, seed, state=state)
        used = spent(task.folder(state, seed) / name)
        assert used is not None
        rows.append({"contender": name, "seed": seed, **vars(used), **judged.judged(networks, task, **sizes)})
    return rows


def compare(names: list[str], task: Task, seeds: range, state: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run what is not done yet, print the table; lines of the results, and all rows."""
    rows: list[dict[str, Any]] = []
    expected: list[dict[str, Any]] = []
    for seed in seeds:
        for name in names:
            in_own_process(name, task, seed, state)
            used = spent(task.folder(state, seed) / name)
            assert used is not None
            print(f"seed {seed}, {name}: {used.trainings} trainings in {used.seconds:.0f} s", flush=True)
        rows += rows_of([name for name in names if name in TITLES], task, seed, state)
        for name in [name for name in names if name in (EVONAS, RANDOM)]:
            expected += estimates.expectations(name, task, seed, state)
    table = pd.DataFrame(rows)
    results: list[dict[str, Any]] = []
    if rows:
        judged.print_table(table, task)
        if EVONAS in names:
            results = judged.lines(table, task)
        results += estimates.lines(expected, task)
    for row in results:
        error = f" ± {row['standard error']:.4f}" if row.get("standard error") is not None else ""
        holds = f" ({row['target']}: {'yes' if row['holds'] else 'no'})" if "holds" in row else ""
        value = "-" if row["value"] is None else f"{row['value']:+.4f}"
        print(f"{row['name']}: {value}{error}{holds}")
    return results, {"rows": rows, "expected": expected}


def main() -> None:
    """Run the contenders, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=tuple(BOXES), default="digits")
    parser.add_argument("--data", help="folder or file of images, for fashion and mnist")
    parser.add_argument("--epochs", type=int, default=0, help="of a whole training, instead of the task's")
    parser.add_argument(
        "--contenders", default=",".join((*TITLES, AGAIN)), help="some of the default, joined by commas"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch, a tiny supernet: does it run?")
    parser.add_argument("--state", type=Path, help="folder that keeps runs and trainings; else they are removed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = options.contenders.split(",")
    if unknown := [name for name in names if name not in (*TITLES, AGAIN)]:
        parser.error(f"no such contender: {', '.join(unknown)}")
    data = options.data or (str(FASHION) if options.task == "fashion" else "")
    if options.task != "digits" and not (data and Path(data).exists()):
        parser.error("say where the images are with --data")
    os.environ |= dict.fromkeys(ONE_THREAD, "1")  # of every contender's process, so that none waits by spinning
    task = task_of(options.task, data=data, epochs=options.epochs, is_quick=options.quick)
    seeds = range(options.first, options.first + (1 if options.quick else options.seeds))
    with tempfile.TemporaryDirectory() as folder:
        results, more = compare(names, task, seeds, options.state or Path(folder))
    write_report(options.json, __doc__, results=results, quick=options.quick, task=task.facts, **more)


if __name__ == "__main__":
    main()
