"""Folders of pictures, one for each class: ``train/CLASS/…``, with ``val/`` and ``test/``, or no splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from evonas.config.sections import DataConfig
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.folders.pictures import Labelled, Opened, picture_parts
from evonas.training.datasets.forms.folders.walking import PICTURES, ClassFiles, class_folders, first_file, has_training

KEYS = ("groups",)
"""Of ``[data]``, those that tell of folders."""


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    return folder.is_dir() and (has_training(folder) or first_file(folder, PICTURES.suffixes) is not None)


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    found = class_folders(Path(source).expanduser(), PICTURES, settings)
    training, test, heldout = (None if one is None else _labelled(one) for one in found.parts)
    assert training is not None
    return picture_parts(training, test, heldout, settings=settings, classes=found.classes, groups=found.groups)


def _labelled(files: ClassFiles) -> Labelled:
    return _opened(files.paths), files.labels


def _opened(paths: Sequence[Path]) -> Iterator[tuple[str, Opened]]:
    for path in paths:
        yield str(path), lambda path=path: _loaded(path)  # type: ignore[misc]


def _loaded(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        if getattr(picture, "n_frames", 1) == 1:  # of several frames, none is decoded
            picture.load()
        return picture
