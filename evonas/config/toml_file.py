"""TOML files, read so that none costs more than it is worth: bounded in size, in depth and in what a mistake says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from evonas.errors import RunFileError

MOST_BYTES = 1_000_000
"""Of a run file or a plan: a complete one has 5,000."""
MOST_BYTES_STORED = 100_000_000
"""Of a batch as it is stored: each of its runs complete."""
MOST_PARTS = 32
# the reader of the standard library needs memory that grows with the square of a key's parts
LONG_KEY = re.compile(rf"""(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}[\w"'-]""", re.ASCII)


def read_toml(path: Path, *, wanted: str, form: str, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a TOML file; one that begins with a byte order mark, too.

    Args:
        path: The file.
        wanted: What it should be, for messages.
        form: The document that shows its form, for messages.
        most: Bytes that it may have.

    Raises:
        RunFileError: No such file, or not TOML.
    """
    try:
        content = _content(path, wanted, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RunFileError(
            f"{wanted} in UTF-8", found=f"{path}: {error}", remedy="save it in that encoding, or check the path"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise RunFileError(f"{wanted} that can be read", found=f"{path}: {error}", remedy="check the path") from error
    if LONG_KEY.search(content):
        raise RunFileError(
            f"{wanted} whose keys have at most {MOST_PARTS} parts",
            found=f"{path}: a key with more",
            remedy=f"shorten it; {form} shows the form",
        )
    try:
        return tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        found = "values within values, too deep" if isinstance(error, RecursionError) else str(error)
        raise RunFileError(
            f"{wanted} in TOML", found=f"{path}: {found}", remedy=f"correct that line; {form} shows the form"
        ) from error


def _content(path: Path, wanted: str, most: int) -> bytes:
    if path.exists() and not path.is_file():  # to open a pipe would wait for whoever writes to it
        raise RunFileError(f"{wanted} that can be read", found=f"{path}, which is no file", remedy="check the path")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise RunFileError(
            f"{wanted} of at most {most:,} bytes", found=f"{path}, which is larger", remedy="check the path"
        )
    return content
