"""Latency under a clock that only the calls move."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.latency import measure_latency

durations = st.lists(st.integers(0, 1000), min_size=1, max_size=20)  # whole, so that differences are exact


@given(st.lists(st.integers(0, 1000), max_size=5), durations)
def test_the_median_of_what_comes_after_the_warm_up(before: list[int], timed: list[int]) -> None:
    now = 0
    coming = iter([*before, *timed])

    def run() -> None:
        nonlocal now
        now += next(coming)

    assert measure_latency(run, clock=lambda: now, warmup=len(before), repeats=len(timed)) == median(timed)
    assert next(coming, None) is None


def test_the_machines_own_clock_moves_forward() -> None:
    assert measure_latency(lambda: None, warmup=0, repeats=3) >= 0


@pytest.mark.parametrize(("warmup", "repeats"), [(-1, 1), (0, 0)])
def test_impossible_numbers_of_calls_are_refused(warmup: int, repeats: int) -> None:
    with pytest.raises(ValueError, match="warmup >= 0 and repeats >= 1"):
        measure_latency(lambda: None, warmup=warmup, repeats=repeats)
