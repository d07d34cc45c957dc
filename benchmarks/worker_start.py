"""Claim: a worker that scores networks is ready after 0.4 s of processor time on top of torch's.

A new process loads torch alone; another one torch and what a job needs to be unpickled and run. Both start in turn; the
processor time of each whole process is what the system says. The median of the differences counts.

    python benchmarks/worker_start.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from report import write_report

LOADS = {
    "torch": "import torch",
    "torch and a scoring job": "import torch; import evonas.evaluation.network_estimator",
}
HEAVY = ("pandas", "scipy", "sklearn", "pymoo", "matplotlib", "plotly")
TARGET = 0.4


def processor_seconds(code: str) -> float:
    """Of a new process that runs some code, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Check, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 pairs instead of 15")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    job = LOADS["torch and a scoring job"]
    subprocess.run([sys.executable, "-c", f"{job}; import sys; assert not {set(HEAVY)} & set(sys.modules)"], check=True)
    pairs = []
    for _ in range(3 if options.quick else 15):
        pairs.append({name: processor_seconds(code) for name, code in LOADS.items()})
    for name in LOADS:
        print(f"{name:<24} {statistics.median(pair[name] for pair in pairs):6.2f} s")
    added = statistics.median(pair["torch and a scoring job"] - pair["torch"] for pair in pairs)
    print(f"on top of torch, median of {len(pairs)}: {added:.2f} s (<= {TARGET}: {'yes' if added <= TARGET else 'no'})")
    line = {"name": "on top of torch", "value": added, "unit": "s", "target": TARGET, "holds": added <= TARGET}
    write_report(options.json, __doc__, results=[line], quick=options.quick, pairs=pairs)


if __name__ == "__main__":
    main()
