"""A folder of IDX files, as MNIST and Fashion-MNIST come: ``train-images-idx3-ubyte`` and so on, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError
from evonas.training.datasets.arrays import Raw


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return path.is_dir() and any(path.glob("*-ubyte*"))


def read(source: str) -> tuple[Raw, Raw]:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    folder = Path(source).expanduser()
    training, test = (
        (_idx(folder, f"{prefix}-images-idx3-ubyte"), _idx(folder, f"{prefix}-labels-idx1-ubyte"))
        for prefix in ("train", "t10k")
    )
    return training, test


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file: two zero bytes, type 8 (uint8), the number of axes, each length as 4 bytes, the data."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            raw = path.read_bytes()
            break
    else:
        raise DataError(
            f"the IDX file {name} or {name}.gz in {folder}",
            found=", ".join(sorted(entry.name for entry in folder.iterdir())[:8]),
            remedy="point source under [data] at a folder of MNIST-like files, or at an .npz file",
        )
    n_axes = 3 if "images" in name else 1
    header = 4 + 4 * n_axes
    try:
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        if raw[:4] != bytes([0, 0, 8, n_axes]) or len(raw) < header:
            raise ValueError(f"{len(raw)} bytes that begin with {raw[:4].hex(' ')}")
        shape = tuple(np.frombuffer(raw[4:header], ">u4").astype(int))
        return np.frombuffer(raw[header:], np.uint8).reshape(shape).copy()  # torch wants memory it may write to
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(
            f"a complete IDX file of uint8 with {n_axes} axes at {path}",
            found=str(error),
            remedy="copy or download the file again",
        ) from error
