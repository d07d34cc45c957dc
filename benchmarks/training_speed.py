"""Claim: by default a network trains in a third of revision d4520c3's time, a supernet in two thirds, as accurately.

Both revisions train the same networks by their own default recipes, on the training images of digits, and are measured
on the held-out ones; the test images are not touched. The networks stood on the fronts of two default searches, from
450 to 14,500 bytes. Each revision has a process of its own on one thread, and they take turns, so that a busy machine
slows both. Times are process times. The difference of errors is that of pairs with the same network and seed; its
standard error is over networks. A supernet is the default one, trained for the default steps; equally good is one whose
random networks inherit the same mean held-out loss. Convolutions alone are those of a step, forward and backward, with
nothing between them: what is left to gain.

    git worktree add ../evonas-d4520c3 d4520c3
    python benchmarks/training_speed.py --baseline ../evonas-d4520c3 [--quick] [--json FILE] [--seeds N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from report import write_report

GENOMES = (
    "0-0-0-0-0-0-0-0-0-1-0-1-2-1-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1-4-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-0-0-0-0-0-0-0-3-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-2-2-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-2",
    "0-0-3-0-0-2-0-0-0-0-0-0-0-0-1-0-2-3-0-0-0-0-0-0-0-0-0-0-1-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-2-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-0-0-0-0-0-0-0-3-0-1-2-4-1-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-4-0-0-0-0-0-0-0-0-0-1-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-3-0-0-2-0-0-0-0-0-0-0-0-1-2-2-3-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-2-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-0-0-0-0-0-0-0-3-0-1-0-4-1-0-0-0-0-0-0-0-0-0-0-0-0-0-1-1-3-0-0-0-0-0-0-0-0-0-4-0-1-0-0-0-0-0-0-0-0-0-0-0-0-0",
    "0-0-3-0-0-2-0-0-0-0-0-0-0-1-0-1-2-2-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1-0-2-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-1-1-0-2-2-0-0-5-0-1-0-4-0-0-2-0-2-0-0-0-0-0-0-0-0-0-0-2-0-0-0-0-0-0-0-0-0-0-0-0-0-2-0-0-2-0-0-0-0-0-0-0-0-1",
    "0-0-3-0-0-2-0-0-0-0-0-0-0-3-1-3-2-3-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1-0-2-0-0-0-0-0-0-0-0-0-0-1",
    "0-0-1-3-2-3-2-0-0-5-4-0-0-2-0-1-1-3-0-1-0-0-0-0-0-0-0-0-0-0-0-3-1-0-0-0-0-0-0-0-0-0-1-0-3-1-1-0-0-0-0-0-0-0-0-0",
    "0-0-2-3-0-2-2-0-0-5-0-0-0-4-1-3-2-3-2-0-0-0-0-0-0-0-0-0-0-0-1-0-0-0-0-0-0-0-0-0-1-0-1-0-2-1-2-0-0-0-0-0-0-0-0-1",
    "0-0-1-1-0-2-5-0-0-3-0-1-0-4-1-1-2-3-2-3-0-0-0-0-0-0-0-0-0-2-0-0-0-0-0-0-0-0-0-0-0-0-1-1-3-1-2-0-0-0-0-0-0-0-0-2",
    "0-0-2-3-0-2-2-0-0-5-0-1-0-4-1-3-1-2-2-2-0-0-0-0-0-0-0-0-0-3-1-0-0-0-0-0-0-0-0-0-0-0-3-0-2-1-2-0-0-0-0-0-0-0-0-2",
    "0-0-5-1-0-2-2-0-0-3-0-0-2-0-1-1-2-2-2-3-0-0-0-0-0-0-0-0-0-3-2-0-0-0-0-0-0-0-0-0-0-0-2-0-4-0-2-0-0-0-0-0-0-0-0-1",
    "0-0-2-3-0-5-2-0-0-5-0-1-0-4-1-3-3-3-2-2-0-0-0-0-1-1-0-0-0-4-1-0-0-0-0-0-0-0-0-4-1-0-1-0-4-1-2-0-0-0-0-0-3-0-0-1",
    "0-0-5-1-0-2-2-0-0-3-0-1-0-4-1-1-2-2-2-3-0-0-0-0-0-0-0-0-2-2-0-0-0-0-0-0-0-0-0-1-0-0-2-2-2-0-2-0-0-0-0-0-0-0-0-2",
    "0-0-2-3-0-5-2-0-0-1-0-1-0-4-1-3-2-3-2-2-0-0-0-0-0-4-0-0-0-4-4-0-0-0-0-0-0-0-0-0-0-0-3-0-4-1-2-0-0-0-0-0-3-0-0-1",
    "0-0-5-1-0-2-5-0-0-3-0-0-2-0-2-2-2-2-1-3-0-2-0-0-0-0-0-0-0-3-2-0-0-0-0-0-0-0-0-0-0-0-2-2-4-1-3-0-4-0-0-0-0-0-0-2",
    "0-0-2-3-0-5-2-0-0-5-0-1-0-4-1-3-4-2-2-2-0-0-0-0-0-4-0-0-0-4-1-0-0-0-0-0-0-0-0-0-0-0-3-1-4-1-2-0-0-0-0-2-3-0-0-1",
    "0-0-5-1-1-1-5-0-0-3-0-2-5-5-2-3-2-2-2-2-0-2-0-0-0-0-0-0-0-3-2-0-0-0-0-0-0-0-0-0-0-0-3-1-3-0-2-0-3-0-0-0-0-0-0-2",
)
BYTES = (
    451,
    537,
    656,
    684,
    960,
    1116,
    1325,
    1605,
    1960,
    2255,
    2992,
    3441,
    4107,
    4604,
    5712,
    6797,
    8151,
    8700,
    12283,
    14452,
)
STEP = 60  # steps of a training that times one step
ROUNDS = 30  # of convolutions alone
SUPERNET_STEPS, SUPERNETS = 3500, 2


class Revision:
    """One revision of evonas, in a process of its own that answers questions."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve().with_name("training_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder.resolve()), "OMP_NUM_THREADS": "1"},
        )

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        """Have a task done; see :class:`training_worker.Worker`."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"what": what, **given}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def main() -> None:
    """Take turns, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", type=Path, required=True, help="a checkout of revision d4520c3")
    parser.add_argument("--quick", action="store_true", help="3 networks, 1 seed, a supernet of 200 steps")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    revisions = Revision(options.baseline), Revision(Path(__file__).resolve().parents[1])
    chosen = list(zip(BYTES, GENOMES, strict=True))[3::7] if options.quick else list(zip(BYTES, GENOMES, strict=True))
    seeds = range(1 if options.quick else options.seeds)
    networks = [network_of(*revisions, size, genome, seeds=seeds) for size, genome in chosen]
    supernets = (range(1), 200) if options.quick else (range(SUPERNETS), SUPERNET_STEPS)
    results = [*of_networks(networks), *of_supernets(*revisions, seeds=supernets[0], steps=supernets[1])]
    for row in results:
        print(f"{row['name']}: {row['value']:.3g} {row['unit']}")
    write_report(options.json, __doc__, results=results, quick=options.quick, seeds=len(seeds), networks=networks)


def network_of(old: Revision, new: Revision, size: int, genome: str, *, seeds: range) -> dict[str, Any]:
    """What both revisions need for one network, and how good it gets."""
    for revision in (old, new):  # what is slow once in a process does not count
        revision.ask("train", genome=genome, seed=0, steps=10)
    steps = [
        [one.ask("train", genome=genome, seed=0, steps=STEP)["seconds"] / STEP for one in (old, new)] for _ in "123"
    ]
    alone = new.ask("convolutions", genome=genome, rounds=ROUNDS)["seconds"]
    whole = [[one.ask("train", genome=genome, seed=seed) for one in (old, new)] for seed in seeds]
    row = {
        "bytes": size,
        "old_ms_per_step": 1000 * min(before for before, _ in steps),
        "new_ms_per_step": 1000 * min(after for _, after in steps),
        "convolutions_ms": 1000 * alone,
        "step_ratio": median(before / after for before, after in steps),
        "old_seconds": mean(before["seconds"] for before, _ in whole),
        "new_seconds": mean(after["seconds"] for _, after in whole),
        "ratio": sum(before["seconds"] for before, _ in whole) / sum(after["seconds"] for _, after in whole),
        "old_error": 100 * mean(before["error"] for before, _ in whole),
        "new_error": 100 * mean(after["error"] for _, after in whole),
        "error_differences": [100 * (after["error"] - before["error"]) for before, after in whole],
        "loss_differences": [after["loss"] - before["loss"] for before, after in whole],
    }
    print(
        f"{size:>6,} bytes: {row['old_seconds']:5.1f} s -> {row['new_seconds']:5.1f} s, {row['ratio']:.2f}x; "
        f"a step {row['old_ms_per_step']:5.2f} -> {row['new_ms_per_step']:5.2f} ms, {row['step_ratio']:.2f}x, its "
        f"convolutions alone {row['convolutions_ms']:.2f} ms; error {row['old_error']:.2f} -> {row['new_error']:.2f} %",
        flush=True,
    )
    return row


def of_networks(networks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the report about networks."""
    ratios, steps = [one["ratio"] for one in networks], [one["step_ratio"] for one in networks]
    of_errors, of_losses = ([mean(one[key]) for one in networks] for key in ("error_differences", "loss_differences"))
    error, deviation = mean(of_errors), stdev(of_errors) / len(of_errors) ** 0.5
    left = [one["new_ms_per_step"] / one["convolutions_ms"] for one in networks]
    return [
        {
            "name": "whole training: process time, old against new, median over networks",
            "value": median(ratios),
            "unit": f"x ({min(ratios):.2f} to {max(ratios):.2f})",
            "target": ">= 3",
            "holds": median(ratios) >= 3,
        },
        {
            "name": "held-out error, new minus old",
            "value": error,
            "unit": f"points (standard error {deviation:.2f})",
            "target": "<= its standard error",
            "holds": error <= deviation,
        },
        {"name": "held-out loss, new minus old", "value": mean(of_losses), "unit": "nats"},
        {
            "name": "a step of equal batch size: process time, old against new, median over networks",
            "value": median(steps),
            "unit": f"x ({min(steps):.2f} to {max(steps):.2f})",
        },
        {
            "name": "a step against its convolutions alone, median over networks",
            "value": median(left),
            "unit": f"x ({min(left):.2f} to {max(left):.2f})",
        },
    ]


def of_supernets(old: Revision, new: Revision, *, seeds: range, steps: int) -> list[dict[str, Any]]:
    """Rows of the report about supernets."""
    pairs = [[one.ask("supernet", seed=seed, steps=steps) for one in (old, new)] for seed in seeds]
    ratio = mean(before["seconds"] / after["seconds"] for before, after in pairs)
    losses = [mean(mean(pair[index]["losses"]) for pair in pairs) for index in (0, 1)]
    scoring = [1000 * mean(pair[index]["scoring"] for pair in pairs) for index in (0, 1)]
    return [
        {
            "name": f"a supernet of {steps} steps: process time, old against new",
            "value": ratio,
            "unit": "x",
            "target": ">= 1.5",
            "holds": ratio >= 1.5,
        },
        {"name": "mean inherited held-out loss, old", "value": losses[0], "unit": "nats"},
        {"name": "mean inherited held-out loss, new", "value": losses[1], "unit": "nats"},
        {"name": "scoring a network with inherited weights, old", "value": scoring[0], "unit": "ms"},
        {"name": "scoring a network with inherited weights, new", "value": scoring[1], "unit": "ms"},
    ]


if __name__ == "__main__":
    main()
