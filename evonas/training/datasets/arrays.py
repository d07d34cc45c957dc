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
"""Images ``(n, height, width)`` or ``(n, height, width, channels)`` of any numbers, and labels ``(n,)``: whole numbers,
texts or truth values."""

Arrays = tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.int64]]
"""Images ``(n, channels, height, width)``, pixels as uint8 or other numbers as float32, and labels ``(n,)``."""


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
    images = _checked(*parts.training, source, settings)
    # features of 0 to 1 are scaled each on its own, so few levels of 256 may be left of one
    may_be = settings.axes != "features" or images.dtype == np.uint8
    is_auto = settings.standardize == "auto" and settings.subtract == "nothing"
    is_pixels = settings.standardize == "none" or (is_auto and may_be and _are_pixels(images))
    classes = Classes(parts.training[1], parts.classes, source)

    def beside(raw: Raw | None, name: str) -> Arrays | None:
        """Arrays beside those for training, which they must fit."""
        if raw is None:
            return None
        where = f"the {name} set of {source}"
        others = _checked(*raw, where, settings)
        if others.shape[1:] != images.shape[1:]:
            has_channels = others.shape[1] == images.shape[1]
            raise DataError(
                f"{name} images of the training images' shape {images.shape[1:]} in {source}",
                found=f"{others.shape[1:]} (channels, height, width)",
                remedy="set size = [height, width] under [data]"
                if has_channels
                else "give all images the same channels, such as all grey or all RGB",
            )
        return _written(others, where, is_pixels=is_pixels), classes.numbers(raw[1], where)

    _check_groups(parts, source)
    training = _written(images, source, is_pixels=is_pixels), classes.numbers(parts.training[1], source)
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


def _checked(images: NDArray[Any], labels: NDArray[Any], source: str, settings: DataConfig) -> NDArray[Any]:
    """Bring images to ``(n, channels, height, width)``, uint8 or float32, or say what is wrong with them."""

    def wrong(wanted: str, found: str, remedy: str) -> DataError:
        return DataError(f"{wanted} in {source}", found=found, remedy=remedy)

    if images.ndim not in (3, 4) or len(images) == 0:
        raise wrong("images as (n, height, width) or (n, height, width, channels)", f"shape {images.shape}", "reshape")
    if 0 in images.shape:
        raise wrong("images of at least one pixel", f"shape {images.shape}", "give images with pixels")
    if labels.shape != (len(images),):
        raise wrong(f"{len(images)} labels, one per image", f"shape {labels.shape}", "give one label per image")
    if images.dtype.kind not in "biuf":
        raise wrong("images of numbers", f"type {images.dtype}", "convert them")
    if images.dtype != np.uint8:
        with np.errstate(over="ignore"):  # becomes infinite, and is refused
            images = images.astype(np.float32)
        bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
        if bad.any():
            found = f"NaN or infinite in {bad.sum()} of {len(bad)} images, the first of them number {bad.argmax()}"
            raise wrong("finite numbers, in 32 bits,", found, "remove or repair these images")
    if images.ndim == 3:
        images = images[..., None]
    if settings.size not in ("auto", images.shape[1:3]):
        images = np.stack([to_size(image, settings) for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _are_pixels(images: NDArray[Any]) -> bool:
    return images.dtype == np.uint8 or bool(images.min() >= 0 and images.max() <= 1)


def _written(images: NDArray[Any], source: str, *, is_pixels: bool) -> NDArray[Any]:
    """Pixels as uint8, other numbers as float32."""
    if not is_pixels:
        return images.astype(np.float32, copy=False)
    if not _are_pixels(images):
        raise DataError(
            f"pixels of 8 bits without sign, or within 0 to 1, in {source}",
            found=f"{images.min():g} to {images.max():g}",
            remedy='set standardize = "channel" under [data], or rescale',
        )
    return images if images.dtype == np.uint8 else np.rint(images * np.float32(255)).astype(np.uint8)
