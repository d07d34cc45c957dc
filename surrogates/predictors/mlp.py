"""A small ensemble of multilayer perceptrons, each on a bootstrap of the rows."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from surrogates.predictors.predictor import Floats, Predictor, center_and_scale, checked, standardised

MEMBERS = 8
HIDDEN = (32,)
DECAY = 1.0  # weight of the squared norm of all weights
MOST_ITERATIONS = 60  # more fits noise, and takes longer than a search can wait


class MultilayerPerceptron(Predictor):
    """Eight networks of one hidden layer.

    Members agree more than they are right. So the spread has two parts, as a Gaussian process' has: how members differ,
    and the mean square by which rows that were left out are missed beyond that.

    References:
        Breiman 1996, "Bagging predictors" and "Out-of-bag estimation"; Lakshminarayanan, Pritzel and Blundell 2017
        for the spread of an ensemble.
    """

    def fit(self, x: Floats, y: Floats) -> Self:
        """Train all members anew; each row is left out by the members, about 3 of 8, that have not drawn it.

        A row that all have drawn, one in forty, gets the mean of all.
        """
        x, y = checked(x, y)
        n, rng = len(x), np.random.default_rng(0)
        self._center, self._scale = center_and_scale(y)
        self._x_center, deviations = x.mean(axis=0), x.std(axis=0)
        self._x_scale = np.where(np.ptp(x, axis=0) > 0, deviations, 1.0)
        rows, z = self._scaled(x), standardised(y, center=self._center, scale=self._scale)
        self._members: list[MLPRegressor] = []
        is_unseen = np.ones((MEMBERS, n), dtype=bool)
        for member in range(MEMBERS):
            drawn = rng.integers(n, size=n)
            is_unseen[member, drawn] = False
            self._members.append(_trained(rows[drawn], z[drawn], seed=member))
        is_unseen[:, ~is_unseen.any(axis=0)] = True
        each = np.stack([member.predict(rows) for member in self._members])
        predicted = (each * is_unseen).sum(axis=0) / is_unseen.sum(axis=0)
        self._missed = max(0.0, float(((predicted - z) ** 2 - each.var(axis=0)).mean()))
        self._left_out: Floats = self._center + self._scale * predicted
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        rows = self._scaled(np.asarray(x, dtype=np.float64))
        each = np.stack([member.predict(rows) for member in self._members])
        return self._center + self._scale * each.mean(axis=0), self._scale * np.sqrt(each.var(axis=0) + self._missed)

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._left_out

    def _scaled(self, x: Floats) -> Floats:
        scaled: Floats = (x - self._x_center) / self._x_scale
        return scaled


def _trained(rows: Floats, values: Floats, *, seed: int) -> MLPRegressor:
    model = MLPRegressor(
        hidden_layer_sizes=HIDDEN, solver="lbfgs", alpha=DECAY, max_iter=MOST_ITERATIONS, random_state=seed
    )
    with warnings.catch_warnings():
        # Few iterations are meant: they regularise, and bound the time.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, values)
