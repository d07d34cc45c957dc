"""Claim: a run that is killed at any moment and resumed ends like one that was never stopped.

A short search on digits (supernet, anchors, predictors, random search beside it, brief and whole trainings, reports)
is run once to its end. Then it is started again and again, killed with SIGKILL at a random moment of that time, and
resumed; the resumed runs' front.csv must be equal byte for byte, and all evaluations but for the seconds that they
took.

    python benchmarks/kill_and_resume.py [--kills N] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import collections
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from report import write_report

import evonas

RUN_FILE = """
[space]
channels = 4
[supernet]
steps = 150
[estimate]
steps = 5
anchors = 4
[search]
budget = 60
population = 12
trainings = 4
has_brief_trainings = true
predictors = ["gaussian_process", "ridge"]
[training]
epochs = 2
[compute]
workers = 2
"""


def command(*arguments: str | Path) -> list[str]:
    """A command line of evonas."""
    return [sys.executable, "-m", "evonas", *map(str, arguments), "--quiet"]


def facts(folder: Path) -> tuple[bytes, pd.DataFrame]:
    """What must be equal: the front's file, and every evaluation without the time it took."""
    return (folder / "front.csv").read_bytes(), evonas.open_run(folder).evaluations().drop(columns="seconds")


def reached(folder: Path) -> str:
    """What a killed run was at, by the last evaluation it stored."""
    if not (folder / "archive.sqlite").is_file():
        return "nothing stored"
    stored = evonas.open_run(folder).evaluations()
    if (folder / "report.html").is_file():
        return "reports"
    return "supernet" if stored.empty else str(stored["origin"].iloc[-1])


def killed(run_file: Path, folder: Path, *, after: float) -> str:
    """Start a search, kill it after some seconds, and say where it was."""
    process = subprocess.Popen(command("search", run_file, "--out", folder), stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return reached(folder)


def main() -> None:
    """Run once, kill and resume, compare, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="3 kills")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng, moments, equal = random.Random(0), collections.Counter[str](), 0
    kills = 3 if options.quick else options.kills
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        run_file = home / "run.toml"
        run_file.write_text(RUN_FILE, encoding="utf-8")
        start = time.perf_counter()
        subprocess.run(command("search", run_file, "--out", home / "whole"), check=True)
        seconds = time.perf_counter() - start
        front, table = facts(home / "whole")
        for number in range(kills):
            folder, after = home / f"run{number}", rng.uniform(0.1, seconds)
            moment = killed(run_file, folder, after=after)
            resumed = folder.joinpath("archive.sqlite").is_file()
            again = command("resume", folder) if resumed else command("search", run_file, "--out", folder)
            subprocess.run(again, check=True)
            found, rows = facts(folder)
            is_equal = found == front and rows.equals(table)
            equal, moments[moment] = equal + is_equal, moments[moment] + 1
            print(
                f"killed after {after:5.1f} of {seconds:.1f} s, at {moment}: {'equal' if is_equal else 'OTHER'}",
                flush=True,
            )
    name = f"runs of {kills} that end the same, killed at: " + ", ".join(f"{k} {n}x" for k, n in moments.items())
    print(f"{equal} {name}")
    result = {"name": name, "value": equal, "unit": "runs", "target": f"{kills}", "holds": equal == kills}
    write_report(options.json, __doc__, results=[result], quick=options.quick)


if __name__ == "__main__":
    main()
