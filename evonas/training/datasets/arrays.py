"""Images and labels as a file holds them, checked and brought to one form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.classes import Classes
from evonas.training.datasets.sizes import to_size

SIGNALS = {"time": 2, "time_channels": 3, "channels_time": 3}  # how many axes arrays of signals have
MOST_CHANNELS = 4  # that an axis is taken for, where the run file does not say which one they are

Raw = tuple[NDArray[Any], NDArray[Any]]
"""Images ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats in 0–1, and labels ``(n,)``:
whole numbers, texts or truth values."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, channels, height, width)`` and labels ``(n,)``."""


class Parts(NamedTuple):
    """What a data set brings, not yet checked."""

    training: Raw
    test: Raw | None = None
    heldout: Raw | None = None
    classes: tuple[str, ...] | None = None
    """Names of classes, by number, where labels are numbers and the data set names them."""


class Checked(NamedTuple):
    """What a data set brings, in one form."""

    training: Arrays
    test: Arrays | None
    heldout: Arrays | None
    classes: tuple[str, ...]


def checked_parts(parts: Parts, source: str, settings: DataConfig) -> Checked:
    """Check arrays, each alone and against those for training.

    Raises:
        DataError: They are malformed, NaN, out of range, or do not fit.
    """
    pixels = _checked(*parts.training, source, settings)
    classes = Classes(parts.training[1], parts.classes, source)

    def beside(raw: Raw | None, name: str) -> Arrays | None:
        """Arrays beside those for training, which they must fit."""
        if raw is None:
            return None
        where = f"the {name} set of {source}"
        images = _checked(*raw, where, settings)
        if images.shape[1:] != pixels.shape[1:]:
            has_channels = images.shape[1] == pixels.shape[1]
            raise DataError(
                f"{name} images of the training images' shape {pixels.shape[1:]} in {source}",
                found=f"{images.shape[1:]} (channels, height, width)",
                remedy="set size = [height, width] under [data]"
                if has_channels
                else "give all images the same channels, such as all grey or all RGB",
            )
        return images, classes.numbers(raw[1], where)

    training = pixels, classes.numbers(parts.training[1], source)
    return Checked(training, beside(parts.test, "test"), beside(parts.heldout, "held-out"), classes.names)


def _checked(images: NDArray[Any], labels: NDArray[Any], source: str, settings: DataConfig) -> NDArray[np.uint8]:
    """Bring images to uint8 ``(n, channels, height, width)``, or say what is wrong with them."""

    def wrong(wanted: str, found: str, remedy: str) -> DataError:
        return DataError(f"{wanted} in {source}", found=found, remedy=remedy)

    if images.ndim not in (3, 4) or len(images) == 0:
        raise wrong("images as (n, height, width) or (n, height, width, channels)", f"shape {images.shape}", "reshape")
    if 0 in images.shape:
        raise wrong("images of at least one pixel", f"shape {images.shape}", "give images with pixels")
    if labels.shape != (len(images),):
        raise wrong(f"{len(images)} labels, one per image", f"shape {labels.shape}", "give one label per image")
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            bad = int((~np.isfinite(images)).sum())
            raise wrong("finite pixels", f"{bad} NaN or infinite", "remove or repair these images")
        if images.min() < 0 or images.max() > 1:
            raise wrong("float pixels within 0 to 1", f"{images.min():g} to {images.max():g}", "rescale, or use uint8")
        images = np.round(images * 255).astype(np.uint8)
    elif images.dtype != np.uint8:
        raise wrong("pixels as uint8, or as floats in 0 to 1", f"{images.dtype}", "convert the pixels")
    if images.ndim == 3:
        images = images[..., None]
    if settings.size not in ("auto", images.shape[1:3]):
        images = np.stack([to_size(image, settings) for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def channels_last(images: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Arrays of a file that does not say which axis is that of channels, with those last.

    Args:
        images: ``(n, height, width)``, or axes in the order that the run file says.
        source: Where they come from.
        settings: The run file's ``[data]``.

    Raises:
        DataError: The run file does not say, and the sizes leave it open; they alone never decide.
    """
    if settings.axes in SIGNALS:
        return _as_rows(images, source, settings.axes)
    if images.ndim != 4 or settings.axes == "channels_last":
        return images
    if settings.axes == "channels_first":
        return images.transpose(0, 2, 3, 1)
    if images.shape[3] <= MOST_CHANNELS < images.shape[1]:
        return images
    raise DataError(
        f"axes that say which one is that of channels in {source}",
        found=f"shape {images.shape}, where {_both(images.shape)}",
        remedy='set axes = "channels_last" or "channels_first" under [data]',
    )


def _as_rows(signals: NDArray[Any], source: str, axes: str) -> NDArray[Any]:
    """Signals as images of one row, ``(n, 1, time, channels)``."""
    if signals.ndim != SIGNALS[axes]:
        raise DataError(
            f"signals with {SIGNALS[axes]} axes for axes = {axes!r} in {source}",
            found=f"shape {signals.shape}",
            remedy="correct axes under [data], or reshape",
        )
    if axes == "time":
        return signals[:, None, :, None]
    return (signals if axes == "time_channels" else signals.transpose(0, 2, 1))[:, None]


def _both(shape: tuple[int, ...]) -> str:
    if shape[1] <= MOST_CHANNELS < shape[3]:
        return f"the second axis seems to be that of {shape[1]} channels"
    return "either the second or the last could be"
