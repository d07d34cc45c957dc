"""Images and labels as a file holds them, checked and brought to one form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.classes import Classes
from evonas.training.datasets.sizes import to_size

Raw = tuple[NDArray[Any], NDArray[Any]]
"""Images ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats in 0–1, and labels ``(n,)``:
whole numbers, texts or truth values."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, channels, height, width)`` and labels ``(n,)``."""


class Groups(NamedTuple):
    """Names of the groups that examples belong to, such as their speakers: ``(n,)`` texts, None where unknown."""

    training: NDArray[np.str_]
    test: NDArray[np.str_] | None = None
    heldout: NDArray[np.str_] | None = None


class Parts(NamedTuple):
    """What a data set brings, not yet checked."""

    training: Raw
    test: Raw | None = None
    heldout: Raw | None = None
    classes: tuple[str, ...] | None = None
    """Names of classes, by number, where labels are numbers and the data set names them."""
    groups: Groups | None = None
    features: str = ""
    """How the arrays are computed from what a device records, in words; "": they are what it records."""


class Checked(NamedTuple):
    """What a data set brings, in one form."""

    training: Arrays
    test: Arrays | None
    heldout: Arrays | None
    classes: tuple[str, ...]
    groups: Groups | None = None
    features: str = ""


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

    _check_groups(parts, source)
    training = pixels, classes.numbers(parts.training[1], source)
    test, heldout = beside(parts.test, "test"), beside(parts.heldout, "held-out")
    return Checked(training, test, heldout, classes.names, parts.groups, parts.features)


def _check_groups(parts: Parts, source: str) -> None:
    for part, names in zip(parts[:3], parts.groups or (), strict=False):
        if part is not None and names is not None and names.shape != part[1].shape:
            raise DataError(
                f"{len(part[1])} groups, one per label, in {source}",
                found=f"shape {names.shape}",
                remedy="name a group for each example",
            )


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
