"""The best of several predictors for the given rows, by validation on rows left out; and whether it is useful."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from scipy.stats import kendalltau

from surrogates.predictors.forest import Forest
from surrogates.predictors.gaussian_process import GaussianProcess
from surrogates.predictors.predictor import Floats, Predictor, checked, has_grown
from surrogates.predictors.ridge import Ridge

PREDICTORS: dict[str, Callable[[], Predictor]] = {"ridge": Ridge, "forest": Forest, "gaussian_process": GaussianProcess}


class BestOf(Predictor):
    """Fits several predictors and takes the one that ranks rows it has not seen best.

    All are fitted the first time and when rows have grown by a factor of ``GROWTH``; in between only the chosen one is.

    Args:
        names: Keys of ``PREDICTORS``; of equally good ones the first is taken.

    Attributes:
        name: Of the chosen predictor; empty before the first fit.
        tau: Kendall's tau-b between what the chosen one predicts for rows it has not seen and their values, at the
            last fit; -1 where it is not defined, as for equal values.
        taus: The same of every predictor, when one was chosen last.

    Raises:
        ValueError: No name, or one that is not in ``PREDICTORS``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in PREDICTORS]
        if unknown or not names:
            raise ValueError(f"one or more of {', '.join(PREDICTORS)}; got {', '.join(unknown) or 'none'}")
        self._predictors = {name: PREDICTORS[name]() for name in names}
        self._chosen_at = self._n = 0
        self.name = ""
        self.tau = -1.0
        self.taus: dict[str, float] = {}

    def fit(self, x: Floats, y: Floats) -> Self:
        """Fit the chosen predictor; where it is time to choose, fit all and choose."""
        x, y = checked(x, y)
        if not self.name or has_grown(self._chosen_at, len(y)):
            self.taus = {name: _tau(each.fit(x, y).left_out, y) for name, each in self._predictors.items()}
            self.name = max(self.taus, key=self.taus.__getitem__)  # the first of equal ones
            self.tau, self._chosen_at = self.taus[self.name], len(y)
        else:
            self.tau = _tau(self._chosen.fit(x, y).left_out, y)
        self._n = len(y)
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:  # noqa: D102
        return self._chosen.predict(x)

    @property
    def left_out(self) -> Floats:  # noqa: D102
        return self._chosen.left_out

    @property
    def is_useful(self) -> bool:
        """Whether it ranks better than chance: by more than two standard deviations of tau between unrelated columns.

        Of several predictors the best was chosen, so chance alone passes somewhat more often than once in forty.

        References:
            Kendall 1938, for the variance ``2 (2n + 5) / (9 n (n - 1))``.
        """
        n = self._n
        return n > 1 and self.tau > 2 * math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))

    @property
    def _chosen(self) -> Predictor:
        if not self.name:
            raise ValueError("fit the choice first")
        return self._predictors[self.name]


def _tau(predicted: Floats, truth: Floats) -> float:
    """Kendall's tau-b; -1 where it is not defined, so that what ranks nothing is never preferred."""
    if np.ptp(predicted) == 0 or np.ptp(truth) == 0:
        return -1.0
    tau = float(kendalltau(predicted, truth).statistic)
    return tau if math.isfinite(tau) else -1.0
