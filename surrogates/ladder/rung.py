"""One rung of the ladder: from the score of one fidelity, and costs, to the error after a whole training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, t

Floats = NDArray[np.float64]
Genes = NDArray[np.int64]
Bools = NDArray[np.bool_]
LEVEL = 0.8  # of the intervals
SLOPE, SLOPE_VARIANCE = 1.0, 1.0  # prior of the exponent of a loss, in units of the noise's variance
COST_VARIANCE = 0.5  # prior of the exponent of a cost, around none
MEAN_VARIANCE = 100.0  # prior of the mean: none to speak of
NOISE, NOISE_ROWS = 0.3, 5.0  # prior of the spread of a logarithm of an error, worth so many networks
COUNTING = 3.0  # share of the variance that wrong images add where they are few, divided by their number
FLATTERED, FLATTERED_VARIANCE = 0.1, 0.1  # prior of how much higher errors are of networks that were chosen for scores
SHARED, REACH = 0.3, 3.0  # share of the noise's variance that like networks share, less by e for so many other genes
BEYOND = 0.25  # share of the slope that holds outside the range of losses that were seen
LEAST_LOSS = 1e-9  # what a loss of zero counts as
REJECTED = math.log(10)  # logarithm of the odds against a score, from which on it is not looked at


class Estimates(NamedTuple):
    """Errors that networks would reach, each ``(n,)``, as shares; 80 of 100 of them between ``low`` and ``high``."""

    error: Floats
    low: Floats
    high: Floats
    log_sd: Floats
    """Standard deviation of the logarithm of a measured error."""


class Quality(NamedTuple):
    """How good estimates are for networks that were left out of the fit."""

    n: int
    is_used: bool
    """Whether the score is looked at; if not, costs alone are."""
    factor: float
    """Half of them were measured within this factor of their estimate."""
    within: float
    """Share that was measured inside the interval."""
    tau: float
    """Kendall's tau between estimates and measurements; 0 if either is constant."""


@dataclass(frozen=True)
class Rung:
    """A Bayesian linear regression of the logarithm of an error.

    ``log error = b0 + b1 * log loss + b2 * log cost_1 + … + noise``, with weak priors: an error goes with the loss,
    costs do nothing. Networks that were chosen because they score well are flattered by their scores, by a factor that
    is learned. The noise is that of one training, larger where few images are wrong, and alike for networks that differ
    in few genes: where one was worse than its score promised, the others are expected to be. Few networks give wide
    intervals, those of Student's t. Costs are left out, or the score, if the data speak against them (by the evidence,
    the probability of all errors under the model). A slope of the loss below zero is never believed.

    Attributes:
        has_loss, has_costs: What is looked at.
        center: Of the columns' logarithms.
        seen: Smallest and largest logarithm of a loss.
        mean: Of the coefficients.
        covariance: Of the coefficients, in units of the noise's variance.
        freedom: Degrees of freedom.
        variance: Of the noise, where many images are wrong.
        evidence: Logarithm of the probability of all errors under the model, but for a constant.
        genes: Of the networks that it was fitted to; None where they are not known.
        x, precision, residuals: Of the same: columns, inverse of the noise's correlations, and what the regression
            leaves of their logarithms.
        n_images: Held-out images that errors are shares of.
        chance: Error of guessing.

    References:
        Gelman 2013, "Bayesian data analysis", sections 14.2 and 14.7, with a normal-inverse-gamma prior.
    """

    has_loss: bool
    has_costs: bool
    center: Floats
    seen: tuple[float, float]
    mean: Floats
    covariance: Floats
    freedom: float
    variance: float
    evidence: float
    genes: Genes | None
    x: Floats
    precision: Floats
    residuals: Floats
    n_images: int
    chance: float

    def predict(
        self, losses: Floats, costs: Floats, *, genes: Genes | None = None, is_chosen: Bools | None = None
    ) -> Estimates:
        """Estimate errors.

        Args:
            losses: Scores, in nats, ``(n,)``.
            costs: Positive, ``(n, n_costs)``.
            genes: ``(n, n_genes)``; None for networks that are like none of those seen.
            is_chosen: Whether they were chosen for their scores, ``(n,)``; None: none was.

        Returns:
            Nothing above chance, and nothing below half of one image.
        """
        x, excess = self._features(losses, costs, is_chosen)
        shared = similarity(genes, self.genes, shape=(len(x), len(self.x)))
        weights = shared @ self.precision  # of the residuals
        middle = self._within_reach(x @ self.mean + weights @ self.residuals)
        noise = 1 + COUNTING / (np.exp(middle) * self.n_images) - np.einsum("nk,nk->n", weights, shared)
        rest = x - weights @ self.x
        variance = self.variance * (noise + np.einsum("ni,ij,nj->n", rest, self.covariance, rest))
        if self.has_loss:
            variance = variance + (self.mean[1] * excess) ** 2
        sd = np.sqrt(variance)
        reach = float(t.ppf((1 + LEVEL) / 2, self.freedom)) * sd
        low, high = (np.exp(self._within_reach(middle + side * reach)) for side in (-1, 1))
        return Estimates(np.exp(middle), low, high, sd * self._heavy_tails)

    def spread_at(self, errors: Floats) -> Floats:
        """Standard deviation of the logarithm of an error that is estimated as this, for networks like those seen.

        Args:
            errors: Shares, ``(n,)``.
        """
        n_networks = self.freedom - NOISE_ROWS
        noise = 1 + COUNTING / (errors * self.n_images)
        return np.asarray(np.sqrt(self.variance * (noise + len(self.mean) / n_networks)) * self._heavy_tails)

    @property
    def _heavy_tails(self) -> float:
        """Of Student's t: its standard deviation over that of a normal distribution."""
        return math.sqrt(self.freedom / (self.freedom - 2))

    def _within_reach(self, log_errors: Floats) -> Floats:
        return np.clip(log_errors, math.log(0.5 / self.n_images), math.log(self.chance))

    def _features(self, losses: Floats, costs: Floats, is_chosen: Bools | None) -> tuple[Floats, Floats]:
        """Columns, and how far losses lie outside of what was seen."""
        logs = np.log(np.maximum(losses, LEAST_LOSS))
        inside = np.clip(logs, *self.seen)
        columns = [np.ones((len(losses), 1))]
        if self.has_loss:
            columns.append((inside + BEYOND * (logs - inside))[:, None])
        if self.has_costs:
            columns.append(np.log(costs))
        columns.append(_column(is_chosen, len(losses)))
        return np.concatenate(columns, axis=1) - self.center, np.abs(logs - inside)


def similarity(genes: Genes | None, others: Genes | None, *, shape: tuple[int, int]) -> Floats:
    """What networks share of the noise of others, ``(n, n_others)``, in units of its variance.

    Args:
        genes, others: ``(n, n_genes)`` and ``(n_others, n_genes)``; None for networks that share nothing.
        shape: Of the result.
    """
    if genes is None or others is None:
        return np.zeros(shape)
    differ = [np.count_nonzero(genes != other, axis=1) for other in others]
    return np.asarray(SHARED * np.exp(-np.array(differ).reshape(shape[::-1]).T / REACH))


def fit_rung(
    losses: Floats,
    costs: Floats,
    errors: Floats,
    *,
    n_images: int,
    chance: float,
    genes: Genes | None = None,
    is_chosen: Bools | None = None,
    noise: float = NOISE,
) -> Rung:
    """Fit a rung to networks that have a score and were trained by the whole recipe.

    Args:
        losses: Scores, in nats, ``(n,)``; n may be 0, and then the prior speaks alone.
        costs: Positive, ``(n, n_costs)``.
        errors: Measured, ``(n,)``.
        n_images: Held-out images that errors are shares of.
        chance: Error of guessing.
        genes: ``(n, n_genes)``; None: all networks differ.
        is_chosen: Whether they were chosen for their scores, ``(n,)``; None: none was.
        noise: Prior of the standard deviation of a logarithm of an error.
    """
    target = log_errors(errors, n_images)
    fit = partial(_fit, n_images=n_images, chance=chance, genes=genes, is_chosen=is_chosen, noise=noise)
    models = [
        fit(losses, costs, target, (has_loss, has_costs))
        for has_loss, has_costs in ((True, True), (True, False), (False, True), (False, False))
    ]
    scored = [model for model in models[:2] if model.mean[1] > 0]
    best = max(scored, key=lambda model: model.evidence, default=None)
    without = max(models[2:], key=lambda model: model.evidence)
    return without if best is None or without.evidence > best.evidence + REJECTED else best


def log_errors(errors: Floats, n_images: int) -> Floats:
    """Logarithms of errors that were counted, with half an image added: none wrong is not impossible to get wrong."""
    return np.log((np.asarray(errors, dtype=float) * n_images + 0.5) / (n_images + 1))


def quality_of(
    losses: Floats,
    costs: Floats,
    errors: Floats,
    *,
    n_images: int,
    chance: float,
    genes: Genes | None = None,
    is_chosen: Bools | None = None,
    noise: float = NOISE,
) -> Quality:
    """Leave each network out of the fit in turn, and compare its estimate with what was measured.

    Args:
        losses, costs, errors, n_images, chance, genes, is_chosen, noise: See :func:`fit_rung`.
    """
    fit = partial(fit_rung, n_images=n_images, chance=chance, noise=noise)
    n = len(losses)
    found = []
    for index in range(n):
        rest = np.arange(n) != index
        left, alone = (
            (None if genes is None else genes[some], None if is_chosen is None else is_chosen[some])
            for some in (rest, [index])
        )
        rung = fit(losses[rest], costs[rest], errors[rest], genes=left[0], is_chosen=left[1])
        estimates = rung.predict(losses[[index]], costs[[index]], genes=alone[0], is_chosen=alone[1])
        found.append(np.array([one[0] for one in estimates]))
    error, low, high, _ = np.array(found).reshape(n, 4).T
    measured = np.clip(np.exp(log_errors(errors, n_images)), 0.5 / n_images, chance)
    whole = fit(losses, costs, errors, genes=genes, is_chosen=is_chosen)
    tau = float(kendalltau(error, measured).statistic) if n > 1 and np.ptp(error) and np.ptp(measured) else 0.0
    return Quality(
        n,
        whole.has_loss,
        factor=float(np.exp(np.median(np.abs(np.log(error / measured))))) if n else math.nan,
        within=float(((low <= measured) & (measured <= high)).mean()) if n else math.nan,
        tau=tau,
    )


def _column(is_chosen: Bools | None, n: int) -> Floats:
    return np.zeros((n, 1)) if is_chosen is None else np.asarray(is_chosen, dtype=float)[:, None]


def _fit(
    losses: Floats,
    costs: Floats,
    target: Floats,
    looked_at: tuple[bool, bool],
    *,
    n_images: int,
    chance: float,
    genes: Genes | None,
    is_chosen: Bools | None,
    noise: float,
) -> Rung:
    has_loss, has_costs = looked_at
    n, n_costs = len(target), costs.shape[1]
    columns = [
        np.ones((n, 1)),
        *[np.log(np.maximum(losses, LEAST_LOSS))[:, None]] * has_loss,
        *[np.log(costs)] * has_costs,
        _column(is_chosen, n),
    ]
    x = np.concatenate(columns, axis=1)
    center = np.array([0.0, *x[:, 1:-1].mean(axis=0), 0.0]) if n else np.zeros(x.shape[1])
    x = x - center
    costs_alike = n_costs * has_costs
    variances = [MEAN_VARIANCE, *[SLOPE_VARIANCE] * has_loss, *[COST_VARIANCE] * costs_alike, FLATTERED_VARIANCE]
    prior_mean = np.array([math.log(chance) - 2, *[SLOPE] * has_loss, *[0.0] * costs_alike, FLATTERED])
    prior, a0 = np.diag(1 / np.array(variances)), NOISE_ROWS / 2
    b0 = a0 * noise**2
    # what a count of wrong images adds to the noise, relative to that of a training, and what like networks share
    shared = similarity(genes, genes, shape=(n, n))
    noise_matrix = shared + np.diag(1 + COUNTING / (np.exp(target) * n_images) - np.diag(shared))
    weights = np.asarray(np.linalg.inv(noise_matrix), dtype=float)
    precision = prior + x.T @ weights @ x
    mean = np.linalg.solve(precision, prior @ prior_mean + x.T @ weights @ target)
    a = a0 + n / 2
    b = b0 + 0.5 * float(target @ weights @ target + prior_mean @ prior @ prior_mean - mean @ precision @ mean)
    evidence = (
        a0 * math.log(b0)
        - a * math.log(b)
        + math.lgamma(a)
        - math.lgamma(a0)
        + 0.5 * float(np.linalg.slogdet(prior)[1] - np.linalg.slogdet(precision)[1])
    )
    seen = (
        (float(x[:, 1].min() + center[1]), float(x[:, 1].max() + center[1]))
        if n and has_loss
        else (-math.inf, math.inf)
    )
    return Rung(
        has_loss,
        has_costs,
        center,
        seen,
        mean,
        np.linalg.inv(precision),
        2 * a,
        b / a,
        evidence,
        genes,
        x,
        weights,
        target - x @ mean,
        n_images,
        chance,
    )
