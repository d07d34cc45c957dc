"""Correct a cheap estimate for its bias: regression on it and counted costs, fitted to short training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.linear_model import BayesianRidge

Floats = NDArray[np.float64]
LEAST_NETWORKS = 8  # for two or three coefficients and a spread
LEAST_ERROR = 1e-4  # what an error of zero counts as: smaller than any held-out set can resolve


@dataclass(frozen=True)
class Correction:
    """What inherited losses and costs mean for the error of a network that is trained by itself.

    The logarithm of the loss after training is linear in the logarithms of the inherited loss, where more is worse, and
    of the costs; the logarithm of the error is linear in that of the loss, so that errors rank as losses do.

    Attributes:
        costs: Names of the cost columns, in order.
        has_costs: Whether costs are used; see :func:`fit_correction`.
        center, scale: Of the features.
        coefficients: Of the scaled features, the inherited loss first.
        covariance: Of the coefficients, given the networks it was fitted to.
        intercept: Of the logarithm of the loss.
        noise: Standard deviation of what the regression leaves unexplained.
        error_slope, error_intercept: From the logarithm of the loss to that of the error.
        error_noise: Standard deviation of what that line leaves unexplained.
        tau: Kendall's tau between predicted losses and those of the short training runs, in leave-one-out validation.
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
    error_noise: float
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
        variance = np.einsum("ni,ij,nj->n", x, self.covariance, x) + self.noise**2 * (1 + 1 / self.n)
        return self.errors_of(np.exp(mean)), np.sqrt(self.error_slope**2 * variance + self.error_noise**2)

    def errors_of(self, true_losses: Floats) -> Floats:
        """Errors, 0–1, that belong to losses after training, ``(n,)``; they rank as those do."""
        errors = np.exp(self.error_intercept + self.error_slope * np.log(true_losses))
        return np.asarray(np.clip(errors, 0.0, 1.0))

    @property
    def facts(self) -> dict[str, float | bool | int]:
        """What reports say about it."""
        return {"has_costs": self.has_costs, "tau": self.tau, "raw_tau": self.raw_tau, "n": self.n, "noise": self.noise}


def fit_correction(
    losses: Floats, costs: Floats, *, names: Sequence[str], true_losses: Floats, true_errors: Floats
) -> Correction | None:
    """Fit a correction, and decide in leave-one-out validation whether it looks at costs, or is of use at all.

    Costs are looked at if networks left out are then predicted with a smaller squared error and ranked no worse than by
    the inherited loss alone. A correction is of use if it predicts better than the mean does, and if a larger inherited
    loss means a larger one after training.

    Args:
        losses: Inherited, in nats, ``(n,)``.
        costs: Positive, ``(n, n_costs)``.
        names: Of the costs.
        true_losses: Of the same networks trained by themselves, in nats, ``(n,)``.
        true_errors: The same for errors, 0–1, ``(n,)``.

    Returns:
        None for fewer than ``LEAST_NETWORKS`` networks, if all have one loss, or if it is of no use.

    References:
        MacKay 1992, "Bayesian interpolation", for the ridge whose strength is found from the data.
    """
    if len(losses) < LEAST_NETWORKS or np.ptp(true_losses) == 0 or np.ptp(losses) == 0:
        return None
    target, raw_tau = np.log(true_losses), float(kendalltau(losses, true_losses).statistic)
    mean_left_out = (target.sum() - target) / (len(target) - 1)
    best = float(((mean_left_out - target) ** 2).mean())
    chosen: tuple[bool, float] | None = None
    for has_costs in (False, True):
        x = _features(losses, costs, has_costs=has_costs)
        predicted = _left_out(x, target)
        error, tau = float(((predicted - target) ** 2).mean()), float(kendalltau(predicted, target).statistic)
        is_sound = _ridge(x, target)[2].coef_[0] > 0 and (not has_costs or tau >= raw_tau)
        if error < best and is_sound:
            best, chosen = error, (has_costs, tau)
    if chosen is None:
        return None
    has_costs, tau = chosen
    center, scale, model = _ridge(_features(losses, costs, has_costs=has_costs), target)
    slope, intercept, error_noise = _error_line(target, np.log(np.maximum(true_errors, LEAST_ERROR)))
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
        error_noise=error_noise,
        tau=tau,
        raw_tau=raw_tau,
        n=len(losses),
    )


def _features(losses: Floats, costs: Floats, *, has_costs: bool) -> Floats:
    columns = [losses[:, None], costs] if has_costs else [losses[:, None]]
    return np.log(np.concatenate(columns, axis=1))


def _ridge(x: Floats, y: Floats) -> tuple[Floats, Floats, BayesianRidge]:
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return center, scale, BayesianRidge().fit((x - center) / scale, y)


def _left_out(x: Floats, y: Floats) -> Floats:
    """What a ridge that was fitted to all others predicts for each."""
    predicted = []
    for index in range(len(x)):
        center, scale, model = _ridge(np.delete(x, index, axis=0), np.delete(y, index))
        predicted.append(model.predict((x[[index]] - center) / scale)[0])
    return np.array(predicted)


def _error_line(log_losses: Floats, log_errors: Floats) -> tuple[float, float, float]:
    """Slope, intercept and residual deviation; the slope is positive, so that errors rank as losses do."""
    slope, intercept = np.polyfit(log_losses, log_errors, 1)
    if slope <= 0:
        slope, intercept = 1.0, (log_errors - log_losses).mean()
    residual = log_errors - (slope * log_losses + intercept)
    return float(slope), float(intercept), float(np.sqrt((residual**2).sum() / (len(residual) - 2)))
