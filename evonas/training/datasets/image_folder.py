"""A folder of pictures, ``train/CLASS/*.png`` or ``*.jpg`` and, if there is a test set, ``test/CLASS/…``.

Classes are numbered in the order of their names; all pictures have one size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image  # pillow comes with matplotlib

from evonas.errors import DataError, nearest
from evonas.training.datasets.arrays import Raw
from evonas.training.datasets.pictures import damaged, stacked

SUFFIXES = (".png", ".jpg", ".jpeg")


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    return (Path(source).expanduser() / "train").is_dir()


def read(source: str) -> tuple[Raw, Raw | None]:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    classes = _classes(folder / "train")
    training = _read(folder / "train", classes)
    return training, _read(folder / "test", classes) if (folder / "test").is_dir() else None


def _classes(folder: Path) -> list[str]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise DataError(
            f"a folder for each class in {folder}", found="none", remedy="sort the pictures into train/CLASS/"
        )
    return names


def _read(folder: Path, classes: Sequence[str]) -> Raw:
    paths, labels = [], []
    for name in _classes(folder):
        if name not in classes:
            raise DataError(
                f"only classes of the training pictures in {folder}",
                found=repr(name),
                remedy=nearest(name, classes),
            )
        members = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES)
        if not members:
            raise DataError(
                f"pictures ({', '.join(SUFFIXES)}) in {folder / name}",
                found="none",
                remedy="add some, or delete the folder of that class",
            )
        paths += members
        labels += [classes.index(name)] * len(members)
    return stacked(_opened(paths)), np.array(labels)


def _opened(paths: Sequence[Path]) -> Iterator[tuple[str, Image.Image]]:
    for path in paths:
        try:
            with Image.open(path) as picture:
                yield str(path), picture
        except PermissionError:
            raise
        except Exception as error:  # pillow tells damage by many kinds
            raise damaged(str(path), error) from error
