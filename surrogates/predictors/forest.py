"""Randomised trees: no assumption of smoothness, interactions of genes for free."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from surrogates.predictors.predictor import Floats, Predictor, center_and_scale, checked, standardised

TREES = 100
SHARE_OF_FEATURES = 0.5  # tried at a split


class Forest(Predictor):
    """A hundred extremely randomised trees, each on a bootstrap of the rows.

    The spread is the standard deviation between trees. Far from all rows it stays about as large as at the edge of
    them, as trees do not extrapolate.

    References:
        Geurts, Ernst and Wehenkel 2006 for the trees; Breiman 1996, "Out-of-bag estimation", for what is left out.
    """

    def fit(self, x: Floats, y: Floats) -> Self:
        """Grow all trees anew; each row is left out by the trees, about 37 of 100, that have not drawn it."""
        x, y = checked(x, y)
        self._center, self._scale = center_and_scale(y)
        z = standardised(y, center=self._center, scale=self._scale)  # trees split no variance below 1e-16
        # A row that every tree has drawn would have no prediction: with four rows its probability is below 1e-16.
        model = ExtraTreesRegressor(
            TREES, max_features=SHARE_OF_FEATURES, bootstrap=True, oob_score=True, random_state=0
        ).fit(x, z)
        self._trees = [tree.tree_ for tree in model.estimators_]
        self._left_out: Floats = self._center + self._scale * model.oob_prediction_
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        rows = np.ascontiguousarray(x, dtype=np.float32)  # what the bare trees take; their checks cost more than they
        each = np.stack([tree.predict(rows)[:, 0] for tree in self._trees])
        return self._center + self._scale * each.mean(axis=0), self._scale * each.std(axis=0)

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._left_out
