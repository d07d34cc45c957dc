"""Files that are either complete or not there; tables in them that no spreadsheet takes for formulas."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; text as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # another process may be writing the same file
    try:
        partial.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV; a text that a spreadsheet would compute gets an apostrophe before it."""
    columns = [table.iloc[:, place] for place in range(table.shape[1])]
    guarded = [one if is_numeric_dtype(one) else one.map(_guarded) for one in columns]
    written = pd.DataFrame(dict(enumerate(guarded)), index=table.index)
    return written.to_csv(index=False, header=[_guarded(str(name)) for name in table.columns])


def _guarded(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
