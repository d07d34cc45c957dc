"""An ``.npz`` file with arrays of images and labels, under the names that people give them.

Images are ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats within 0–1; ``[data] axes`` tells
of channels that come first.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.arrays import Parts, Raw, channels_last

IMAGES, LABELS = ("images", "x", "data"), ("labels", "label", "y", "targets", "target")
TRAIN, TEST, HELDOUT = ("train", "training", ""), ("test",), ("val", "valid", "validation", "heldout")


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return path.suffix == ".npz" and path.is_file()


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except PermissionError:
        raise
    except (OSError, ValueError, EOFError, TypeError, BadZipFile, zlib.error, RuntimeError) as error:
        wanted = "arrays of plain numbers" if "pickle" in str(error) else "a readable .npz file"
        raise DataError(
            f"{wanted} in {path}",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="save it again with numpy.savez(path, images=..., labels=...)",
        ) from error
    training, test, heldout = (_pair(arrays, splits, path, settings) for splits in (TRAIN, TEST, HELDOUT))
    if training is None:
        raise DataError(
            f"arrays named images and labels, or x_train and y_train, in {path}",
            found=", ".join(arrays) or "nothing",
            remedy="save it with numpy.savez(path, images=..., labels=...)",
        )
    used = {name for name in arrays for kinds in (IMAGES, LABELS) if _is_named(name, kinds, (*TRAIN, *TEST, *HELDOUT))}
    if others := [name for name in arrays if name not in used]:
        warnings.warn(f"arrays in {path} that are left out: {', '.join(others)}", DataWarning, stacklevel=2)
    return Parts(training, test, heldout)


def _pair(arrays: Mapping[str, NDArray[Any]], splits: tuple[str, ...], path: Path, settings: DataConfig) -> Raw | None:
    """Images and labels of a split, or None if there is neither."""
    images, labels = ([name for name in arrays if _is_named(name, kinds, splits)] for kinds in (IMAGES, LABELS))
    if not images and not labels:
        return None
    if len(images) != 1 or len(labels) != 1:
        several = [name for names in (images, labels) if len(names) > 1 for name in names]
        missing = "images" if not images else "labels"
        raise DataError(
            f"one array of images and one of labels for each split in {path}",
            found=f"{', '.join(arrays)}; " + (f"several: {', '.join(several)}" if several else f"{missing} missing"),
            remedy="save it with numpy.savez(path, images=..., labels=..., test_images=..., test_labels=...)",
        )
    return channels_last(arrays[images[0]], str(path), settings), arrays[labels[0]]


def _is_named(name: str, kinds: tuple[str, ...], splits: tuple[str, ...]) -> bool:
    """Whether an array is, by its name, one of a kind in a split: ``x_train``, ``train_images``, ``X``."""
    wanted = {"_".join(parts) for kind in kinds for split in splits for parts in ((kind, split), (split, kind))}
    return name.lower().strip("_") in {one.strip("_") for one in wanted}
