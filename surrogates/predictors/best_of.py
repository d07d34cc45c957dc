"""The best of several predictors for the given rows, by validation on rows left out; and whether it is useful."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.stats import kendalltau

from surrogates.predictors.forest import Forest
from surrogates.predictors.gaussian_process import GaussianProcess
from surrogates.predictors.predictor import Floats, Group, Predictor, checked, has_grown
from surrogates.predictors.ridge import Ridge

PREDICTORS: dict[str, type[Predictor]] = {"ridge": Ridge, "forest": Forest, "gaussian_process": GaussianProcess}


class BestOf(Predictor):
    """Fits several predictors and takes the one that is nearest to the values of rows it has not seen.

    All are fitted the first time and when rows have grown by a factor of ``GROWTH``; in between only the chosen one is.

    Args:
        names: Keys of ``PREDICTORS``; of equally good ones the first is taken.
        groups: Columns of features that belong together.

    Attributes:
        name: Of the chosen predictor; empty before the first fit.
        tau: Kendall's tau-b between what the chosen one predicts for rows it has not seen and their values, at the
            last fit; -1 where it is not defined, as for equal values.
        errors: Mean squared error of every predictor on rows left out, when one was chosen last.

    Raises:
        ValueError: No name, or one that is not in ``PREDICTORS``.
    """

    def __init__(self, names: Sequence[str], *, groups: Sequence[Group] | None = None) -> None:
        super().__init__(groups)
        unknown = [name for name in names if name not in PREDICTORS]
        if unknown or not names:
            raise ValueError(f"one or more of {', '.join(PREDICTORS)}; got {', '.join(unknown) or 'none'}")
        self._predictors = {name: PREDICTORS[name](groups) for name in names}
        self._chosen_at = self._n = 0
        self._differ = False
        self.name = ""
        self.tau = -1.0
        self.errors: dict[str, float] = {}

    def fit(self, x: Floats, y: Floats) -> Self:
        """Fit the chosen predictor; where it is time to choose, fit all and choose."""
        x, y = checked(x, y)
        if not self.name or has_grown(self._chosen_at, len(y)):
            self.errors = {name: _squared_error(each.fit(x, y).left_out, y) for name, each in self._predictors.items()}
            self.name = min(self.errors, key=self.errors.__getitem__)  # the first of equal ones
            self._chosen_at = len(y)
        else:
            self._chosen.fit(x, y)
        self.tau = _tau(self._chosen.left_out, y)
        self._n, self._differ = len(y), bool(np.ptp(y) > 0)
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        return self._chosen.predict(x)

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._chosen.left_out

    @property
    def is_useful(self) -> bool:
        """Whether it is worth asking: one that says how little it knows always is, unless all values were equal.

        Any other must rank better than chance: by more than two standard deviations of tau between unrelated columns.
        Of several predictors the best was chosen, so chance alone passes somewhat more often than once in forty.

        References:
            Kendall 1938, for the variance ``2 (2n + 5) / (9 n (n - 1))``.
        """
        n = self._n
        if n < 2 or not self._differ:
            return False
        return self._chosen.knows_its_limits or self.tau > 2 * math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))

    @property
    def _chosen(self) -> Predictor:
        if not self.name:
            raise ValueError("fit the choice first")
        return self._predictors[self.name]


def _squared_error(predicted: Floats, truth: Floats) -> float:
    """Mean squared error; infinite where it is not defined."""
    error = float(((predicted - truth) ** 2).mean())
    return error if math.isfinite(error) else math.inf


def _tau(predicted: Floats, truth: Floats) -> float:
    """Kendall's tau-b; -1 where it is not defined, so that what ranks nothing is never preferred."""
    if np.ptp(predicted) == 0 or np.ptp(truth) == 0:
        return -1.0
    tau = float(kendalltau(predicted, truth).statistic)
    return tau if math.isfinite(tau) else -1.0
