"""Which candidates earn an evaluation, on cases whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.algorithms.acquisition import choose
from objectives.fronts.pareto import hypervolume

FRONT = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])


def test_the_candidate_that_adds_most_comes_first_and_the_next_lies_elsewhere() -> None:
    means = np.array([[0.05, 0.95], [0.2, 0.2], [0.21, 0.21], [0.75, 0.05], [2.0, 2.0]])
    assert choose(FRONT, means, np.zeros_like(means), n=2, n_uncertain=0) == [1, 3]


def test_what_is_known_least_is_chosen_among_what_may_be_good() -> None:
    means = np.array([[0.2, 0.2], [0.6, 0.6], [5.0, 5.0]])
    spreads = np.array([[0.01, 0.0], [0.4, 0.0], [2.0, 0.0]])
    assert choose(FRONT, means, spreads, n=2, n_uncertain=1) == [0, 1]


def test_luck_counts_for_what_it_may_be_worth() -> None:
    """Two candidates on the front, which gain nothing if they are what they seem: the uncertain one may."""
    means = np.array([[0.5, 0.5], [0.5, 0.5]])
    assert choose(FRONT, means, np.array([[0.0, 0.0], [0.3, 0.0]]), n=1, n_uncertain=0) == [1]


def test_without_a_front_anything_goes_and_there_may_be_fewer_than_wanted() -> None:
    means = np.array([[0.3, 0.3], [0.1, 0.1]])
    assert choose(np.empty((0, 2)), means, np.zeros((2, 2)), n=5, n_uncertain=1) == [1, 0]


@given(st.integers(0, 300), st.sampled_from([2, 3]))
def test_greedy_choice_is_the_plain_greedy_choice(seed: int, n_objectives: int) -> None:
    """The short cut, that gains only shrink, changes nothing."""
    rng = np.random.default_rng(seed)
    front, means = rng.random((4, n_objectives)), rng.random((12, n_objectives))
    chosen = choose(front, means, np.zeros_like(means), n=3, n_uncertain=0)
    everything = np.concatenate([front, means])
    low, size = everything.min(axis=0), np.ptp(everything, axis=0)
    reference, found = np.full(n_objectives, 1.1), (front - low) / size
    for index in chosen:
        volumes = [hypervolume(np.vstack([found, (mean - low) / size]), reference_point=reference) for mean in means]
        if max(volumes) <= hypervolume(found, reference_point=reference) + 1e-12:
            break  # nothing adds anything: the rest is filled up
        assert volumes[index] == pytest.approx(max(volumes))
        found = np.vstack([found, (means[index] - low) / size])
    assert len(set(chosen)) == 3
