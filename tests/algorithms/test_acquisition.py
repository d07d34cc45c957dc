"""Which candidates earn an evaluation: on cases whose answer is plain, and against sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.algorithms.acquisition import Candidates, choose
from evonas.algorithms.flattening import Flattening
from objectives.fronts.boxes import open_boxes
from objectives.fronts.pareto import hypervolume

FRONT = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])


def known(means: list[list[float]] | np.ndarray) -> Candidates:
    return Candidates(np.array(means), np.zeros_like(means))


def test_the_candidate_that_adds_most_comes_first_and_the_next_lies_elsewhere() -> None:
    candidates = known([[0.05, 0.95], [0.2, 0.2], [0.21, 0.21], [0.75, 0.05], [2.0, 2.0]])
    assert choose(FRONT, candidates, n=2) == [1, 3]


def test_what_is_being_evaluated_counts_as_found() -> None:
    candidates = known([[0.2, 0.2], [0.21, 0.21], [0.75, 0.05]])
    assert choose(FRONT, candidates, n=1) == [0]
    assert choose(FRONT, candidates, n=1, awaited=np.array([[0.2, 0.2]])) == [2]


def test_luck_counts_for_what_it_may_be_worth() -> None:
    """Two candidates on the front, which gain nothing if they are what they seem: the uncertain one may."""
    means = np.array([[0.5, 0.5], [0.5, 0.5]])
    assert choose(FRONT, Candidates(means, np.array([[0.0, 0.0], [0.3, 0.0]])), n=1) == [1]


def test_what_probably_breaks_a_bound_is_worth_less() -> None:
    means = np.array([[0.2, 0.2], [0.3, 0.3]])
    candidates = Candidates(means, np.zeros_like(means), feasible=np.array([0.1, 0.9]))
    assert choose(FRONT, candidates, n=1) == [1]


def test_what_cannot_be_told_apart_gains_nothing() -> None:
    """Beyond the finest error there is, a lower one is luck."""
    candidates = known([[-0.4, 0.9], [0.3, 0.3]])
    assert choose(FRONT, candidates, n=1, best=np.array([0.0, -np.inf])) == [1]


def test_without_a_front_anything_goes_and_there_may_be_fewer_than_wanted() -> None:
    assert choose(np.empty((0, 2)), known([[0.3, 0.3], [0.1, 0.1]]), n=5) == [1, 0]


def test_where_nothing_is_to_be_gained_the_least_known_comes_first() -> None:
    means = np.full((3, 2), 5.0)
    assert choose(FRONT, Candidates(means, np.array([[0.1, 0.0], [0.3, 0.0], [0.2, 0.0]])), n=2) == [1, 2]


@given(st.integers(0, 300), st.sampled_from([2, 3]))
def test_greedy_choice_is_the_plain_greedy_choice(seed: int, n_objectives: int) -> None:
    """The short cut, that gains only shrink, changes nothing."""
    rng = np.random.default_rng(seed)
    front, means = rng.random((4, n_objectives)), rng.random((12, n_objectives))
    chosen = choose(front, known(means), n=3)
    everything = np.concatenate([front, means])
    low, high, found = everything.min(axis=0), everything.max(axis=0), front
    reference = high + 0.1 * (high - low)
    for index in chosen:
        volumes = [hypervolume(np.vstack([found, mean]), reference_point=reference) for mean in means]
        if max(volumes) <= hypervolume(found, reference_point=reference) + 1e-12:
            break  # nothing adds anything: the rest is filled up
        assert volumes[index] == pytest.approx(max(volumes))
        found = np.vstack([found, means[index]])
    assert len(set(chosen)) == 3


@pytest.mark.parametrize("n_objectives", [2, 3])
@pytest.mark.parametrize("is_flat", [False, True])
def test_the_expected_gain_is_the_mean_gain_of_what_may_come(n_objectives: int, is_flat: bool) -> None:
    """Exactly, with the last objective known and the others uncertain, in whatever scale they were learned."""
    rng = np.random.default_rng(n_objectives)
    front, reference = rng.random((5, n_objectives)), np.full(n_objectives, 1.2)
    scale = Flattening(-0.2, 0.4) if is_flat else Flattening(0.0, 0.0)
    scales = [scale] * (n_objectives - 1) + [Flattening(0.0, 0.0)]
    means = np.column_stack(
        [one.flat(column) for one, column in zip(scales, rng.random((4, n_objectives)).T, strict=True)]
    )
    spreads = np.full((4, n_objectives), 0.3) * (np.arange(n_objectives) < n_objectives - 1)
    candidates = Candidates(means, spreads, scales)
    expected = candidates.gains(np.arange(4), *open_boxes(front, reference_point=reference))

    before = hypervolume(front, reference_point=reference)
    for index in range(4):
        drawn = means[index] + spreads[index] * rng.normal(size=(4000, n_objectives))
        values = np.column_stack([one.told(column) for one, column in zip(scales, drawn.T, strict=True)])
        gains = [hypervolume(np.vstack([front, value]), reference_point=reference) - before for value in values]
        assert expected[index] == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(4000))


def test_a_scale_keeps_order_and_what_it_flattens_comes_back() -> None:
    values = np.array([3.0, 1.0, 1.5, 8.0, 2.0])
    scale = Flattening.of(values)
    flat = scale.flat(values)
    assert (np.argsort(flat) == np.argsort(values)).all()
    assert scale.told(flat) == pytest.approx(values)
    assert flat[1] == 0
    assert flat[4] == pytest.approx(np.log(2))  # the median
    slopes = (scale.flat(values + 1e-6) - flat) / 1e-6
    assert scale.log_slopes(values) == pytest.approx(np.log(slopes).sum(), abs=1e-4)
    same = Flattening.of(np.ones(4))  # nothing to draw apart
    assert same.told(same.flat(values)) == pytest.approx(values)
    assert same.log_slopes(values) == 0
