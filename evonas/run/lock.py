"""Locks: one process at a time works in a folder, and a new run's folder belongs to one process from the start."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from evonas.errors import RunFolderError
from reports.run_folder.schema import ARCHIVE, RUN_FILE

if sys.platform != "win32":
    import fcntl

PATIENCE = 20.0  # seconds: workers whose batch was killed need a moment to see it
MOST_BYTES = 440  # of a folder's path: SQLite takes 512 with the names of files in it
CLAIM = ".claim"
DATA = "data.npz"
"""Images of a run that were given as arrays."""
OF_A_BEGINNING = (RUN_FILE, DATA)
BEGINNINGS = (CLAIM, ".partial")  # suffixes of files of a process that was killed before its archive was complete
BEGUN = "what lies beside this file was made by a search that has no archive yet\n"
"""Content of a claim on a folder that held nothing else: if its process is killed, all that lies there is its own."""


@contextmanager
def alone_with(file: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Reserve a folder by a lock on one of its files, which is not changed; the lock ends with this process.

    Args:
        file: One that every process which works in the folder locks; such as ``run.toml``. Made if it is not there;
            whoever holds the lock may delete it.
        patience: Seconds to wait for another process.

    Raises:
        RunFolderError: Another process is still at work there.
    """
    until = time.monotonic() + patience
    while True:
        with file.open("a+b") as opened:
            if _is_locked(opened.fileno()) and _is_there(opened.fileno(), file):
                yield
                return
        if time.monotonic() > until:
            raise RunFolderError(
                f"{file.parent} to work in alone",
                found="another process at work there",
                remedy="wait until it is done, or end it",
            )
        time.sleep(0.05)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Reserve a new folder until it holds a run; a folder that was made here and stays empty is removed.

    Raises:
        RunFolderError: It holds files already, another process has claimed it, or it cannot be made.
    """
    try:
        is_new = not folder.exists()
        if len(os.fsencode(folder.resolve())) > MOST_BYTES:
            raise OSError(f"its whole path has more than {MOST_BYTES} bytes")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CLAIM).touch()
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise RunFolderError(
            f"a folder that can be written to at {folder}", found=str(error), remedy="choose another one with --out"
        ) from error
    try:
        with alone_with(folder / CLAIM, patience=0.0):
            try:
                if found := _kept(folder):
                    is_new = False
                    resume = f", or resume it: evonas resume {quote(str(folder))}" if ARCHIVE in found else ""
                    raise RunFolderError(
                        "a new or empty folder for the run",
                        found=f"files in {folder}",
                        remedy=f"choose another folder with --out{resume}",
                    )
                (folder / CLAIM).write_text(BEGUN, encoding="utf-8")
                yield
            finally:
                (folder / CLAIM).unlink(missing_ok=True)
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def is_beginning(folder: Path) -> bool:
    """Whether a folder holds nothing but what a search made that was killed before it had an archive."""
    claim = folder / CLAIM
    try:
        return not (folder / ARCHIVE).exists() and claim.read_text(encoding="utf-8") == BEGUN
    except (OSError, UnicodeDecodeError):
        return False


def _kept(folder: Path) -> list[str]:
    """Files that a new run must not touch; those of a mere beginning are deleted."""
    entries = [entry for entry in folder.iterdir() if not entry.name.endswith(BEGINNINGS)]
    if not is_beginning(folder) or any(entry.name not in OF_A_BEGINNING for entry in entries):
        return [entry.name for entry in entries]
    for entry in folder.iterdir():
        if entry.name != CLAIM:
            entry.unlink()
    return []


def new_folder(name: str) -> Path:
    """Make the folder of a run without ``out``: ``runs/NAME-YYYYMMDD-HHMMSS``, then ``-2`` and so on."""
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        folder = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunFolderError(
                f"a folder that can be written to at {folder}", found=str(error), remedy="choose another one with --out"
            ) from error
        return folder
    raise RunFolderError(f"a new folder runs/{stem}", found="a thousand of them", remedy="name one with --out")


def _is_there(number: int, file: Path) -> bool:
    """Whether an open file is the one of this name: the process that held the lock before may have deleted it."""
    try:
        return os.path.samestat(os.fstat(number), file.stat())
    except FileNotFoundError:
        return False


def _is_locked(number: int) -> bool:
    if sys.platform == "win32":  # there nothing keeps two processes apart
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
