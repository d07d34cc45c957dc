"""An ``.npz`` file with arrays of inputs and labels by name."""

from __future__ import annotations

import zlib
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.files import most_memory
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.named_arrays import named_parts

REMEDY = "save it with numpy.savez(path, images=..., labels=..., test_images=..., test_labels=...)"
DAMAGE = (
    *(OSError, ValueError, EOFError, TypeError, RuntimeError, MemoryError, BadZipFile, zlib.error),
    *(SyntaxError, TokenError),  # of headers, which are texts
)


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return path.suffix == ".npz" and path.is_file()


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            check_room(sum(member.file_size for member in archive.zip.infolist()), path)
            arrays = {name: archive[name] for name in archive.files}
            if odd := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
                raise ValueError(f"what is no array: {', '.join(odd[:5])}")
    except PermissionError:
        raise
    except DAMAGE as error:
        raise unreadable(path, error) from error
    return named_parts(arrays, str(path), settings, remedy=REMEDY)


def check_room(n_bytes: int, path: Path) -> None:
    """Refuse what no memory here holds before it is read: a small file may unpack to any size.

    Raises:
        DataError: It is larger.
    """
    if n_bytes > most_memory():
        raise DataError(
            f"data that memory can hold in {path}",
            found=f"{n_bytes / 1e9:,.0f} GB",
            remedy="save fewer or smaller examples; limit under [data] takes some, but all are read",
        )


def unreadable(path: Path, error: Exception) -> DataError:
    """What is wrong with a file of NumPy that cannot be read."""
    wanted = "arrays of plain numbers" if "pickle" in str(error) else f"a readable {path.suffix} file"
    return DataError(
        f"{wanted} in {path}",
        found=(str(error).splitlines() or [type(error).__name__])[0],
        remedy="save it again as an array of numbers or texts, with numpy.savez or numpy.save",
    )
