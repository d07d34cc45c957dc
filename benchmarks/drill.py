"""Claim: no bad input ends in a traceback, hangs, runs code or loses an evaluation.

Commands are put before thousands of run files, archives, exported files and data sets that are damaged or forged,
killed at chosen moments, run two at once, on full disks, in read-only and foreign folders, and in odd environments.
Each case follows from the seed and its number alone. With --state, cases that are done are not done again.

    python benchmarks/drill.py [--quick] [--part NAME ...] [--cases N] [--seed N] [--state FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from drills.archives import Archives
from drills.data_sets import DataSets
from drills.environments import Environments
from drills.exports import Exports
from drills.harness import Part
from drills.kills import Kills
from drills.places import Places
from drills.run_files import RunFiles
from report import write_report

PARTS: dict[str, type[Part]] = {
    part.name.replace(" ", "-"): part for part in (RunFiles, Archives, Exports, DataSets, Kills, Places, Environments)
}


def main() -> None:
    """Try all cases, print faults as they come, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few cases of each part")
    parser.add_argument("--part", action="append", choices=sorted(PARTS), help="only this one; may stand several times")
    parser.add_argument("--cases", type=int, help="of each part, instead of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="a file of lines, one for each case that is done")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = _known(options.state)
    results, faults = [], 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        home = Path(temporary).resolve()
        os.environ["XDG_STATE_HOME"] = str(home / "state")  # keys of its own
        for name in options.part or PARTS:
            part = PARTS[name]
            n = options.cases or (part.quick if options.quick else part.full)
            start = time.perf_counter()
            found = _tried(name, part, n, home / name, options.seed, known, options.state)
            faults += len(found)
            print(f"{name}: {n} cases, {len(found)} with faults, {time.perf_counter() - start:.0f} s", flush=True)
            results.append({"name": f"{name} with faults, of {n}", "value": len(found), "unit": "cases", "target": "0"})
    write_report(
        options.json,
        __doc__,
        results=[{**one, "holds": one["value"] == 0} for one in results],
        quick=options.quick,
        seed=options.seed,
    )
    sys.exit(1 if faults else 0)


def _tried(
    name: str, part: type[Part], n: int, home: Path, seed: int, known: dict[str, list[str]], state: Path | None
) -> dict[str, list[str]]:
    """Faults by case."""
    cases = {f"{seed} {name} {number}": number for number in range(n)}
    found = {case: known[case] for case in cases if known.get(case)}
    if all(case in known for case in cases):
        return found
    home.mkdir()
    ready = part(home)
    for case, number in cases.items():
        if case in known:
            continue
        faults = ready.case(number, Random(case))
        for fault in faults:
            print(f"FAULT {case}: {fault}", flush=True)
        found |= {case: faults} if faults else {}
        if state is not None:
            with state.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"case": case, "faults": faults}) + "\n")
    return found


def _known(state: Path | None) -> dict[str, list[str]]:
    if state is None or not state.exists():
        return {}
    lines: list[dict[str, Any]] = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    return {line["case"]: line["faults"] for line in lines}


if __name__ == "__main__":
    main()
