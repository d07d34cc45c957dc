"""Images and labels as a file holds them, checked and brought to one form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError

Raw = tuple[NDArray[Any], NDArray[Any]]
"""Images ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats in 0–1, and labels ``(n,)``."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, channels, height, width)`` and labels ``(n,)``."""


def checked_pair(training: Raw, test: Raw | None, source: str) -> tuple[Arrays, Arrays | None]:
    """Check training and test arrays, each alone and against one another.

    Raises:
        DataError: They are malformed, NaN, out of range, or do not fit.
    """
    images, labels = _checked(*training, source, most_classes=np.size(training[1]))
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
    if test is None:
        return (images, labels), None
    test_images, test_labels = _checked(*test, f"the test set of {source}", most_classes=n_classes)
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"test images of the training images' shape {images.shape[1:]} in {source}",
            found=f"{test_images.shape[1:]} (channels, height, width)",
            remedy="bring all images to one size",
        )
    return (images, labels), (test_images, test_labels)


def _checked(images: NDArray[Any], labels: NDArray[Any], source: str, *, most_classes: int) -> Arrays:
    """Bring images to uint8 ``(n, channels, height, width)`` and labels to int64, or say what is wrong with them."""

    def wrong(wanted: str, found: str, remedy: str) -> DataError:
        return DataError(f"{wanted} in {source}", found=found, remedy=remedy)

    if images.ndim not in (3, 4) or len(images) == 0:
        raise wrong("images as (n, height, width) or (n, height, width, channels)", f"shape {images.shape}", "reshape")
    if images.ndim == 4 and images.shape[3] > 4 and images.shape[1] <= 4:
        raise wrong("channels last: (n, height, width, channels)", f"shape {images.shape}", "transpose(0, 2, 3, 1)")
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
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), labels.astype(np.int64)
