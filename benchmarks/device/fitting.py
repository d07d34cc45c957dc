"""Fits what a core takes, in instructions and in bytes, to rows of measured networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from device.networks import random_architecture
from objectives import Layer
from objectives.device.flash import constants, parts_of
from objectives.device.instructions import total_work
from objectives.device.work import Work, work_of

Row = Mapping[str, Any]
Units = dict[str, float]
FOLDS = 5
SHARE, LEAST = 0.03, 100  # errors of a layer count against its own, so much of its network's, and so many instructions
DIGITS = 5


def fit_instructions(rows: Sequence[Row]) -> Units:
    """Instructions of each unit of work, not negative, by operations."""
    works, counted, weights = [], [], []
    for row in rows:
        for name, work in _layers(row["seed"]).items():
            if name in row["layers"]:
                works.append(work)
                counted.append(row["layers"][name])
                weights.append(1 / (row["layers"][name] + SHARE * row["instructions"] + LEAST))
    return _fitted(works, np.array(counted), np.array(weights))


def fit_flash(rows: Sequence[Row]) -> Units:
    """Bytes of each part of the code, not negative."""
    rest = [row["flash"] - _constants(row["seed"]) for row in rows]
    return _fitted([_parts(row["seed"]) for row in rows], np.array(rest), 1 / np.array([row["flash"] for row in rows]))


def instruction_errors(rows: Sequence[Row], units: Units) -> NDArray[np.float64]:
    """Relative errors of whole networks."""
    found = np.array([_dot(_total(row["seed"]), units) for row in rows])
    return np.asarray(found / np.array([row["instructions"] for row in rows]) - 1)


def flash_errors(rows: Sequence[Row], units: Units) -> NDArray[np.float64]:
    """Relative errors of whole networks."""
    found = np.array([_constants(row["seed"]) + _dot(_parts(row["seed"]), units) for row in rows])
    return np.asarray(found / np.array([row["flash"] for row in rows]) - 1)


def cross_validated(
    rows: Sequence[Row],
    fit: Callable[[Sequence[Row]], Units],
    errors: Callable[[Sequence[Row], Units], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Errors on networks that were left out of the fit, a fifth of them at a time."""
    found = []
    for fold in range(FOLDS):
        kept = [row for i, row in enumerate(rows) if i % FOLDS != fold]
        found.append(errors([row for i, row in enumerate(rows) if i % FOLDS == fold], fit(kept)))
    return np.concatenate(found)


def _fitted(works: Sequence[Work], wanted: NDArray[np.float64], weights: NDArray[np.float64]) -> Units:
    names = sorted({name for work in works for name in work})
    matrix = np.array([[float(work.get(name, 0)) for name in names] for work in works]) * weights[:, None]
    lengths = np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    found = nnls(matrix / lengths, wanted * weights, maxiter=10_000)[0] / lengths
    return {name: float(f"{one:.{DIGITS}g}") for name, one in zip(names, found, strict=True) if one > 0}


def _dot(work: Work, units: Units) -> float:
    return sum(float(number) * units.get(name, 0.0) for name, number in work.items())


def _network(seed: int) -> tuple[Layer, ...]:
    return random_architecture(seed).layers


@cache
def _layers(seed: int) -> dict[str, Work]:
    layers = _network(seed)
    return {layer.name: work for layer, work in zip(layers, work_of(layers), strict=True)}


@cache
def _total(seed: int) -> Work:
    return total_work(_network(seed))


@cache
def _parts(seed: int) -> Work:
    return parts_of(_network(seed))


@cache
def _constants(seed: int) -> int:
    return int(constants(_network(seed)))
