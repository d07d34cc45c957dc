"""Conditions and choices that are plain numbers for one network, which is fast, and arrays for many."""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np

from objectives.layer import Number


def flag(condition: Number) -> Number:
    """1 where it holds, else 0."""
    if isinstance(condition, np.ndarray):
        return (condition if condition.dtype == bool else condition != 0).astype(np.int64)
    return 1 if condition else 0


def pick(condition: Number, holds: Number, otherwise: Number) -> Number:
    """The one number where a condition holds, else the other."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, holds, otherwise)
    return holds if condition else otherwise


def larger(a: Number, b: Number) -> Number:
    """The larger of two numbers."""
    return np.maximum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else max(a, b)


def smaller(a: Number, b: Number) -> Number:
    """The smaller of two numbers."""
    return np.minimum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else min(a, b)


def is_among(number: Number, known: tuple[int, ...]) -> Number:
    """Whether it is one of some."""
    return reduce(or_, (number == other for other in known))
