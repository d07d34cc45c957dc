"""One process at a time works in a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evonas.errors import RunFolderError

if sys.platform != "win32":
    import fcntl

PATIENCE = 20.0  # seconds: workers whose batch was killed need a moment to see it


@contextmanager
def alone_with(file: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Keep a folder to oneself by a lock on a file of it, which stays as it is; the lock ends with this process.

    Args:
        file: One that every process which works in the folder locks; such as ``run.toml``.
        patience: Seconds to wait for another process.

    Raises:
        RunFolderError: Another process is still at work there.
    """
    with file.open("r+b") as opened:
        until = time.monotonic() + patience
        while not _is_locked(opened.fileno()):
            if time.monotonic() > until:
                raise RunFolderError(
                    f"{file.parent} to work in alone",
                    found="another process at work there",
                    remedy="wait until it is done, or end it",
                )
            time.sleep(0.05)
        yield


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
