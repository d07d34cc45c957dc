"""Files that are either complete or not there, what identifies their content, and what of them memory can hold."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

CONTAINER = Path("/sys/fs/cgroup/memory.max")
UNKNOWN = 1 << 40  # bytes, where nobody says how much memory there is


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; text as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # another process may be writing the same file
    try:
        partial.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this hash."""
    return path.is_file() and file_hash(path) == sha256


def most_memory() -> int:
    """Bytes that this process may hold at most: of the machine, or of its container, which may be less."""
    known = [UNKNOWN]
    try:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        known.append(int(CONTAINER.read_text(encoding="ascii")))
    except (AttributeError, OSError, ValueError):  # not on this system, or "max"
        pass
    return min(one for one in known if one > 0)


def is_special(path: Path) -> bool:
    """Whether it is neither a file nor a folder: to open a pipe or a device may wait without end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
