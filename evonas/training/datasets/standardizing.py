"""Numbers that are no pixels: standardised by what the training images show."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.input_codes import AXES, LARGEST, PER_SD, PIXELS, InputCodes, levelled
from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning

CUTS = 24  # spans that are tried, each 2 ** -0.25 of the one before
LOOKED_AT = 1 << 20  # numbers that decide among them
MOST_CUT = 0.05  # of a set's numbers, before a user is told
SHOWN = 8  # places that a message names
FEWEST = 8  # codes of nine numbers in ten, before a user is told


def learned_codes(training: NDArray[Any], settings: DataConfig) -> InputCodes:
    """How the numbers of a data set are written.

    Args:
        training: Images ``(n, channels, height, width)``: pixels as uint8, or float32.
        settings: The run file's ``[data]``.

    Raises:
        DataError: What is standardised together is constant, or all pixels are.
    """
    is_pixels = training.dtype == np.uint8
    floor = -settings.depth or None
    training = training if is_pixels else levelled(training, settings.subtract, floor=floor)
    per = settings.standardize if settings.standardize in AXES else "channel"
    low, high = (bound(axis=AXES[per], keepdims=True)[0] for bound in (training.min, training.max))
    if is_pixels and low.min() == high.max():
        raise DataError("images that differ", found=f"all pixels are {low.min()}", remedy="give other images")
    if is_pixels:
        return PIXELS
    with np.errstate(over="ignore", divide="ignore"):
        is_constant = ~np.isfinite(LARGEST / (high - low))
    if is_constant.any():
        places = [_named(place, low + 0) for place in np.argwhere(is_constant)]
        more = f" and {len(places) - SHOWN} more" * (len(places) > SHOWN)
        where = "" if per == "all" else f" in every {per}"
        wider = ', or set standardize = "channel" under [data]' if per in ("row", "column", "feature") else ""
        raise DataError(
            f"numbers that vary over the training images{where}",
            found=f"always the same: {'; '.join(places[:SHOWN])}{more}",
            remedy=f"leave them out, they tell nothing{wider}",
        )
    codes = replace(_standardizing(training, axes=AXES[per]), level=settings.subtract, floor=floor)
    _warn_of_coarse(codes, training, axes=AXES[per])
    return codes


def _named(place: NDArray[np.int64], values: NDArray[Any]) -> str:
    """Where a constant is, and what it is: ``channel 2 (4.5)``."""
    axes = zip(("channel", "row", "column"), place, values.shape, strict=True)
    names = [f"{name} {at}" for name, at, n in axes if n > 1] or ["all numbers"]
    return f"{', '.join(names)} ({values[tuple(place)]:g})"


def warn_of_cut(codes: InputCodes, images: NDArray[Any], name: str) -> None:
    """Tell of a set whose numbers lie elsewhere than those of the training images."""
    share = float(codes.is_cut(images).mean())
    if share > MOST_CUT:
        text = f"{share:.0%} of the {name} set's numbers lie beyond those of the training images, and are cut"
        warnings.warn(text, DataWarning, stacklevel=3)


def _warn_of_coarse(codes: InputCodes, training: NDArray[np.float32], *, axes: tuple[int, ...]) -> None:
    """Tell where few codes are left of many numbers: for a few that lie far outside, or far from 0."""
    assert codes.centre is not None
    assert codes.density is not None
    some = training[:: max(1, training.size // LOOKED_AT)]
    steps = (some - codes.centre) * codes.density
    low, high = np.quantile(steps, (0.05, 0.95), axis=axes, keepdims=True)
    middle = np.quantile(some, (0.05, 0.95), axis=axes, keepdims=True)
    is_coarse = ((high - low) < FEWEST) & (middle[1] > middle[0])
    is_far = np.spacing(np.abs(codes.centre)) * codes.density > 0.5
    for where, why in (
        (is_coarse[0], "since a few lie far outside: replace or cut these"),
        (is_far, "since 32 bits hold no more of numbers so far from 0: subtract an offset first"),
    ):
        if where.any():
            places = [_named(place, codes.centre) for place in np.argwhere(where)[:SHOWN]]
            more = f" and {where.sum() - SHOWN} more" * bool(where.sum() > SHOWN)
            text = f"few different codes are left of most numbers around {'; '.join(places)}{more}, {why}"
            warnings.warn(text, DataWarning, stacklevel=4)


def _standardizing(numbers: NDArray[np.float32], *, axes: tuple[int, ...]) -> InputCodes:
    """Around the mean, and as far as makes the mean squared error of the codes least.

    With bell-shaped numbers that is some four standard deviations, with heavy tails more. ``axes`` are those over which
    numbers are taken together.
    """
    centre = numbers.mean(axis=axes, dtype=np.float64, keepdims=True).astype(np.float32)
    largest = np.maximum(numbers.max(axis=axes, keepdims=True) - centre, centre - numbers.min(axis=axes, keepdims=True))
    off = numbers[:: max(1, numbers.size // LOOKED_AT)] - centre
    best, least = largest, np.full(largest.shape, np.inf)
    for cut in range(CUTS):
        span = largest * np.float32(2.0 ** (-cut / 4))
        step = span / LARGEST
        missed = np.clip(np.rint(off / step), -LARGEST, LARGEST) * step - off
        error = np.square(missed / largest).mean(axis=axes, keepdims=True, dtype=np.float64)  # no square is infinite
        best, least = np.where(error < least, span, best), np.minimum(error, least)
    return InputCodes(-LARGEST, LARGEST, PER_SD, centre[0], (LARGEST / best).astype(np.float32)[0])
