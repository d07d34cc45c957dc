"""Claim: the cost models count more genomes per second than any search can ask for, and count them exactly.

Every space, with its defaults for 32x32 colour images: model size, MACs, BitOPs and energy together, then peak memory
too, for batches of random genomes on one core; beside it the same counts one network at a time. Both are compared
number by number first. Rounds are interleaved; the median counts.

    python benchmarks/cost_throughput.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from report import write_report

from evonas.spaces import SPACES, NetworkSpace
from objectives import OBJECTIVES

FOUR = ("model_size", "macs", "bitops", "energy")
FIVE = (*FOUR, "peak_memory")
BATCH = 2000


def measure_batch(space: NetworkSpace, genomes: Any, names: tuple[str, ...]) -> list[Any]:
    """Costs of a batch, one array per name."""
    layers = space.batch_layers(genomes)
    assert layers is not None
    return [OBJECTIVES[name].measure(layers) for name in names]  # type: ignore[misc]


def measure_each(space: NetworkSpace, genomes: Any, names: tuple[str, ...]) -> list[Any]:
    """The same, one network at a time."""
    found = []
    for genome in genomes:
        layers = space.decode(genome).layers
        found.append([OBJECTIVES[name].measure(layers) for name in names])  # type: ignore[misc]
    return list(np.array(found).T)


def main() -> None:
    """Check, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 15")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for name, kind in SPACES.items():
        space = kind.of((3, 32, 32) if name != "dense" else (128, 1, 1), 10)
        genomes = space.sample(np.random.default_rng(0), BATCH)
        few = genomes[:200]
        for batch, single in zip(measure_batch(space, few, FIVE), measure_each(space, few, FIVE), strict=True):
            assert np.array_equal(batch, single), "the two paths disagree"
        contenders: dict[str, tuple[int, Callable[[], object]]] = {
            "four costs, batch": (BATCH, lambda s=space, g=genomes: measure_batch(s, g, FOUR)),  # type: ignore[misc]
            "with peak memory, batch": (BATCH, lambda s=space, g=genomes: measure_batch(s, g, FIVE)),  # type: ignore[misc]
            "four costs, one at a time": (200, lambda s=space, g=few: measure_each(s, g, FOUR)),  # type: ignore[misc]
        }
        speeds: dict[str, list[float]] = {contender: [] for contender in contenders}
        for _ in range(3 if options.quick else 15):
            for contender, (n, run) in contenders.items():
                start = time.perf_counter()
                run()
                speeds[contender].append(n / (time.perf_counter() - start))
        targets = {"four costs, batch": 20_000, "with peak memory, batch": 2_000}
        for contender, found in speeds.items():
            median, target = statistics.median(found), targets.get(contender)
            print(f"{name:18s} {len(space.genes):4d} genes  {contender:26s} {median:10,.0f} genomes/s")
            line = {"name": f"{name}: {contender}", "value": median, "unit": "genomes/s", "target": target}
            results.append(line | {"holds": None if target is None else median >= target})
    write_report(options.json, __doc__, results=results, quick=options.quick, threads=1)


if __name__ == "__main__":
    main()
