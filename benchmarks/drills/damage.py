"""Ways to damage and to forge: bytes, values of a run file, cells of an archive."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

from reports.run_folder.seal import seal

NUMBERS: tuple[Any, ...] = (0, -1, 1, 2, 7, 10**9, 2**63, 2**64, -(2**63), 0.5, 1e30, 1e308, -1e308, 5e-324, -0.0)
NO_NUMBERS: tuple[Any, ...] = (math.inf, -math.inf, math.nan)
TEXTS: tuple[Any, ...] = (
    *(
        "",
        " ",
        "auto",
        "x",
        "[/x]",
        "[bold]",
        "\x1b[2J",
        "\u202e",
        "漢字",
        "=1+1",
        "a" * 300,
        "a" * 100_000,
        "../..",
        "/",
    ),
    *(
        "/dev/zero",
        "/dev/stdin",
        "~nobody",
        "hf:x",
        "x.py:Y",
        "/x.py:Y",
        ".py:",
        "\x00",
        "%s%n",
        "{}",
        "$HOME",
        "tcp://x:1",
    ),
)
NESTED: tuple[Any, ...] = ([], {}, [[]], [{}], {"a": {}}, [1, "x"], [None], True, False, ["error"] * 3, [0.5] * 1000)


CELLS = ("x", "[", "{}", "[1]", "a" * 10_000, b"\xff\x00", "\x1b[2J")
FACTS = ("[]", "{}", "7", "null", '"x"', "[[1]]", '[{"name": "x"}]', "1e999", "-1", "[" * 5000, "x", '"\\ud800"')


def value(rng: Random) -> Any:
    """Anything that a file may hold in the place of a value."""
    return rng.choice(rng.choice((NUMBERS, NUMBERS, NO_NUMBERS, TEXTS, TEXTS, NESTED)))


def changed(whole: dict[str, Any], rng: Random) -> dict[str, Any]:
    """A run file as plain data with some of its keys changed, left out, added or moved."""
    raw = {key: dict(part) if isinstance(part, dict) else part for key, part in whole.items()}
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        section = rng.choice(list(raw) or ["x"])
        part = raw.get(section)
        inside = isinstance(part, dict) and rng.random() < 0.85
        place: dict[str, Any] = part if inside else raw  # type: ignore[assignment]
        key = rng.choice(list(place) or ["x"])
        deed = rng.randrange(5)
        if deed == 0:
            place.pop(key, None)
        elif deed == 1:
            place[str(value(rng))[:200]] = value(rng)
        elif deed == 2 and isinstance(place.get(key), (list, tuple)):
            place[key] = [*place[key], value(rng)]
        else:
            place[key] = value(rng)
    return raw


def damaged(whole: bytes, rng: Random) -> bytes:
    """Some bytes flipped, cut off, put in, doubled or overwritten."""
    raw = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5))):
        spot = rng.randrange(len(raw)) if raw else 0
        deed = rng.randrange(6)
        if deed < 2 and raw:
            raw[spot] ^= 1 << rng.randrange(8)
        elif deed == 2:
            del raw[spot:]
        elif deed == 3:
            raw[spot:spot] = rng.randbytes(rng.choice((1, 4, 100)))
        elif deed == 4:
            raw[spot : spot + 8] = rng.choice((b"\xff" * 8, b"\x00" * 8, b"\x7f" + b"\xff" * 7))
        else:
            del raw[spot : spot + rng.choice((1, 4, 100))]
    return bytes(raw)


def forge(path: Path, rng: Random) -> str:
    """Change an archive as its owner could, with a seal that fits or none; returns what was done."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice(names)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        column = rng.choice(columns)
        ways: list[tuple[str, tuple[Any, ...]]] = []
        cell = rng.choice(
            (*NUMBERS[:7], 1e308, math.inf, None, "x", "[", "{}", "[1]", "a" * 10_000, b"\xff\x00", "\x1b[2J")
        )
        cell = cell if not isinstance(cell, int) or abs(cell) < 2**63 else float(cell)
        where = rng.choice(("", " WHERE rowid = 1", " WHERE rowid % 2"))
        ways.append((f'UPDATE OR IGNORE {table} SET "{column}" = ?{where}', (cell,)))
        fact = [row[0] for row in connection.execute("SELECT name FROM facts")]
        words = (
            "[]",
            "{}",
            "7",
            "null",
            '"x"',
            "[[1]]",
            '[{"name": "x"}]',
            "1e999",
            "-1",
            "[" * 5000,
            "x",
            '"\\ud800"',
        )
        for _ in range(2):
            ways.append(("UPDATE facts SET value = ? WHERE name = ?", (rng.choice(words), rng.choice(fact))))
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        ways += [
            (f"DELETE FROM {table}{where}", ()),
            (f"DROP TABLE {table}", ()),
            (f"CREATE VIEW v AS {endless}", ()),
            (f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END", ()),
            (f'ALTER TABLE {table} RENAME COLUMN "{column}" TO more', ()),
            (f"ALTER TABLE {table} ADD COLUMN more", ()),
            (f"INSERT OR IGNORE INTO {table} SELECT * FROM {table}", ()),
        ]
        statement, cells = rng.choice(ways[:3] * 3 + ways)
        with suppress(sqlite3.Error, OverflowError), connection:
            connection.execute("PRAGMA user_version=0")
            connection.execute(statement, cells)
        if rng.random() < 0.7:
            with suppress(sqlite3.Error):
                seal(connection)
    return f"{statement} {str(cells)[:80]}"
