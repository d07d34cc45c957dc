"""A checksum of an archive within it, so that a number that was flipped on a disk or changed by hand does not pass."""

from __future__ import annotations

import sqlite3
import zlib

SEAL_OFF = "PRAGMA user_version=0"
"""While somebody writes, and after a process was killed, there is none."""
CHANGING = ((18, 20), (24, 28), (60, 64), (92, 100))
"""Bytes of SQLite's header that tell of the last write and of the seal itself: mode, counters, seal, version."""


def seal(connection: sqlite3.Connection) -> None:
    """Store the checksum of all that an archive holds, unless another process is writing to it."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")  # whoever writes next takes the seal off first
        connection.execute(f"PRAGMA user_version={checksum(connection)}")


def is_sealed(connection: sqlite3.Connection) -> bool:
    """Whether an archive says what it should hold."""
    return bool(connection.execute("PRAGMA user_version").fetchone()[0])


def is_as_sealed(connection: sqlite3.Connection) -> bool:
    """Whether a sealed archive holds what it was sealed with, to the bit."""
    connection.execute("BEGIN")
    try:
        (stored,) = connection.execute("PRAGMA user_version").fetchone()
        return not stored or bool(stored == checksum(connection))
    finally:
        connection.rollback()


def checksum(connection: sqlite3.Connection) -> int:
    """CRC-32 of an archive's pages, without what every write changes, as a positive number of 31 bits."""
    content = bytearray(connection.serialize())
    for start, end in CHANGING:
        content[start:end] = bytes(end - start)
    return (zlib.crc32(content) & 0x7FFFFFFF) or 1
