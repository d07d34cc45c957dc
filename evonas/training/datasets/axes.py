"""How the axes of an array lie: brought to images with their channels last, as the run file says; never guessed."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError

SIGNALS = {"time": 2, "time_channels": 3, "channels_time": 3}  # how many axes arrays of signals have
MOST_CHANNELS = 4  # that an axis is taken for, where the run file does not say which one they are


def channels_last(images: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Arrays of a form that does not say what their axes are, as images with the channels last.

    Args:
        images: ``(n, height, width)``, axes in the order that the run file says, or rows of numbers ``(n, numbers)``
            that it says how to arrange.
        source: Where they come from.
        settings: The run file's ``[data]``.

    Raises:
        DataError: The run file does not say, and the sizes leave it open; they alone never decide. Or it says what
            these arrays are not.

    Returns:
        ``(n, height, width)`` or ``(n, height, width, channels)``; signals have one row, features one pixel.
    """
    images = _arranged(images, source, settings)
    if settings.axes == "features":
        return _as_pixel(images, source, settings)
    if settings.axes in SIGNALS:
        return _as_rows(images, source, settings.axes)
    if images.ndim == 2:
        raise DataError(
            f"rows of numbers whose order is known in {source}",
            found=f"shape {images.shape}",
            remedy='set axes = "features" under [data] for features without order, axes = "time" for signals, or '
            "shape = [height, width] for images",
        )
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


def _arranged(rows: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Rows of numbers in ``[data] shape``, if there is one."""
    if settings.shape == "auto" or rows.shape[1:] == settings.shape:
        return rows
    product = math.prod(settings.shape)
    if rows.ndim != 2 or rows.shape[1] != product:
        shown = " x ".join(map(str, settings.shape))
        raise DataError(
            f"rows of {shown} = {product} numbers for shape = {list(settings.shape)} in {source}",
            found=f"shape {rows.shape}",
            remedy="correct shape under [data], or leave it out",
        )
    return rows.reshape(len(rows), *settings.shape)


def _as_pixel(rows: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Features as images of one pixel, ``(n, 1, 1, features)``: they have no neighbours."""
    if rows.ndim != 2:
        raise DataError(
            f'arrays (n, features) for axes = "features" in {source}',
            found=f"shape {rows.shape}",
            remedy="correct axes under [data], or reshape",
        )
    if settings.pool > 1 or settings.size != "auto":
        raise DataError(
            f'features as they are for axes = "features" in {source}',
            found=f"pool = {settings.pool}, size = {settings.size}",
            remedy="leave pool and size out, which are for pixels",
        )
    return rows[:, None, None, :]


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
