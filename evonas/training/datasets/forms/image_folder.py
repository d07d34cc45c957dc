"""Folders of pictures, one for each class: ``train/CLASS/…``, with ``val/`` and ``test/`` if there are, or no splits.

Classes are numbered in the order of their names. Pictures may lie in folders below that of their class. Hidden files
and those that systems leave behind do not count; whatever else is no picture is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning, nearest
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.pictures import Labelled, Opened, picture_parts

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
TRAIN, HELDOUT, TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")
LEFT_BY_SYSTEMS = ("__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini", "lost+found", "$recycle.bin")


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return False
    return _split(folder, TRAIN) is not None or any(
        path.suffix.lower() in SUFFIXES for entry in _folders(folder) for path in _files(entry)
    )


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    training = _split(folder, TRAIN)
    others = [_split(folder, names) for names in (TEST, HELDOUT)]
    if training is None and any(others):
        raise DataError(
            f"a folder train beside {' and '.join(one.name for one in others if one)} in {folder}",
            found=", ".join(entry.name for entry in _folders(folder)),
            remedy="name the folder of the training pictures train",
        )
    splits = [training or folder, *others]
    _tell_left_out(folder, [one for one in splits if one is not None] if training else [])
    classes = _classes(splits[0] or folder)
    training_files, test_files, heldout_files = (None if one is None else _of_split(one, classes) for one in splits)
    assert training_files is not None
    return picture_parts(training_files, test_files, heldout_files, settings=settings, classes=tuple(classes))


def _split(folder: Path, names: Sequence[str]) -> Path | None:
    return next((entry for entry in _folders(folder) if entry.name.lower() in names), None)


def _counts(path: Path) -> bool:
    """Whether it is neither hidden nor left by a system."""
    return not path.name.startswith(".") and path.name.lower() not in LEFT_BY_SYSTEMS


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and _counts(entry))


def _files(folder: Path) -> Iterator[Path]:
    """All files at and below a folder, in the order of their names."""
    for entry in sorted(folder.iterdir()):
        if not _counts(entry):
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _classes(folder: Path) -> list[str]:
    names = [entry.name for entry in _folders(folder)]
    if not names:
        raise DataError(
            f"a folder for each class in {folder}", found="none", remedy="sort the pictures into train/CLASS/"
        )
    return names


def _of_split(folder: Path, classes: Sequence[str]) -> Labelled:
    """Pictures of a split, with the numbers of their classes."""
    paths: list[Path] = []
    labels: list[int] = []
    strange = [entry for entry in folder.iterdir() if entry.is_file() and _counts(entry)]
    for name in _classes(folder):
        if name not in classes:
            raise DataError(
                f"only classes of the training pictures in {folder}",
                found=repr(name),
                remedy=nearest(name, classes),
            )
        found = list(_files(folder / name))
        members = [path for path in found if path.suffix.lower() in SUFFIXES]
        strange += [path for path in found if path.suffix.lower() not in SUFFIXES]
        if not members:
            raise DataError(
                f"pictures ({', '.join(SUFFIXES)}) in {folder / name}",
                found=", ".join(path.name for path in found[:3]) or "none",
                remedy="add some, or move the folder elsewhere if it is no class",
            )
        paths += members
        labels += [classes.index(name)] * len(members)
    if strange:
        _warn(f"left out, since they are no pictures of a class: {len(strange)} in {folder}, such as {strange[0]}")
    return _opened(paths), np.array(labels)


def _tell_left_out(folder: Path, splits: Sequence[Path]) -> None:
    """Whatever lies beside the splits."""
    others = [entry.name for entry in _folders(folder) if entry not in splits] if splits else []
    if others:
        _warn(f"folders in {folder} that are no split are left out: {', '.join(others[:5])}")


def _opened(paths: Sequence[Path]) -> Iterator[tuple[str, Opened]]:
    for path in paths:
        yield str(path), lambda path=path: _loaded(path)  # type: ignore[misc]


def _loaded(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        if getattr(picture, "n_frames", 1) == 1:  # of several frames, none is decoded
            picture.load()
        return picture


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=3)
