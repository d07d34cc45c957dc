"""Seconds that one call takes, measured on the machine at hand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from objectives.objective import Objective


def measure_latency(
    run: Callable[[], object], *, clock: Callable[[], float] = time.perf_counter, warmup: int, repeats: int
) -> float:
    """Median duration of one call; the median, so that a few disturbed calls do not count.

    Says something about this machine, its load and its libraries only; compare within one run, and search with one
    worker, for workers side by side disturb each other. No library here runs binary or ternary convolutions on packed
    weights, so low precision does not show.

    Args:
        run: One forward pass. On an accelerator it must wait until the result is there.
        clock: Seconds from any start; replaceable for tests.
        warmup: Calls before timing starts.
        repeats: Calls that are timed, each on its own.

    Returns:
        Seconds.

    Raises:
        ValueError: Negative ``warmup`` or no ``repeats``.
    """
    if warmup < 0 or repeats < 1:
        raise ValueError(f"latency needs warmup >= 0 and repeats >= 1; got {warmup} and {repeats}; raise them")
    for _ in range(warmup):
        run()
    durations = []
    for _ in range(repeats):
        start = clock()
        run()
        durations.append(clock() - start)
    return statistics.median(durations)


LATENCY = Objective(name="latency", unit="s", title="measured latency")
