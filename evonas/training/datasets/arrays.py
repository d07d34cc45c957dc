"""Images and labels as a file holds them, checked and brought to one form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.sizes import to_size

MOST_CHANNELS = 4  # that an axis is taken for, where the run file does not say which one they are

Raw = tuple[NDArray[Any], NDArray[Any]]
"""Images ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats in 0–1, and labels ``(n,)``."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, channels, height, width)`` and labels ``(n,)``."""


class Parts(NamedTuple):
    """What a data set brings, not yet checked."""

    training: Raw
    test: Raw | None = None
    heldout: Raw | None = None


class Checked(NamedTuple):
    """What a data set brings, in one form."""

    training: Arrays
    test: Arrays | None
    heldout: Arrays | None


def checked_parts(parts: Parts, source: str, settings: DataConfig) -> Checked:
    """Check arrays, each alone and against those for training.

    Raises:
        DataError: They are malformed, NaN, out of range, or do not fit.
    """
    training = parts.training
    images, labels = _checked(*training, source, settings, most_classes=np.size(training[1]))
    n_classes = int(labels.max()) + 1
    if n_classes < 2:
        raise DataError(f"at least two classes in {source}", found="one", remedy="add images of another class")
    absent = np.setdiff1d(np.arange(n_classes), labels)
    if len(absent):
        raise DataError(
            f"training images of every class from 0 to {n_classes - 1} in {source}",
            found=f"none of class {', '.join(map(str, absent[:8]))}",
            remedy="number the classes from 0 without gaps, or check the labels",
        )
    test, heldout = (
        _beside(raw, name, source=source, settings=settings, shape=images.shape[1:], n_classes=n_classes)
        for raw, name in ((parts.test, "test"), (parts.heldout, "held-out"))
    )
    return Checked((images, labels), test, heldout)


def _beside(
    raw: Raw | None, name: str, *, source: str, settings: DataConfig, shape: tuple[int, ...], n_classes: int
) -> Arrays | None:
    """Arrays beside those for training, which they must fit."""
    if raw is None:
        return None
    images, labels = _checked(*raw, f"the {name} set of {source}", settings, most_classes=n_classes)
    if images.shape[1:] != shape:
        remedy = "give all images the same channels, such as all grey or all RGB"
        raise DataError(
            f"{name} images of the training images' shape {shape} in {source}",
            found=f"{images.shape[1:]} (channels, height, width)",
            remedy=remedy if images.shape[1] != shape[0] else "set size = [height, width] under [data]",
        )
    return images, labels


def _checked(
    images: NDArray[Any], labels: NDArray[Any], source: str, settings: DataConfig, *, most_classes: int
) -> Arrays:
    """Bring images to uint8 ``(n, channels, height, width)`` and labels to int64, or say what is wrong with them."""

    def wrong(wanted: str, found: str, remedy: str) -> DataError:
        return DataError(f"{wanted} in {source}", found=found, remedy=remedy)

    if images.ndim not in (3, 4) or len(images) == 0:
        raise wrong("images as (n, height, width) or (n, height, width, channels)", f"shape {images.shape}", "reshape")
    if 0 in images.shape:
        raise wrong("images of at least one pixel", f"shape {images.shape}", "give images with pixels")
    if labels.shape != (len(images),):
        raise wrong(f"{len(images)} labels, one per image", f"shape {labels.shape}", "give one label per image")
    if not np.issubdtype(labels.dtype, np.integer):
        raise wrong("labels as whole numbers from 0", f"labels of type {labels.dtype}", "number the classes from 0")
    if labels.min() < 0 or labels.max() >= most_classes:
        raise wrong(
            f"labels as whole numbers from 0 to {most_classes - 1} at most",
            f"{labels.min()} to {labels.max()}",
            "number the classes from 0",
        )
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
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)


def channels_last(images: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Arrays of a file that does not say which axis is that of channels, with those last.

    Args:
        images: ``(n, height, width)``, or four axes in the order that the run file says.
        source: Where they come from.
        settings: The run file's ``[data]``.

    Raises:
        DataError: The run file does not say, and the sizes leave it open; they alone never decide.
    """
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


def _both(shape: tuple[int, ...]) -> str:
    if shape[1] <= MOST_CHANNELS < shape[3]:
        return f"the second axis seems to be that of {shape[1]} channels"
    return "either the second or the last could be"
