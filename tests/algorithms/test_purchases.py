"""What a training is worth for its time: on cases whose answer is plain, and against plans that are tried out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.algorithms.acquisition import Candidates, choose
from evonas.algorithms.purchases import Purchases
from objectives.fronts.boxes import open_boxes

FRONT = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
BOXES = open_boxes(FRONT, reference_point=np.array([1.1, 1.1]))
MEAN, SPREAD = [0.25, 0.7], 0.2


def for_sale(told: float, brief_time: float, *, time: float = 1.0) -> Purchases:
    """A network whose first objective is uncertain: a whole training of it, and a brief one."""
    return Purchases(
        np.array([MEAN, MEAN]),
        np.array([[SPREAD, 0.0], [SPREAD, 0.0]]),
        times=np.full(2, time),
        brief_times=np.array([0.0, brief_time]),
        told_by_brief=np.array([[0.0, 0.0], [told, 0.0]]),
    )


def gains(purchases: Purchases) -> tuple[float, float]:
    whole, brief = purchases.gains(np.arange(len(purchases)), *BOXES)
    return whole, brief


def test_a_whole_training_gains_what_a_candidate_does_in_its_time() -> None:
    plain = Candidates(np.array([MEAN]), np.array([[SPREAD, 0.0]])).gains(np.array([0]), *BOXES)
    assert gains(for_sale(0.1, 0.2, time=4.0))[0] == pytest.approx(plain[0] / 4)


@given(st.floats(0.01, 2.0))
def test_a_brief_training_that_tells_nothing_is_a_loss_of_its_time(brief_time: float) -> None:
    whole, brief = gains(for_sale(0.0, brief_time))
    assert brief == pytest.approx(whole / (1 + brief_time))


def test_a_brief_training_that_tells_all_for_nothing_saves_what_would_be_trained_in_vain() -> None:
    whole, brief = gains(for_sale(SPREAD, 1e-3))
    assert brief > 2 * whole


@given(st.floats(0.02, 0.2), st.floats(0.05, 1.0))
def test_it_is_worth_the_more_the_more_it_tells_and_the_less_it_takes(told: float, brief_time: float) -> None:
    value = gains(for_sale(told, brief_time))[1]
    assert gains(for_sale(told / 2, brief_time))[1] <= value + 1e-3
    assert gains(for_sale(told, 2 * brief_time))[1] < value


def test_its_worth_is_that_of_the_best_plan() -> None:
    """Ten thousand networks are looked at, and all above a threshold trained: the best threshold gains as much."""
    told, brief_time = 0.15, 0.3
    rng = np.random.default_rng(0)
    means = np.array(MEAN) + np.outer(rng.normal(0.0, told, 10_000), [1.0, 0.0])
    left = np.tile([np.sqrt(SPREAD**2 - told**2), 0.0], (len(means), 1))
    gained = np.sort(Candidates(means, left).gains(np.arange(len(means)), *BOXES))[::-1]
    go_on = np.arange(1, len(means) + 1)
    best = (np.cumsum(gained) / (brief_time * len(means) + go_on)).max()
    assert gains(for_sale(told, brief_time))[1] == pytest.approx(best, rel=0.1)


def test_a_network_is_bought_once() -> None:
    one = for_sale(SPREAD, 1e-3)
    other = Purchases(
        np.concatenate([one.means, [[0.9, 0.9]]]),
        np.concatenate([one.spreads, [[0.01, 0.0]]]),
        times=np.ones(3),
        brief_times=np.append(one.brief_times, 0.0),
        told_by_brief=np.concatenate([one.told_by_brief, [[0.0, 0.0]]]),
    )
    assert choose(FRONT, other, n=3, networks=[0, 0, 1]) == [1, 2]
