"""When the order of probes has settled, and what the learning rate then does."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from evonas.training.early_stop import EarlyStop
from evonas.training.schedule import cosine
from surrogates.one_shot.settling import Probe, kendall_tau, settled_at, taus

LOSSES = st.lists(st.floats(0, 10), min_size=5, max_size=5).map(tuple)
PROBES = st.lists(LOSSES, max_size=8).map(lambda columns: [(10 * n, losses) for n, losses in enumerate(columns)])
TAU = st.floats(-1, 1)
PATIENCE = st.integers(1, 4)
STEPS = st.integers(1, 5000)
SHARE = st.floats(0.01, 0.5)


def stop(**settings: float) -> EarlyStop:
    return EarlyStop(lambda: [], 1, **settings)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 5)), min_size=2, max_size=8))
def test_tau_is_scipy_s(rows: list[tuple[float, float]]) -> None:
    first, second = zip(*rows, strict=True)
    assume(len(set(first)) > 1 and len(set(second)) > 1)
    assert kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic)


@pytest.mark.parametrize("other", [(1.0, 1.0, 1.0), (math.nan, math.nan, math.nan)])
def test_what_ranks_nothing_agrees_with_nothing(other: tuple[float, ...]) -> None:
    assert kendall_tau((1.0, 2.0, 3.0), other) == 0.0
    assert settled_at([(1, (1.0, 2.0, 3.0)), (2, other)], tau=0.5, patience=1) is None


@given(PROBES, TAU, PATIENCE)
def test_the_order_settles_at_the_first_run_of_agreements(probes: list[Probe], tau: float, patience: int) -> None:
    agrees = [agreement >= tau for _, agreement in taus(probes)]
    runs = [end for end in range(patience, len(agrees) + 1) if all(agrees[end - patience : end])]
    expected = probes[runs[0]][0] if runs else None
    assert settled_at(probes, tau=tau, patience=patience) == expected


@given(PROBES, PROBES, TAU, PATIENCE)
def test_later_probes_do_not_move_the_settle_point(
    probes: list[Probe], more: list[Probe], tau: float, patience: int
) -> None:
    settled = settled_at(probes, tau=tau, patience=patience)
    later = settled_at([*probes, *more], tau=tau, patience=patience)
    assert settled is None or later == settled


@given(STEPS, SHARE)
def test_without_early_stop_the_schedule_is_warm_up_and_cosine_to_the_bit(steps: int, warmup: float) -> None:
    rising = max(1, round(warmup * steps))
    schedule = cosine(steps, warmup=warmup)
    assert schedule.end == steps
    for step in {0, rising - 1, rising, (rising + steps) // 2, steps - 1}:
        falling = 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
        assert schedule.factor(step) == ((step + 1) / rising if step < rising else falling)


def test_a_training_that_never_settles_decays_in_its_last_fifth() -> None:
    schedule = stop().schedule(1000, warmup=0.05, probes=[])
    factors = [schedule.factor(done) for done in range(schedule.end)]
    assert len(factors) == 1000
    assert factors[:50] == pytest.approx([step / 50 for step in range(1, 51)])
    assert set(factors[50:801]) == {1.0}
    assert all(later < earlier for earlier, later in pairwise(factors[800:]))
    assert factors[-1] < 1e-3


@settings(deadline=None)
@given(st.integers(10, 1000), SHARE, SHARE, st.floats(0, 1, exclude_max=True))
def test_what_settled_decays_at_once_in_proportion(steps: int, warmup: float, share: float, when: float) -> None:
    early_stop = stop(patience=1, decay_share=share)
    usual = early_stop.schedule(steps, warmup=warmup, probes=[])
    assume(usual.warm < usual.turn)
    settled = usual.warm + math.floor(when * (usual.turn - usual.warm))
    schedule = early_stop.schedule(steps, warmup=warmup, probes=[(0, (1.0, 2.0)), (settled, (3.0, 4.0))])
    assert schedule.end == min(steps, settled + max(1, round(share * settled)))
    assert [schedule.factor(done) for done in range(settled)] == [usual.factor(done) for done in range(settled)]
    falling = [schedule.factor(done) for done in range(settled, schedule.end)]
    assert falling[0] == 1.0
    assert all(later < earlier for earlier, later in pairwise(falling))


def test_probes_are_made_between_warm_up_and_decay() -> None:
    early_stop = EarlyStop(lambda: [], 7)
    schedule = early_stop.schedule(100, warmup=0.1, probes=[])
    assert [step for step in range(1, 101) if early_stop.is_due(step, schedule)] == list(range(14, 80, 7))
