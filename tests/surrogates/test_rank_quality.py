"""Rank correlations against slow, obvious twins; intervals that hold; nothing that a constant score could win."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogates.rank_quality import NEAR, near_tau, rank_quality, trusted_ratio

numbers = st.lists(st.integers(0, 20), min_size=3, max_size=12)


def columns(seed: int, n: int = 40, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return truth + noise * rng.normal(size=n), truth, np.exp(rng.normal(size=n))


@given(st.data())
def test_tau_counts_pairs(data: st.DataObject) -> None:
    n = data.draw(st.integers(3, 12))
    score = np.array(data.draw(st.permutations(range(n))), dtype=float)
    truth = np.array(data.draw(st.permutations(range(n))), dtype=float)
    signs = [np.sign((score[a] - score[b]) * (truth[a] - truth[b])) for a, b in combinations(range(n), 2)]
    found = rank_quality(score, truth, sizes=np.ones(n), resamples=2)
    assert found.tau == pytest.approx(np.mean(signs))
    assert found.near_tau == pytest.approx(found.tau)
    assert found.near_pairs == n * (n - 1) // 2


@given(numbers, st.integers(0, 99))
def test_near_tau_looks_at_near_pairs_that_the_truth_tells_apart(truth: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, sizes = rng.integers(0, 5, len(truth)).astype(float), rng.uniform(1, 3, len(truth))
    expected = [
        np.sign(score[a] - score[b]) * np.sign(truth[a] - truth[b])
        for a, b in combinations(range(len(truth)), 2)
        if truth[a] != truth[b] and max(sizes[a], sizes[b]) / min(sizes[a], sizes[b]) < NEAR
    ]
    found, pairs = near_tau(score, np.array(truth, dtype=float), sizes=sizes)
    assert pairs == len(expected)
    assert (np.isnan(found) and not expected) or found == pytest.approx(np.mean(expected))


def test_a_perfect_score_a_reversed_one_and_a_constant_one() -> None:
    _, truth, sizes = columns(0)
    perfect, reversed_, constant = (
        rank_quality(score, truth, sizes=sizes) for score in (truth, -truth, np.zeros_like(truth))
    )
    assert (perfect.tau, perfect.rho, perfect.near_tau, perfect.regret) == pytest.approx((1, 1, 1, 0))
    assert (perfect.low, perfect.high) == pytest.approx((1, 1))
    assert (reversed_.tau, reversed_.near_tau) == pytest.approx((-1, -1))
    assert reversed_.regret > 1
    assert (constant.tau, constant.rho, constant.near_tau) == (0, 0, 0)


def test_intervals_hold_the_estimate_and_shrink_with_more_networks() -> None:
    few, many = (rank_quality(*columns(1, n)[:2], sizes=columns(1, n)[2]) for n in (15, 200))
    for found in (few, many):
        assert found.low < found.tau < found.high
        assert found.near_low < found.near_tau < found.near_high
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_intervals_of_95_percent_hold_the_truth_about_as_often() -> None:
    large = rank_quality(*columns(0, 3000)[:2], sizes=columns(0, 3000)[2], resamples=2).tau
    held = 0
    for seed in range(40):
        score, truth, sizes = columns(seed + 1, 30)
        found = rank_quality(score, truth, sizes=sizes, resamples=120)
        held += found.low <= large <= found.high
    assert held >= 34


def test_regret_is_what_trying_the_best_by_score_misses() -> None:
    truth, score = np.array([3.0, 1.0, 2.0, 0.0]), np.array([0.0, 1.0, 2.0, 3.0])
    sizes = np.ones(4)
    assert [rank_quality(score, truth, sizes=sizes, top=top, resamples=2).regret for top in (1, 2, 3, 4)] == [
        3,
        1,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("score", "truth", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], "three networks"),
        ([1.0, 2, 3], [1.0, 2], "three networks"),
        ([1.0, 2, np.nan], [1.0, 2, 3], "finite"),
    ],
)
def test_what_cannot_be_ranked_is_refused(score: list[float], truth: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_quality(np.array(score), np.array(truth), sizes=np.ones(len(score)))


def test_the_trusted_ratio_separates_what_is_right_from_what_is_not() -> None:
    """Within a group scores say nothing; groups are a factor of ten apart and in order."""
    rng = np.random.default_rng(0)
    group = np.repeat([1.0, 10.0, 100.0], 8)
    score = group * rng.uniform(1, 2, 24)
    truth = group * rng.uniform(1, 2, 24)
    ratio = trusted_ratio(score, truth)
    assert 1.3 < ratio < 5.5
    assert trusted_ratio(truth, truth) < 1.1
    assert trusted_ratio(1 / truth, truth) == float("inf")


def test_a_trusted_ratio_needs_pairs_and_counts_ties_whole() -> None:
    assert trusted_ratio(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == float("inf")
    score = np.array([1.0] * 6 + [2.0] * 6)
    assert trusted_ratio(score, np.arange(12.0)) == 2.0
    assert trusted_ratio(score, np.ones(12)) == float("inf")
