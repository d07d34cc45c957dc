"""Learned predictors of values that are dear to measure. ``PREDICTORS`` is the table. Plain arrays in and out."""

from __future__ import annotations

from collections.abc import Callable

from surrogates.predictors.forest import Forest
from surrogates.predictors.gaussian_process import GaussianProcess
from surrogates.predictors.predictor import Predictor
from surrogates.predictors.ridge import Ridge

PREDICTORS: dict[str, Callable[[], Predictor]] = {
    "ridge": Ridge,
    "forest": Forest,
    "gaussian_process": GaussianProcess,
}
