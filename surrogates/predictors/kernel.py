"""The covariance of a Gaussian process over networks: a smooth part, a linear part and noise, scales from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dpotri, dtrtri
from scipy.optimize import minimize

from surrogates.predictors.predictor import Floats

# Where the search for scales starts and what it may reach; variances are in units of the variance of all values.
MATERN, LINEAR, CONSTANT, NOISE = (1.0, 1e-2, 1e3), (1.0, 1e-3, 1e3), (1.0, 1e-3, 1e3), (0.05, 1e-4, 1.0)
LENGTHS = (0.3, 100.0)


@dataclass(frozen=True)
class Kernel:
    """A sum of covariances.

    Attributes:
        matern: Variance of the smooth part, a Matérn covariance with smoothness 5/2.
        length: Distance of features over which the smooth part changes.
        linear: Variance of each coefficient of the linear part.
        constant: Variance of the intercept.
        noise: Variance of what repeated measurements differ by.

    References:
        Rasmussen and Williams 2006, "Gaussian processes for machine learning", chapters 4 and 5.
    """

    matern: float
    length: float
    linear: float
    constant: float
    noise: float

    def between(self, first: Floats, second: Floats) -> Floats:
        """Covariances of noise-free values, ``(n, m)``, of rows ``(n, n_features)`` and ``(m, n_features)``."""
        gram = first @ second.T
        smooth, _ = _matern(_distances(gram, (first**2).sum(axis=1), (second**2).sum(axis=1)) / self.length)
        return self.matern * smooth + self.linear * gram + self.constant

    def within(self, rows: Floats) -> Floats:
        """Covariances of measured values, ``(n, n)``: with noise on the diagonal."""
        covariance = self.between(rows, rows)
        covariance[np.diag_indices_from(covariance)] = self.variances(rows)
        return covariance

    def variances(self, rows: Floats) -> Floats:
        """Variances of measured values, ``(n,)``, before any is known."""
        squares: Floats = (rows**2).sum(axis=1)
        return self.matern + self.linear * squares + self.constant + self.noise


def fit_kernel(rows: Floats, values: Floats) -> Kernel:
    """Find the scales under which the values are most likely.

    Always starts from the same scales, not from earlier ones: with few rows the best explanation may be noise alone,
    and from there the likelihood has no slope that would lead back.

    Args:
        rows: Features, ``(n, n_features)``.
        values: Standardised, ``(n,)``.

    References:
        Byrd, Lu, Nocedal and Zhu 1995 for the search (L-BFGS-B).
    """
    gram, norms = rows @ rows.T, (rows**2).sum(axis=1)
    distances = _distances(gram, norms, norms)
    np.fill_diagonal(distances, 0.0)
    typical = float(norms.mean()) or 1.0  # makes the linear part's variance one of values
    length = float(np.clip(np.sqrt(rows.shape[1]), *LENGTHS))
    table = np.log([MATERN, (length, *LENGTHS), LINEAR, CONSTANT, NOISE])
    found = minimize(
        negative_log_likelihood,
        table[:, 0],
        args=(distances, gram / typical, values),
        jac=True,
        method="L-BFGS-B",
        bounds=table[:, 1:],
    )
    matern, length, linear, constant, noise = (float(scale) for scale in np.exp(found.x))
    return Kernel(matern, length, linear / typical, constant, noise)


def negative_log_likelihood(
    log_scales: Floats, distances: Floats, gram: Floats, values: Floats
) -> tuple[float, Floats]:
    """How unlikely values are under a kernel.

    Args:
        log_scales: Logarithms of the kernel's five numbers, in their order.
        distances: Between the rows, ``(n, n)``.
        gram: Inner products of the rows, ``(n, n)``.
        values: ``(n,)``.

    Returns:
        The negative logarithm of the marginal likelihood, and its gradient, ``(5,)``.

    References:
        Rasmussen and Williams 2006, equations 5.8 and 5.9.
    """
    matern, length, linear, constant, noise = np.exp(log_scales)
    smooth, slope = _matern(distances / length)
    covariance = matern * smooth + linear * gram + constant
    covariance[np.diag_indices_from(covariance)] += noise
    factor = cholesky(covariance, lower=True)
    weights = cho_solve((factor, True), values)
    value = 0.5 * values @ weights + np.log(np.diag(factor)).sum() + 0.5 * len(values) * np.log(2 * np.pi)
    inner = inverse(factor) - np.outer(weights, weights)
    gradient = [
        matern * (inner * smooth).sum(),
        matern * (inner * slope).sum(),
        linear * (inner * gram).sum(),
        constant * inner.sum(),
        noise * np.trace(inner),
    ]
    return float(value), 0.5 * np.array(gradient)


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


def _matern(ratio: Floats) -> tuple[Floats, Floats]:
    """Matérn correlation with smoothness 5/2 at distances in lengths, and its derivative by the logarithm of length."""
    s = np.sqrt(5) * ratio
    decay = np.exp(-s)
    return (1 + s + s**2 / 3) * decay, s**2 * (1 + s) / 3 * decay


def _distances(gram: Floats, first: Floats, second: Floats) -> Floats:
    """Euclidean distances from inner products and squared norms; rounding may make a square slightly negative."""
    distances: Floats = np.sqrt(np.maximum(first[:, None] + second[None, :] - 2 * gram, 0.0))
    return distances
