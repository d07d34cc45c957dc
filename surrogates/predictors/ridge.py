"""Linear regression whose strength of regularisation is found from the data."""

from __future__ import annotations

from typing import Self

from sklearn.linear_model import BayesianRidge

from surrogates.predictors.predictor import Floats, Predictor, center_and_scale, checked, standardised


class Ridge(Predictor):
    """Bayesian ridge regression: additive in the features, honest with few rows.

    The spread is of a new measurement: uncertainty of the coefficients and noise.

    References:
        MacKay 1992, "Bayesian interpolation".
    """

    def fit(self, x: Floats, y: Floats) -> Self:
        """Learn coefficients, and leave each row out in closed form.

        A linear smoother with the hat matrix H predicts a row that was left out by ``(H y - h y) / (1 - h)``, where h
        is the row's diagonal entry of H (Allen 1974; Cook 1977). The unpenalised intercept adds 1/n to h. Exact for a
        fixed strength of regularisation.
        """
        x, y = checked(x, y)
        self._center, self._scale = center_and_scale(y)
        z = standardised(y, center=self._center, scale=self._scale)  # as BayesianRidge's tolerance is absolute
        self._model = BayesianRidge().fit(x, z)
        centered = x - x.mean(axis=0)
        # The posterior covariance is inv(alpha X'X + lambda I), so alpha times it is what the hat matrix needs.
        leverage = 1 / len(x) + self._model.alpha_ * ((centered @ self._model.sigma_) * centered).sum(axis=1)
        # Rounding, or as many free coefficients as rows, may bring a leverage to 1: such a row says nothing of itself.
        leverage = leverage.clip(max=1 - 1e-9)
        fitted = self._model.predict(x)
        self._left_out: Floats = self._center + self._scale * (fitted - leverage * z) / (1 - leverage)
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        mean, spread = self._model.predict(x, return_std=True)
        return self._center + self._scale * mean, self._scale * spread

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._left_out
