"""A folder of ``.npy`` files that are named as the arrays of an ``.npz`` file: ``X.npy`` and ``y.npy``, and so on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.named_arrays import named_parts
from evonas.training.datasets.forms.npz import DAMAGE, unreadable

REMEDY = "name the files x_train.npy, y_train.npy, x_test.npy and y_test.npy, or images.npy and labels.npy"


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return (path.suffix == ".npy" and path.is_file()) or (path.is_dir() and bool(_files(path)))


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    if path.is_file():
        raise DataError(
            "a folder of .npy files, one of inputs and one of labels",
            found=f"the file {path.name}",
            remedy=f"set source = {str(path.parent)!r} under [data], and {REMEDY}",
        )
    return named_parts({file.stem: _loaded(file) for file in _files(path)}, str(path), settings, remedy=REMEDY)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.npy") if file.is_file() and not file.name.startswith("."))


def _loaded(path: Path) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    except PermissionError:
        raise
    except DAMAGE as error:
        raise unreadable(path, error) from error
    return array
