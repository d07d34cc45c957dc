"""Correct a cheap estimate for its bias: a small regression on it and on counted costs, fitted to brief trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.linear_model import BayesianRidge

Floats = NDArray[np.float64]
LEAST_NETWORKS = 8  # for two or three coefficients and a spread
LEAST_ERROR = 1e-4  # what an error of zero counts as: below what any held-out set can tell


@dataclass(frozen=True)
class Correction:
    """What inherited losses and costs mean for the error of a network that is trained by itself.

    The logarithm of the loss after training is linear in the logarithms of the inherited loss and of the costs; the
    logarithm of the error is linear in that of the loss, so that errors rank as losses do.

    Attributes:
        costs: Names of the cost columns, in order.
        has_costs: Whether costs are used; they are if they rank better in cross-validation.
        center, scale: Of the features.
        coefficients: Of the scaled features, the inherited loss first.
        covariance: Of the coefficients, given the networks it was fitted to.
        intercept: Of the logarithm of the loss.
        noise: Standard deviation of what the regression leaves unexplained.
        error_slope, error_intercept: From the logarithm of the loss to that of the error.
        tau: Kendall's tau between predicted losses and those of the brief trainings, in leave-one-out validation.
        raw_tau: The same for the inherited loss alone.
        n: Networks it was fitted to.
    """

    costs: tuple[str, ...]
    has_costs: bool
    center: Floats
    scale: Floats
    coefficients: Floats
    covariance: Floats
    intercept: float
    noise: float
    error_slope: float
    error_intercept: float
    tau: float
    raw_tau: float
    n: int

    def predict(self, losses: Floats, costs: Floats) -> tuple[Floats, Floats]:
        """Errors of networks, and how far to trust them.

        Args:
            losses: Inherited, in nats, ``(n,)``.
            costs: In their own units, ``(n, n_costs)``.

        Returns:
            Errors, 0–1, ``(n,)``; standard deviations of their logarithms, ``(n,)``.
        """
        x = (_features(losses, costs, has_costs=self.has_costs) - self.center) / self.scale
        mean = x @ self.coefficients + self.intercept
        deviation = np.sqrt(np.einsum("ni,ij,nj->n", x, self.covariance, x) + self.noise**2)
        errors = np.exp(self.error_intercept + self.error_slope * mean)
        return np.clip(errors, 0.0, 1.0), self.error_slope * deviation

    @property
    def facts(self) -> dict[str, float | bool | int]:
        """What reports say of it."""
        return {"has_costs": self.has_costs, "tau": self.tau, "raw_tau": self.raw_tau, "n": self.n, "noise": self.noise}


def fit_correction(
    losses: Floats, costs: Floats, *, names: Sequence[str], true_losses: Floats, true_errors: Floats
) -> Correction | None:
    """Fit a correction, and decide in leave-one-out validation whether it looks at costs.

    Args:
        losses: Inherited, in nats, ``(n,)``.
        costs: Positive, ``(n, n_costs)``.
        names: Of the costs.
        true_losses: Of the same networks trained by themselves, in nats, ``(n,)``.
        true_errors: The same for errors, 0–1, ``(n,)``.

    Returns:
        None for fewer than ``LEAST_NETWORKS`` networks, or if all have one loss.

    References:
        MacKay 1992, "Bayesian interpolation", for the ridge whose strength is found from the data.
    """
    if len(losses) < LEAST_NETWORKS or np.ptp(true_losses) == 0 or np.ptp(losses) == 0:
        return None
    target = np.log(true_losses)
    taus = {}
    for has_costs in (False, True):
        x = _features(losses, costs, has_costs=has_costs)
        predicted = []
        for left_out in range(len(x)):
            center, scale, model = _ridge(np.delete(x, left_out, axis=0), np.delete(target, left_out))
            predicted.append(model.predict((x[[left_out]] - center) / scale)[0])
        taus[has_costs] = float(kendalltau(predicted, target).statistic)
    has_costs = taus[True] >= taus[False]
    x = _features(losses, costs, has_costs=has_costs)
    center, scale, model = _ridge(x, target)
    slope, intercept = _error_line(target, np.log(np.maximum(true_errors, LEAST_ERROR)))
    return Correction(
        tuple(names),
        has_costs,
        center,
        scale,
        coefficients=model.coef_,
        covariance=model.sigma_,
        intercept=float(model.intercept_),
        noise=float(model.alpha_**-0.5),
        error_slope=slope,
        error_intercept=intercept,
        tau=taus[has_costs],
        raw_tau=float(kendalltau(losses, target).statistic),
        n=len(losses),
    )


def _features(losses: Floats, costs: Floats, *, has_costs: bool) -> Floats:
    columns = [losses[:, None], costs] if has_costs else [losses[:, None]]
    return np.log(np.concatenate(columns, axis=1))


def _ridge(x: Floats, y: Floats) -> tuple[Floats, Floats, BayesianRidge]:
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return center, scale, BayesianRidge().fit((x - center) / scale, y)


def _error_line(log_losses: Floats, log_errors: Floats) -> tuple[float, float]:
    """Slope and intercept; the slope is positive, so that errors rank as losses do."""
    slope, intercept = np.polyfit(log_losses, log_errors, 1)
    if slope <= 0:
        return 1.0, float((log_errors - log_losses).mean())
    return float(slope), float(intercept)
