"""How well a cheap score ranks networks: rank correlations with bootstrap intervals, near pairs, and regret."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

NEAR = 1.4  # sizes whose ratio is below this are near: what a front has to tell apart
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankQuality:
    """Agreement of a score with the truth over some networks.

    Attributes:
        tau: Kendall's tau-b, -1 to 1.
        low, high: Bootstrap interval of ``tau`` over networks.
        rho: Spearman's rank correlation.
        near_tau: Share of concordant minus share of discordant pairs, among pairs of nearly equal size; NaN if none.
        near_low, near_high: Its bootstrap interval.
        near_pairs: How many such pairs there are.
        regret: Truth of the best by score, the best ``top`` of them, minus the best truth there is; 0 is perfect.
        n: Networks.
    """

    tau: float
    low: float
    high: float
    rho: float
    near_tau: float
    near_low: float
    near_high: float
    near_pairs: int
    regret: float
    n: int


def rank_quality(
    score: Floats,
    truth: Floats,
    *,
    sizes: Floats,
    top: int = 3,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> RankQuality:
    """Measure how a score ranks.

    Intervals resample networks, not seeds of a supernet or of trainings: they are too narrow where one supernet was
    judged by one training per network.

    Args:
        score: Smaller is better, ``(n,)``.
        truth: Smaller is better, ``(n,)``, such as mean test errors of networks trained alone.
        sizes: Bytes, ``(n,)``; says which pairs are near.
        top: How many of the best by score may be tried.
        resamples: Of the bootstrap.
        level: Of the intervals.
        seed: Of the bootstrap.

    Raises:
        ValueError: Fewer than three networks, lengths that differ, or values that are not finite.

    References:
        Kendall 1938; Efron 1979 for the bootstrap.
    """
    columns = [np.asarray(column, dtype=float) for column in (score, truth, sizes)]
    n = len(columns[0])
    if n < 3 or any(column.shape != (n,) for column in columns):
        raise ValueError(f"three networks or more, one number each; got {[column.shape for column in columns]}")
    if not all(np.isfinite(column).all() for column in columns):
        raise ValueError("scores, truths and sizes must be finite; leave failed networks out")
    score, truth, sizes = columns
    rng = np.random.default_rng(seed)
    draws = rng.integers(n, size=(resamples, n))
    taus = [_tau(score[draw], truth[draw]) for draw in draws]
    nears = [near_tau(score[draw], truth[draw], sizes=sizes[draw])[0] for draw in draws]
    near, pairs = near_tau(score, truth, sizes=sizes)
    best = np.argsort(score, kind="stable")[:top]
    return RankQuality(
        _tau(score, truth),
        *_interval(taus, level),
        float(spearmanr(score, truth).statistic) if _varies(score, truth) else 0.0,
        near,
        *_interval(nears, level),
        pairs,
        float(truth[best].min() - truth.min()),
        n,
    )


def near_tau(score: Floats, truth: Floats, *, sizes: Floats) -> tuple[float, int]:
    """Kendall's tau over the pairs of networks whose sizes differ by less than a factor of ``NEAR``.

    Pairs that the truth ties are left out; pairs that the score ties count as half right.

    Returns:
        The tau, NaN without a pair, and the number of pairs.
    """
    first, second = np.triu_indices(len(score), k=1)
    ratio = np.maximum(sizes[first], sizes[second]) / np.minimum(sizes[first], sizes[second])
    differs = truth[first] != truth[second]
    chosen = (ratio < NEAR) & differs
    if not chosen.any():
        return float("nan"), 0
    agreement = np.sign(score[first] - score[second]) * np.sign(truth[first] - truth[second])
    return float(agreement[chosen].mean()), int(chosen.sum())


def trusted_ratio(score: Floats, truth: Floats, *, share: float = 0.9, least_pairs: int = 10) -> float:
    """How far apart two scores must be for their order to be right.

    Args:
        score: Positive, smaller is better, ``(n,)``.
        truth: Smaller is better, ``(n,)``; pairs that it ties are left out.
        share: Of pairs in the right order that is wanted.
        least_pairs: Fewer say nothing.

    Returns:
        The smallest ratio such that of the pairs at least so far apart ``share`` are in the right order; infinity if
        there is none.
    """
    first, second = np.triu_indices(len(score), k=1)
    first, second = first[truth[first] != truth[second]], second[truth[first] != truth[second]]
    ratio = np.maximum(score[first], score[second]) / np.minimum(score[first], score[second])
    is_right = (score[first] < score[second]) == (truth[first] < truth[second])
    order = np.argsort(-ratio, kind="stable")
    ratio, right = ratio[order], np.cumsum(is_right[order])
    counts = np.arange(1, len(ratio) + 1)
    is_whole = np.append(ratio[1:] < ratio[:-1], True) if len(ratio) else np.empty(0, dtype=bool)  # all of a tie
    holds = is_whole & (counts >= least_pairs) & (right / counts >= share) & (ratio > 1)
    return float(ratio[holds].min()) if holds.any() else float("inf")


def _tau(score: Floats, truth: Floats) -> float:
    return float(kendalltau(score, truth).statistic) if _varies(score, truth) else 0.0


def _varies(score: Floats, truth: Floats) -> bool:
    """Constant columns have no correlation: they rank nothing."""
    return len(np.unique(score)) > 1 and len(np.unique(truth)) > 1


def _interval(values: list[float], level: float) -> tuple[float, float]:
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
