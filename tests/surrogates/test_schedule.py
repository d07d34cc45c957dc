"""Learning rates: where they rise, where they peak, and that a stage starts over."""

from __future__ import annotations

import pytest

from evonas.training.schedule import InTurn, cosine, one_cycle


def test_one_cycle_rises_over_a_third_and_decays_to_nothing() -> None:
    schedule = one_cycle(100)
    factors = [schedule.factor(done) for done in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == factors[30] == 1
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert factors[15] == pytest.approx((1 + 1 / 25) / 2)
    assert factors[-1] < 1e-3


def test_each_part_of_a_schedule_in_turn_is_its_own() -> None:
    first, second = cosine(40), one_cycle(25)
    both = InTurn((first, second))
    assert both.end == 65
    expected = [first.factor(done) for done in range(40)] + [second.factor(done) for done in range(25)]
    assert [both.factor(done) for done in range(65)] == expected
