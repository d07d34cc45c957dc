"""A Gaussian process: smooth interpolation, with a spread that grows away from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from surrogates.predictors.kernel import Kernel, diagonal_of_inverse, fit_kernel
from surrogates.predictors.predictor import Floats, Group, Predictor, center_and_scale, checked, has_grown, standardised

MOST_ROWS = 600  # time grows with their cube, and a search waits for it every generation
MOST_ROWS_FOR_SCALES = 200  # a scale a gene needs no more


class GaussianProcess(Predictor):
    """A Gaussian process with the covariance of :class:`~surrogates.predictors.kernel.Kernel`.

    Scales, those of the kernel and of the values, are found again only when rows have grown by a factor of ``GROWTH``;
    in between a fit is one Cholesky decomposition. The spread is of a new measurement, noise included.

    References:
        Rasmussen and Williams 2006, "Gaussian processes for machine learning", algorithm 2.1.
    """

    knows_its_limits = True

    def __init__(self, groups: Sequence[Group] | None = None) -> None:
        super().__init__(groups)
        self._kernel: Kernel | None = None
        self._fitted_for = (0, 0)  # rows and features that the scales are from

    @property
    def kernel(self) -> Kernel:
        """Covariance of values that are standardised by the scales of the moment."""
        if self._kernel is None:
            raise ValueError("fit the Gaussian process first")
        return self._kernel

    def fit(self, x: Floats, y: Floats) -> Self:
        """Learn from rows; of more than ``MOST_ROWS``, from as many spread evenly over their order.

        Each used row is left out in closed form: what is predicted without row i is ``y_i - [K^-1 y]_i / [K^-1]_ii``
        (Dubrule 1983; Rasmussen and Williams 2006, equation 5.12). A scale a gene is enough to find something in noise,
        so the scales for that are those of the other half of the rows. Rows that were not used have ordinary
        predictions.
        """
        x, y = checked(x, y)
        n, n_features = x.shape
        before, features_before = self._fitted_for
        if self._kernel is None or features_before != n_features or has_grown(before, n):
            self._fit_scales(x, y)
        used = spread_evenly(n, MOST_ROWS)
        self._rows = x[used]
        z = standardised(y[used], center=self._center, scale=self._scale)
        self._factor = cholesky(self.kernel.within(self._rows), lower=True)
        self._weights = cho_solve((self._factor, True), z)
        self._left_out = np.empty(n)
        for half, kernel in enumerate(self._halves):
            factor = cholesky(kernel.within(self._rows), lower=True)
            left_out = z - cho_solve((factor, True), z) / diagonal_of_inverse(factor)
            self._left_out[used[half::2]] = self._center + self._scale * left_out[half::2]
        rest = np.delete(np.arange(n), used)
        self._left_out[rest] = self._mean(self.kernel.between(x[rest], self._rows))
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        x = np.asarray(x, dtype=np.float64)
        covariance = self.kernel.between(x, self._rows)
        known = solve_triangular(self._factor, covariance.T, lower=True)
        variance = self.kernel.variances(x) - (known**2).sum(axis=0)
        # Less than the noise is a rounding error.
        return self._mean(covariance), self._scale * np.sqrt(np.maximum(variance, self.kernel.noise))

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._left_out

    def _fit_scales(self, x: Floats, y: Floats) -> None:
        self._center, self._scale = center_and_scale(y)
        used = spread_evenly(len(x), MOST_ROWS_FOR_SCALES)
        groups = self.groups or [Group(column, column + 1, is_choice=False) for column in range(x.shape[1])]
        values = standardised(y[used], center=self._center, scale=self._scale)
        self._kernel = fit_kernel(x[used], values, groups)
        self._halves = [fit_kernel(x[used][start::2], values[start::2], groups) for start in (1, 0)]
        # Equal values have taught no scales: the next fit tries again.
        self._fitted_for = x.shape if self._scale > 0 else (0, 0)

    def _mean(self, covariance: Floats) -> Floats:
        mean: Floats = covariance @ self._weights
        return self._center + self._scale * mean


def spread_evenly(n: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` of ``n`` rows, evenly over their order, so that early and late rows both count; sorted."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.int64)
