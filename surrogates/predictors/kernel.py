"""The covariance of a Gaussian process over networks: a smooth part, an additive part and noise, a scale a gene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dpotri, dtrtri
from scipy.optimize import minimize

from surrogates.predictors.predictor import Floats, Group

# Bounds of logarithms, and priors as mean and standard deviation; variances are in units of the variance of all values.
WEIGHTS, VARIANCES, NOISES = (-6.0, 3.0), (-5.0, 4.0), (-9.0, 0.0)
TYPICAL_SUM = 1.5  # of the weights: a network that differs in every gene is hardly related
NOISE, NOISE_SD = np.log(0.02), 1.5
STEEP = 3.0  # by how much more a gene counts in the additive part than in the smooth one
STEPS = 40  # of the search for scales
JITTER = 1e-6


@dataclass(frozen=True, eq=False)
class Kernel:
    """``smooth * exp(-sum_g w_g d_g) + additive / n * sum_g (1 - c_g d_g) + noise``, with ``c_g = 1 - exp(-3 w_g)``.

    ``d_g`` is the squared distance in the columns of group ``g``: for a choice the covariance is a product over genes,
    and a mean over genes; a gene of no influence has a weight near 0 in both. A cost is linear in the additive part.

    Attributes:
        groups: Of the columns.
        weights: ``w_g``, ``(n_groups,)``.
        smooth: Variance of the smooth part.
        additive: Variance of the additive part.
        noise: Variance of what repeated measurements differ by.

    References:
        Rasmussen and Williams 2006, "Gaussian processes for machine learning", chapters 4 and 5; Duvenaud 2011,
        "Additive Gaussian processes"; Wan 2021, "Think global and act local: Bayesian optimisation over
        high-dimensional categorical and mixed search spaces", for a scale a gene.
    """

    groups: tuple[Group, ...]
    weights: Floats
    smooth: float
    additive: float
    noise: float

    def between(self, first: Floats, second: Floats) -> Floats:
        """Covariances of noise-free values, ``(n, m)``, of rows ``(n, n_features)`` and ``(m, n_features)``."""
        smooth = self.smooth * np.exp(-_distances(*(rows * self._scales(self.weights) for rows in (first, second))))
        share = _shares(self.weights)
        is_choice = np.array([group.is_choice for group in self.groups])
        choices, costs = (self._scales(np.where(kind, share, 0.0)) for kind in (is_choice, ~is_choice))
        additive = (
            is_choice.sum() - _distances(first * choices, second * choices) + (first * costs) @ (second * costs).T
        )
        whole: Floats = smooth + self.additive / len(self.groups) * additive
        return whole

    def within(self, rows: Floats) -> Floats:
        """Covariances of measured values, ``(n, n)``: with noise on the diagonal."""
        covariance = self.between(rows, rows)
        covariance[np.diag_indices_from(covariance)] = self.variances(rows) + JITTER
        return covariance

    def variances(self, rows: Floats) -> Floats:
        """Variances of measured values, ``(n,)``, before any is known."""
        is_choice = np.array([group.is_choice for group in self.groups])
        costs = (rows * self._scales(np.where(is_choice, 0.0, _shares(self.weights)))) ** 2
        additive: Floats = is_choice.sum() + costs.sum(axis=1)
        return self.smooth + self.additive / len(self.groups) * additive + self.noise

    def _scales(self, weights: Floats) -> Floats:
        """Factors of the columns, so that squared distances are weighted."""
        return np.sqrt(np.repeat(weights, [group.stop - group.start for group in self.groups]))


def fit_kernel(rows: Floats, values: Floats, groups: Sequence[Group]) -> Kernel:
    """Find the scales under which the values are most likely, given weak priors.

    Args:
        rows: Features, ``(n, n_features)``; each column is in one group.
        values: Standardised, ``(n,)``.
        groups: Of the columns, in their order.

    References:
        Byrd, Lu, Nocedal and Zhu 1995 for the search (L-BFGS-B).
    """
    products, n = Products.of(rows, groups), len(groups)
    typical = np.log(TYPICAL_SUM / n)
    start = np.array([*[typical] * n, 0.0, 0.0, NOISE])

    def loss(scales: Floats) -> tuple[float, Floats]:
        value, gradient = negative_log_likelihood(scales, products, values)
        off, noise = scales[:n] - typical, (scales[n + 2] - NOISE) / NOISE_SD
        gradient[:n] += off
        gradient[n + 2] += noise / NOISE_SD
        return value + 0.5 * float(off @ off + noise**2), gradient

    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[*[WEIGHTS] * n, VARIANCES, VARIANCES, NOISES],
        options={"maxiter": STEPS},
    )
    scales = np.exp(found.x)
    return Kernel(tuple(groups), scales[:n], *(float(scale) for scale in scales[n:]))


@dataclass(frozen=True)
class Products:
    """What a likelihood needs of the rows.

    Attributes:
        distances: Squared, by group, ``(n_groups, n * n)``.
        additive: What each group adds to the additive part, by share, ``(n_groups, n * n)``.
        n_choices: Groups that are choices.
    """

    distances: Floats
    additive: Floats
    n_choices: int

    @classmethod
    def of(cls, rows: Floats, groups: Sequence[Group]) -> Products:
        """Products of all rows with each other."""
        parts = [rows[:, group.start : group.stop] for group in groups]
        distances = np.stack([_distances(part, part).ravel() for part in parts])
        additive = -distances
        for index, (part, group) in enumerate(zip(parts, groups, strict=True)):
            if not group.is_choice:
                additive[index] = (part @ part.T).ravel()
        return cls(distances, additive, sum(group.is_choice for group in groups))


def negative_log_likelihood(log_scales: Floats, products: Products, values: Floats) -> tuple[float, Floats]:
    """How unlikely values are under a kernel.

    Args:
        log_scales: Logarithms of the weights and of the kernel's three variances, in their order.
        products: Of the rows.
        values: ``(n,)``.

    Returns:
        The negative logarithm of the marginal likelihood, and its gradient, ``(n_groups + 3,)``.

    References:
        Rasmussen and Williams 2006, equations 5.8 and 5.9.
    """
    n, n_groups = len(values), len(products.distances)
    weights, (smooth, additive, noise) = np.exp(log_scales[:n_groups]), np.exp(log_scales[n_groups:])
    share = _shares(weights)
    related = np.exp(-(weights @ products.distances))
    added = (products.n_choices + share @ products.additive) / n_groups
    covariance = (smooth * related + additive * added).reshape(n, n)
    covariance[np.diag_indices_from(covariance)] += noise + JITTER
    factor = cholesky(covariance, lower=True)
    solved = cho_solve((factor, True), values)
    value = 0.5 * values @ solved + np.log(np.diag(factor)).sum() + 0.5 * n * np.log(2 * np.pi)
    inner = 0.5 * (inverse(factor) - np.outer(solved, solved))
    flat, weighted = inner.ravel(), inner.ravel() * related
    of_weights = -smooth * weights * (products.distances @ weighted)
    of_weights += additive / n_groups * STEEP * weights * (1 - share) * (products.additive @ flat)
    gradient = [*of_weights, smooth * weighted.sum(), additive * (flat @ added), noise * np.trace(inner)]
    return float(value), np.array(gradient)


def inverse(factor: Floats) -> Floats:
    """Inverse of a matrix from its lower Cholesky factor, in half the time of solving for the identity."""
    lower, _ = dpotri(factor, lower=1)
    lower = np.tril(lower)
    whole: Floats = lower + np.tril(lower, -1).T
    return whole


def diagonal_of_inverse(factor: Floats) -> Floats:
    """Diagonal of the inverse of a matrix from its lower Cholesky factor, in half the time of the whole inverse."""
    lower, _ = dtrtri(factor, lower=1)
    diagonal: Floats = np.einsum("ij,ij->j", lower, lower)
    return diagonal


def _shares(weights: Floats) -> Floats:
    shares: Floats = -np.expm1(-STEEP * weights)
    return shares


def _distances(first: Floats, second: Floats) -> Floats:
    """Squared Euclidean distances, ``(n, m)``; rounding may make one slightly negative."""
    norms = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None]
    distances: Floats = np.maximum(norms - 2 * first @ second.T, 0.0)
    return distances
