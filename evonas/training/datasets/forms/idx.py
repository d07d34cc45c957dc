"""A folder of IDX files, as MNIST, Fashion-MNIST and EMNIST come: ``train-images-idx3-ubyte`` and so on, maybe gzipped.

Programs that unpack them write ``train-images.idx3-ubyte``, too; the test set is ``t10k`` or ``test``.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.npz import check_room

NAME = re.compile(r"(?:.*[-_.])?(train|t10k|test)[-_.](images|labels)[-_.]idx[13][-_.]ubyte(?:\.gz)?", re.IGNORECASE)


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return path.is_dir() and any(path.glob("*ubyte*"))


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    del settings
    folder = Path(source).expanduser()
    training, test = (
        (_idx(folder, splits, "images"), _idx(folder, splits, "labels")) for splits in (("train",), ("t10k", "test"))
    )
    return Parts(training, test)


def _idx(folder: Path, splits: tuple[str, ...], what: str) -> NDArray[np.uint8]:
    """Read one IDX file: two zero bytes, type 8 (uint8), the number of axes, each length as 4 bytes, the data."""
    n_axes = 3 if what == "images" else 1
    named = {path: NAME.fullmatch(path.name) for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
    found = [
        path
        for path, match in named.items()
        if match and match[1].lower() in splits and match[2].lower() == what and path.is_file()
    ]
    distinct = {path.name.removesuffix(".gz"): path for path in reversed(found)}  # what is unpacked, too, is read
    if len(distinct) != 1:
        raise DataError(
            f"one IDX file {splits[0]}-{what}-idx{n_axes}-ubyte, gzipped or not, in {folder}",
            found=", ".join(path.name for path in (found or list(named))[:8]) or "an empty folder",
            remedy="give each set of files a folder of its own, or point source under [data] at an .npz file",
        )
    path = next(iter(distinct.values()))
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as file:
            head = file.read(4 + 4 * n_axes)
            if head[:4] != bytes([0, 0, 8, n_axes]) or len(head) < 4 + 4 * n_axes:
                raise ValueError(f"{len(head)} bytes that begin with {head[:4].hex(' ')}")
            shape = tuple(map(int, np.frombuffer(head[4:], ">u4")))
            check_room(math.prod(shape), path)
            content = file.read(math.prod(shape) + 1)  # what is packed may be of any size
        return np.frombuffer(content, np.uint8).reshape(shape).copy()  # torch wants memory it may write to
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(
            f"a complete IDX file of uint8 with {n_axes} axes at {path}",
            found=str(error),
            remedy="copy or download the file again",
        ) from error
