"""Connections to a run's archive: one per call, one kept while a search writes, one that only reads."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAL_PAGES = 16_000  # 64 MB, then they move into the archive, which waits for the disk: rarely, not every 300 appends


class Archive:
    """An SQLite file in WAL mode.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[tuple[int, int], sqlite3.Connection] = {}  # by who opened it, see opened

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep one connection within this context, instead of one per call; may be nested.

        An append then takes microseconds, and is still a transaction of its own: whoever reads the archive sees it at
        once, and it outlives the death of this process. Threads and processes other than the one that entered the
        context open connections of their own, as everybody does outside it.
        """
        who = _who()
        if who in self._kept:
            yield
            return
        connection = self._connect()
        # In WAL mode, NORMAL leaves out the fsync of every commit, but the commit is with the operating system before
        # the call returns: a killed process loses nothing. A power cut may take the last commits, never the archive's
        # consistency, and a resumed run evaluates again what is missing.
        try:
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            self._kept[who] = connection
            yield
        finally:
            self._kept.pop(who, None)
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction."""
        kept = self._kept.get(_who())
        if kept is not None:
            with kept:
                yield kept
            return
        connection = self._connect()
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; it needs no right to write, neither to the file nor to its folder."""
        if self._kept.get(_who()) is not None or os.access(self.path.parent, os.W_OK):
            with self.writing() as connection:
                yield connection
            return
        # WAL needs files beside the archive. Where there are none, the archive is whole and nobody writes to it; else a
        # copy is read.
        if not self.path.with_name(f"{self.path.name}-wal").exists():
            yield from _looked_at(self.path)
            return
        with tempfile.TemporaryDirectory() as folder:
            for file in self.path.parent.glob(f"{self.path.name}*"):
                shutil.copyfile(file, Path(folder) / file.name)
            connection = sqlite3.connect(Path(folder) / self.path.name)
            try:
                yield connection
            finally:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)


def _looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def _who() -> tuple[int, int]:
    """This process and this thread: a connection of SQLite must cross neither a fork nor, in Python, threads."""
    return os.getpid(), threading.get_ident()
