"""Claim: a run folder of 1,000,000 evaluations opens in 2 s, gives its front in 5 s and 1 GB; an append takes 60 µs.

The archive is made up: three objectives and eight measures more, genomes of 59 characters, one evaluation of a hundred
failed, a constraint that a third of the networks break. Bytes and operations spread by logarithm, the error follows
from both but for a random excess, so that the front has a few thousand points. Every step has a process of its own,
started afresh, whose largest resident memory is its peak memory; what Python and pandas take is part of it. Appends go
to the same archive once it is full, where they cost most. The mean of an append includes the times when SQLite moves
its log into the archive and waits for the disk.

    python benchmarks/archive_scale.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from report import write_report

from objectives import OBJECTIVES
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import COLUMNS, Evaluation, insertion
from reports.tables.convergence import convergence_table
from reports.tables.front import front_table

SEARCH: dict[str, Any] = {"objectives": ["error", "model_size", "bitops"], "constraints": {"peak_memory": 700_000.0}}
N_GENES, N_CHOICES = 30, 8
FACTS: dict[str, Any] = {
    "bounds": {"error": [0.0, 0.9], "model_size": [1e3, 1e6], "bitops": [1e6, 1e9]},
    "created": "2026-01-01",
    "started_with": {"versions": {}},
    "log10_space_size": 27.0,
    "genes": [{"name": f"gene {n}", "choices": list("abcdefgh")} for n in range(N_GENES)],
}
TARGETS = {"open: seconds": 2.0, "front: seconds": 5.0, "front: peak memory": 1000.0, "append: mean": 60.0}
APPENDS = 20_000


def made_up(n: int, *, seed: int) -> Iterator[Evaluation]:
    """Evaluations as a search would store them."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(np.log(1e3), np.log(1e6), n))
    intensity = np.exp(rng.normal(6.5, 0.6, n))  # operations a byte
    error = np.minimum(0.02 + 0.9 * (size / 1e3) ** -0.4 * (intensity / 30) ** -0.1 * (1 + rng.gamma(3, 0.3, n)), 0.9)
    genomes = rng.integers(0, N_CHOICES, (n, N_GENES))
    for i in range(n):
        text = "-".join(map(str, genomes[i]))
        if i % 100 == 7:
            yield Evaluation("search", i // 100, text, reason="RuntimeError: too large", seconds=0.01)
            continue
        values: dict[str, float] = dict.fromkeys(OBJECTIVES, int(size[i]))
        values |= {"error": float(error[i]), "bitops": int(size[i] * intensity[i])}
        yield Evaluation("search", i // 100, text, values, seconds=0.01)


def fill(path: Path, *, n: int) -> dict[str, float]:
    """Make the archive, in one transaction, because a million of them would take most of the time."""
    start = time.perf_counter()
    run_toml = tomli_w.dumps({"name": "made up", "search": SEARCH})
    run = RunFolder.create(path, run_toml=run_toml, measures=OBJECTIVES, **SEARCH, **FACTS)
    rows = made_up(n, seed=0)
    cells = ([*(getattr(row, name) for name in COLUMNS), *map(row.values.get, OBJECTIVES)] for row in rows)
    with run.archive.writing() as connection:
        connection.executemany(insertion(tuple(OBJECTIVES)), cells)
    return {"seconds": time.perf_counter() - start}


def opening(path: Path) -> dict[str, float]:
    """Open the folder, and learn what it is a run of."""
    start = time.perf_counter()
    run = RunFolder(path)
    assert len(run.settings) * len(run.measures) * len(run.objectives) > 0
    return {"seconds": time.perf_counter() - start}


def front(path: Path) -> dict[str, float]:
    """The front."""
    run = RunFolder(path)
    start = time.perf_counter()
    points = len(front_table(run))
    return {"seconds": time.perf_counter() - start, "points": points}


def convergence(path: Path) -> dict[str, float]:
    """Hypervolume over evaluations."""
    run = RunFolder(path)
    start = time.perf_counter()
    convergence_table(run)
    return {"seconds": time.perf_counter() - start}


def page(path: Path) -> dict[str, float]:
    """Everything that a run leaves for people."""
    from reports.pages.page import write_reports  # brings matplotlib, which the other steps' memory need not hold

    run = RunFolder(path)
    start = time.perf_counter()
    write_reports(run)
    return {"seconds": time.perf_counter() - start}


def append(path: Path) -> dict[str, float]:
    """Appends one by one, within and without a context that keeps the connection; times in microseconds."""
    run, rows = RunFolder(path), list(made_up(APPENDS, seed=1))
    alone = [_seconds(run, row) for row in rows[:50]]
    with run.opened():
        start, busy = time.perf_counter(), time.process_time()
        times = [_seconds(run, row) for row in rows[50:]]
        mean = (time.perf_counter() - start) / len(times)
        processor = (time.process_time() - busy) / len(times)
    found = {"mean": mean, "median": float(np.median(times)), "processor time": processor}
    return {name: 1e6 * value for name, value in (found | {"connection of its own": float(np.median(alone))}).items()}


def _seconds(run: RunFolder, row: Evaluation) -> float:
    start = time.perf_counter()
    run.append(row)
    return time.perf_counter() - start


STEPS: dict[str, Callable[[Path], dict[str, float]]] = {
    # of a process of its own, too, because a process begins with the peak memory of the one that starts it
    "fill": partial(fill, n=1_000_000),
    "quick fill": partial(fill, n=50_000),
    "open": opening,
    "front": front,
    "convergence": convergence,
    "page": page,
    "append": append,  # the last one, because it changes the archive
}
UNITS = {"seconds": "s", "peak memory": "MB", "points": ""}


def main() -> None:
    """Fill an archive, measure every step in a process of its own, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50,000 evaluations")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help="only this one; used by the benchmark")
    options = parser.parse_args()
    if options.step:
        found = STEPS[options.step[0]](Path(options.step[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts in KiB
        print(json.dumps(found | {"peak memory": peak}))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            if step == ("fill" if options.quick else "quick fill"):
                continue
            command = [sys.executable, __file__, "--step", step, str(Path(folder) / "run")]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            for what, value in json.loads(output).items():
                name, unit = f"{step}: {what}", UNITS.get(what, "µs")
                row = {"name": name, "value": value, "unit": unit}
                if name in TARGETS:
                    row |= {"target": f"<= {TARGETS[name]:g}", "holds": value <= TARGETS[name]}
                print(f"{name} {value:.4g} {unit}", flush=True)
                results.append(row)
    write_report(options.json, __doc__, results=results, quick=options.quick)


if __name__ == "__main__":
    main()
