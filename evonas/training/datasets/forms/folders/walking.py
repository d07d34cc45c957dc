"""Folders with a folder for each class, with splits above them or without: their files, classes and groups.

Classes are numbered in the order of their names. Files may lie in folders below that of their class. Hidden files and
those that systems leave behind do not count; whatever else is of another kind is told.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning, nearest
from evonas.files import is_special
from evonas.training.datasets.arrays import Groups

TRAIN, HELDOUT, TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")
LEFT_BY_SYSTEMS = ("__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini", "lost+found", "$recycle.bin")


MOST_LEVELS = 64


class Kind(NamedTuple):
    """What files are looked for."""

    name: str
    """In the plural, for messages."""
    suffixes: tuple[str, ...]


PICTURES = Kind(
    "pictures",
    (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
RECORDINGS = Kind("recordings", (".wav", ".wave"))


class ClassFiles(NamedTuple):
    """Files of a split."""

    paths: list[Path]
    labels: NDArray[np.int64]
    """``(n,)`` numbers of classes."""
    groups: NDArray[np.str_] | None
    """``(n,)`` names."""


class ClassFolders(NamedTuple):
    """A data set of files."""

    parts: tuple[ClassFiles, ClassFiles | None, ClassFiles | None]
    """For training, test and held-out."""
    classes: tuple[str, ...]

    @property
    def groups(self) -> Groups | None:
        """Groups of all files, where the run file names a pattern."""
        training, *others = self.parts
        if training.groups is None:
            return None
        return Groups(training.groups, *(None if one is None else one.groups for one in others))


def class_folders(folder: Path, kind: Kind, settings: DataConfig) -> ClassFolders:
    """Find the files of a data set, in the order of classes and names.

    Args:
        folder: Holds folders of classes, or folders ``train``, ``test`` and ``val`` that do.
        kind: What counts.
        settings: The run file's ``[data]``: ``groups``.

    Raises:
        DataError: There is no training set, a class without files, or a class of other splits alone; or the pattern of
            groups does not match.
    """
    training = _split(folder, TRAIN)
    others = [_split(folder, names) for names in (TEST, HELDOUT)]
    if training is None and any(others):
        raise DataError(
            f"a folder train beside {' and '.join(one.name for one in others if one)} in {folder}",
            found=", ".join(entry.name for entry in _folders(folder)),
            remedy=f"name the folder of the training {kind.name} train",
        )
    _tell_left_out(folder, [one for one in (training, *others) if one is not None] if training else [])
    classes = _classes(training or folder, kind)
    pattern = _pattern(settings.groups)

    def files(one: Path) -> ClassFiles:
        paths, labels = _of_split(one, classes, kind)
        groups = None if pattern is None else np.array([_group(pattern, path, folder) for path in paths])
        return ClassFiles(paths, labels, groups)

    first = files(training or folder)
    test, heldout = (None if one is None else files(one) for one in others)
    return ClassFolders((first, test, heldout), tuple(classes))


def has_training(folder: Path) -> bool:
    """Whether a folder holds one of training files."""
    return _split(folder, TRAIN) is not None


def first_file(folder: Path, suffixes: tuple[str, ...]) -> Path | None:
    """The first file of one of these kinds in the folders below a folder."""
    found = (path for entry in _folders(folder) for path in _files(entry) if path.suffix.lower() in suffixes)
    return next(found, None)


def _pattern(groups: str) -> re.Pattern[str] | None:
    """The regular expression that finds a file's group."""
    if not groups:
        return None
    try:
        pattern = re.compile(groups)
    except re.error as error:
        found = str(error)
    else:
        if pattern.groups == 1:
            return pattern
        found = f"{pattern.groups} groups"
    raise DataError(
        f"a regular expression with one group in parentheses as groups under [data], not {groups!r}",
        found=found,
        remedy=r"mark the part of the path that names the group, such as '_(\w+)_' or 'speaker(\d+)/'",
    )


def _group(pattern: re.Pattern[str], path: Path, folder: Path) -> str:
    below = path.relative_to(folder).as_posix()
    found = pattern.search(below)
    if found is None or not found[1]:
        raise DataError(
            f"a group in the path of each file, as groups = {pattern.pattern!r} under [data] says",
            found=f"none in {below}",
            remedy="correct the expression or the name of the file",
        )
    return found[1]


def _split(folder: Path, names: Sequence[str]) -> Path | None:
    return next((entry for entry in _folders(folder) if entry.name.lower() in names), None)


def _counts(path: Path) -> bool:
    """Whether it is neither hidden nor left by a system."""
    return not path.name.startswith(".") and path.name.lower() not in LEFT_BY_SYSTEMS


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and _counts(entry))


def _files(folder: Path, seen: set[str] | None = None, level: int = 0) -> Iterator[Path]:
    """All files at and below a folder, in the order of their names; a folder that links lead to again counts once."""
    seen = set() if seen is None else seen
    seen.add(str(folder.resolve()))
    if level > MOST_LEVELS:
        raise DataError(f"at most {MOST_LEVELS} folders within each other", found=str(folder), remedy="move the files")
    for entry in sorted(folder.iterdir()):
        if not _counts(entry):
            continue
        if not entry.is_dir():
            yield entry
        elif str(entry.resolve()) not in seen:
            yield from _files(entry, seen, level + 1)


def _classes(folder: Path, kind: Kind) -> list[str]:
    names = [entry.name for entry in _folders(folder)]
    if not names:
        raise DataError(
            f"a folder for each class in {folder}", found="none", remedy=f"sort the {kind.name} into train/CLASS/"
        )
    return names


def _of_split(folder: Path, classes: Sequence[str], kind: Kind) -> tuple[list[Path], NDArray[np.int64]]:
    """Files of a split, with the numbers of their classes."""
    paths: list[Path] = []
    labels: list[int] = []
    strange = [entry for entry in folder.iterdir() if not entry.is_dir() and _counts(entry)]
    for name in _classes(folder, kind):
        if name not in classes:
            raise DataError(
                f"only classes of the training {kind.name} in {folder}",
                found=repr(name),
                remedy=nearest(name, classes),
            )
        found = list(_files(folder / name))
        members = [path for path in found if path.suffix.lower() in kind.suffixes and not is_special(path)]
        strange += [path for path in found if path.suffix.lower() not in kind.suffixes or is_special(path)]
        if not members:
            raise DataError(
                f"{kind.name} ({', '.join(kind.suffixes)}) in {folder / name}",
                found=", ".join(path.name for path in found[:3]) or "none",
                remedy="add some, or move the folder elsewhere if it is no class",
            )
        paths += members
        labels += [classes.index(name)] * len(members)
    if strange:
        _warn(f"left out, since they are no {kind.name} of a class: {len(strange)} in {folder}, such as {strange[0]}")
    return paths, np.array(labels)


def _tell_left_out(folder: Path, splits: Sequence[Path]) -> None:
    """Whatever lies beside the splits."""
    others = [entry.name for entry in _folders(folder) if entry not in splits] if splits else []
    if others:
        _warn(f"folders in {folder} that are no split are left out: {', '.join(others[:5])}")


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=3)
