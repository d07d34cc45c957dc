"""The scale in which predictors learn an objective: where most values are far from the best, these are drawn apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flattening:
    """``log(1 + (value - best) / distance)``: monotone, so it changes no dominance.

    Attributes:
        best: The least value so far.
        distance: From it to the median; 0 leaves values as they are.
    """

    best: float
    distance: float

    @classmethod
    def none(cls, values: Floats) -> Flattening:
        """That which leaves values as they are."""
        del values
        return cls(0.0, 0.0)

    @classmethod
    def of(cls, values: Floats) -> Flattening:
        """That of some values, ``(n,)``."""
        best = float(values.min())
        return cls(best, float(np.median(values)) - best)

    def flat(self, values: Floats) -> Floats:
        """Values as they are learned; none is below the best."""
        if not self.distance > 0:
            return values
        return np.asarray(np.log1p(np.maximum(values - self.best, 0.0) / self.distance))

    def log_slopes(self, values: Floats) -> float:
        """Sum of the logarithms of the scale's slopes at some values: what likelihoods in two scales differ by."""
        if not self.distance > 0:
            return 0.0
        return -float(np.log(self.distance + np.maximum(values - self.best, 0.0)).sum())

    def told(self, flat: Floats) -> Floats:
        """Values as an algorithm is told them, from flattened ones."""
        return np.asarray(self.best + self.distance * np.expm1(flat)) if self.distance > 0 else flat

    def below(self, level: Floats, mean: Floats, spread: Floats) -> Floats:
        """How far below a level a value is expected, ``E[max(level - value, 0)]``, where the flattened value is normal.

        Args:
            level: In the scale that is told, ``(1, n_levels)``; minus infinity gives 0.
            mean, spread: Of the flattened value, ``(n, 1)`` each; a spread of 0 is a known value.

        Returns:
            ``(n, n_levels)``.
        """
        sd = np.maximum(spread, 1e-12)
        if not self.distance > 0:
            with np.errstate(invalid="ignore"):
                z = (level - mean) / sd
                found = sd * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
            return np.where(np.isfinite(level), found, 0.0)
        strike = np.maximum((level - self.best) / self.distance + 1, 1e-300)
        d = (np.log(strike) - mean) / sd
        found = self.distance * (strike * ndtr(d) - np.exp(mean + 0.5 * sd**2) * ndtr(d - sd))
        return np.maximum(np.where(np.isfinite(level), found, 0.0), 0.0)
