"""Files of tables as columns of plain arrays, by name; pandas reads them."""

from __future__ import annotations

import gzip
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError
from evonas.files import most_memory
from evonas.plugins import resolve
from evonas.training.datasets.forms.npz import check_room

EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "#N/A")
"""What says in a column of numbers that there is none; in a column of labels only the empty cell does."""


class Column(NamedTuple):
    """A column of a table."""

    values: NDArray[Any]
    """``(n,)``: numbers, truth values, or texts; of anything else its text."""
    is_missing: NDArray[np.bool_]
    """``(n,)``: which cells are empty or NaN."""


Columns = dict[str, Column]


def columns_of(path: Path, apart: Callable[[list[str]], list[str]]) -> Columns:
    """Read a table.

    Args:
        path: A ``.csv`` or ``.tsv`` file, gzipped or not, or a ``.parquet`` file.
        apart: Of all names of columns those whose cells are names, where a text such as NA is one, too.

    Raises:
        DataError: It cannot be read, has no header, or a column's name is empty or stands there twice.
    """
    frame = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path, apart)
    if not len(frame):
        raise DataError(f"rows in {path}", found="none", remedy="add examples")
    return {str(name): _column(frame[name]) for name in frame.columns}


def _text(path: Path, apart: Callable[[list[str]], list[str]]) -> Any:
    read_csv = resolve("pandas:read_csv")  # slow to load, and workers never read tables
    if path.suffix.lower() == ".gz":
        check_room(_unpacked(path), path)
    separator = "\t" if ".tsv" in path.name.lower() else ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # rows that are too long are told in a warning only
            options = {"sep": separator, "encoding": "utf-8-sig", "keep_default_na": False, "low_memory": False}
            header = read_csv(path, header=None, nrows=1, dtype=str, **options)
            names = [str(name) for name in header.iloc[0]]
            _check_header(names, path)
            of_names = set(apart(names))
            empty = {name: [""] if name in of_names else list(EMPTY) for name in names}
            return read_csv(path, na_values=empty, index_col=False, **options)
    except PermissionError:
        raise
    except (OSError, ValueError, EOFError, zlib.error, Warning) as error:
        raise DataError(
            f"a table with a header and rows of one length at {path}",
            found=(str(error).strip().splitlines() or [type(error).__name__])[0],
            remedy="correct the file; columns are separated by tabs in .tsv and by commas in .csv, texts are UTF-8",
        ) from error


def _unpacked(path: Path) -> int:
    """Bytes of what is packed, counted up to what memory can hold."""
    n_bytes = 0
    try:
        with gzip.open(path) as file:
            while (part := len(file.read(1 << 24))) and n_bytes <= most_memory():
                n_bytes += part
    except (OSError, EOFError, zlib.error):
        return 0  # whoever reads it tells of that
    return n_bytes


def _check_header(names: list[str], path: Path) -> None:
    unnamed = [str(index + 1) for index, name in enumerate(names) if not name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1} - {""})
    if unnamed or twice:
        raise DataError(
            f"a name of its own for each column of {path}",
            found=f"no name in column {', '.join(unnamed[:5])}" if unnamed else f"twice: {', '.join(twice[:5])}",
            remedy="name it; pandas leaves its index out with to_csv(path, index=False)",
        )
    if all(map(_is_number, names)):
        raise DataError(
            f"names of the columns in the first row of {path}",
            found=", ".join(names[:5]),
            remedy="put a row of names above, such as label,p0,p1",
        )
    if len(names) < 2:
        raise DataError(
            f"columns of numbers and one of labels in {path}",
            found=names[0][:80],
            remedy="separate columns by tabs in .tsv and by commas in .csv",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> Any:
    try:
        frame = resolve("pandas:read_parquet")(path)
    except ImportError as error:
        raise DataError(
            f"the package pyarrow or fastparquet, for {path}",
            found=str(error).splitlines()[0],
            remedy="pip install pyarrow, or save the table as .csv",
        ) from error
    except PermissionError:
        raise
    except Exception as error:  # of one of two libraries, which document no common class
        raise DataError(
            f"a readable .parquet file at {path}",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="copy or save the file again",
        ) from error
    _check_header([str(name) for name in frame.columns], path)
    return frame.reset_index() if frame.index.name is not None else frame


def _column(series: Any) -> Column:
    is_missing = series.isna().to_numpy(dtype=bool)
    values = series.to_numpy()
    if values.dtype == object or values.dtype.kind not in "biuf":
        plain = [value for value in series[~is_missing].tolist() if not isinstance(value, str)]
        if (
            plain
            and all(isinstance(value, (bool, int, float)) for value in plain)
            and len(plain) == (~is_missing).sum()
        ):
            filled = series.where(~is_missing, 0).tolist()  # nullable columns come as objects
            return Column(np.array(filled), is_missing)
        values = np.array(["" if missing else str(value) for value, missing in zip(series, is_missing, strict=True)])
    return Column(values, is_missing)
