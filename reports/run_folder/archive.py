"""Connections to a run's archive: one per call, one kept while a search writes, one that only reads.

Between searches an archive is one file in SQLite's own form for that (a rollback journal): it can be copied, moved and
read from where nothing may be written. It is in WAL mode while a search writes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reports.run_folder.seal import SEAL_OFF, seal

WAL_PAGES = 16_000  # 64 MB, then they move into the archive, which waits for the disk: rarely, not every 300 appends


RESTORE = "restore it from a copy, or start the run again"
OF_THE_MACHINE = ("full", "locked", "readonly", "unable to open", "disk i/o")
"""Words of SQLite's messages that say nothing about what an archive holds."""


class NotARunFolderError(Exception):
    """A folder that holds no run, or one that this version cannot read.

    Args:
        found: What is there instead.
        remedy: What to do about it.
    """

    def __init__(self, found: str, *, remedy: str = "check the path; runs lie under runs/") -> None:
        super().__init__(found)
        self.remedy = remedy


class Archive:
    """An SQLite file.

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
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            with connection:
                connection.execute(SEAL_OFF)
            self._kept[who] = connection
            yield
        finally:
            self._kept.pop(who, None)
            with suppress(sqlite3.OperationalError):  # somebody else is at it, and will do the same at the end
                connection.execute("PRAGMA busy_timeout=0")
                connection.execute("PRAGMA journal_mode=DELETE")
                seal(connection)
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction."""
        kept = self._kept.get(_who())
        if kept is not None:
            with kept:
                yield kept
            return
        with closing(self._connect()) as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(SEAL_OFF)
                yield connection
            with suppress(sqlite3.OperationalError):
                seal(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; it needs no right to write, neither to the file nor to its folder.

        Raises:
            NotARunFolderError: It is damaged, or no archive.
        """
        kept = self._kept.get(_who())
        try:
            if kept is not None:
                yield kept
                return
            with self._looking() as connection:
                yield connection
        except sqlite3.OperationalError as error:
            if any(word in str(error).lower() for word in OF_THE_MACHINE):
                raise
            raise NotARunFolderError(f"{self.path}: {error}", remedy=RESTORE) from error
        except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
            raise NotARunFolderError(f"{self.path}: {error}", remedy=RESTORE) from error

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        if os.access(self.path.parent, os.W_OK) and os.access(self.path, os.W_OK):
            with closing(self._connect()) as connection:
                if _is_open(connection):
                    yield connection
                    return
        # Files beside the archive cannot be made. Where there are none, the archive is whole and nobody writes to it;
        # else a copy is read.
        if not any(map(Path.exists, self._beside())):
            address = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
            with closing(sqlite3.connect(address, uri=True)) as connection:
                yield connection
            return
        with tempfile.TemporaryDirectory() as folder:
            for file in (self.path, *self._beside()):
                if file.is_file():
                    shutil.copyfile(file, Path(folder) / file.name)
            with closing(sqlite3.connect(Path(folder) / self.path.name)) as connection:
                yield connection

    def _beside(self) -> list[Path]:
        return [self.path.with_name(f"{self.path.name}{suffix}") for suffix in ("-wal", "-shm", "-journal")]

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)


def make_archive(path: Path, fill: Callable[[sqlite3.Connection], None], *, beside: tuple[Path, str]) -> None:
    """Make an archive, and a file beside it: the archive is complete or not there, and never without that file.

    Args:
        path: Where the archive will be.
        fill: Makes its tables.
        beside: Another file, and its content.

    Raises:
        FileExistsError: There is one; nothing of it is changed.
    """
    other, text = beside
    partial, partial_other = (one.with_name(f"{one.name}.{os.getpid()}.partial") for one in (path, other))
    partial.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(partial)) as connection:
            with connection:
                fill(connection)
            seal(connection)
        with partial_other.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            raise FileExistsError(f"{path.parent} holds a run")
        _move_to_nothing(partial_other, other)  # first, so that no archive is without it
        _move_to_nothing(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        partial_other.unlink(missing_ok=True)


def _move_to_nothing(source: Path, target: Path) -> None:
    """Rename a file where nothing is there yet.

    Raises:
        FileExistsError: Something is.
    """
    try:
        os.link(source, target)  # unlike a rename, this never replaces a file
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        source.rename(target)


def _is_open(connection: sqlite3.Connection) -> bool:
    """Whether an archive can be read so; its files beside it may want room, or rights, that are not there."""
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def _who() -> tuple[int, int]:
    """This process and this thread: a connection of SQLite must cross neither a fork nor, in Python, threads."""
    return os.getpid(), threading.get_ident()
