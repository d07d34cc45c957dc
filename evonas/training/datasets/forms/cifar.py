"""A folder of CIFAR-10's or CIFAR-100's binary version.

A record is a label byte (CIFAR-100: a coarse and a fine one, of which the fine one counts), then 1,024 bytes each of
red, green and blue. CIFAR-10 has ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, CIFAR-100
``train.bin`` and ``test.bin``.

References:
    Krizhevsky 2009, "Learning multiple layers of features from tiny images"; the layout is that of its web page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.npz import check_room

SIDE = 32
PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True)
class Version:
    """One of the two data sets: its files, the label bytes per record, its classes."""

    training: tuple[str, ...]
    test: str
    label_bytes: int
    classes: int


VERSIONS = (
    Version(tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin", label_bytes=1, classes=10),
    Version(("train.bin",), "test.bin", label_bytes=2, classes=100),
)


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    return _version(Path(source).expanduser()) is not None


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    del settings
    folder = Path(source).expanduser()
    version = _version(folder)
    assert version is not None
    parts = [_records(folder / name, version) for name in version.training]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Parts((images, labels), _records(folder / version.test, version))


def _version(folder: Path) -> Version | None:
    found = (one for one in VERSIONS if any((folder / name).is_file() for name in (*one.training, one.test)))
    return next(found, None)


def _records(path: Path, version: Version) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images ``(n, 32, 32, 3)`` and labels ``(n,)`` of one file."""
    if not path.is_file():
        raise DataError(
            f"the file {path.name} in {path.parent}",
            found=", ".join(sorted(entry.name for entry in path.parent.iterdir())[:8]),
            remedy="copy or download the whole binary version",
        )
    check_room(path.stat().st_size, path)
    raw, record = np.frombuffer(path.read_bytes(), np.uint8), version.label_bytes + PIXELS
    if not len(raw) or len(raw) % record:
        raise DataError(
            f"whole records of {record:,} bytes in {path}",
            found=f"{len(raw):,} bytes",
            remedy="copy or download the file again",
        )
    rows = raw.reshape(-1, record)
    labels = rows[:, version.label_bytes - 1].astype(np.int64)
    if labels.max() >= version.classes:
        raise DataError(
            f"labels from 0 to {version.classes - 1} in {path}",
            found=f"{labels.max()} in record {labels.argmax()}",
            remedy="copy or download the file again; it must be the binary version",
        )
    return rows[:, version.label_bytes :].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels
