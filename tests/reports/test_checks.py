"""An archive that is damaged, changed by hand or made by others is told as such, and nothing in it runs."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reports.run_folder.archive import NotARunFolderError
from reports.run_folder.folder import RunFolder
from tests.cli.conftest import Here
from tests.cli.conftest import here as here  # noqa: PLC0414  # a fixture
from tests.support.run_folders import folder_at, row

ROWS = [row(origin, 0.1 + i / 50, 200 + i) for i in range(12) for origin in ("search", "random")]
COMMANDS = (("front",), ("show", "--pick", "knee"), ("report",), ("compare",))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return folder_at(tmp_path / "run", *ROWS)


def changed(run: RunFolder, *statements: str, is_sealed: bool = False) -> None:
    with closing(sqlite3.connect(run.path / "archive.sqlite")) as connection, connection:
        for statement in () if is_sealed else ("PRAGMA user_version=0",):
            connection.execute(statement)
        for statement in statements:
            connection.execute(statement)


def test_an_archive_that_nobody_writes_to_is_one_sealed_file(run: RunFolder) -> None:
    assert sorted(path.name for path in run.path.iterdir()) == ["archive.sqlite", "run.toml"]
    with closing(sqlite3.connect(run.path / "archive.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA user_version").fetchone()[0] > 0
    run.append(row("search", 0.2, 999))
    run.store(seconds=5.0)
    assert len(RunFolder(run.path).rows()) == len(ROWS) + 1  # sealed anew


def test_a_number_that_was_changed_does_not_pass(run: RunFolder) -> None:
    changed(run, "UPDATE evaluations SET error = 0.0001 WHERE id = 3", is_sealed=True)
    with pytest.raises(NotARunFolderError, match="was changed since evonas wrote it, or is damaged"):
        RunFolder(run.path)


def test_no_flipped_bit_passes_unless_it_says_nothing(run: RunFolder, here: Here) -> None:
    path, rng = run.path / "archive.sqlite", random.Random(0)
    whole, told = path.read_bytes(), 0
    before = run.evaluations()
    for _ in range(60):
        spot = rng.randrange(len(whole))
        path.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1 << rng.randrange(8)]) + whole[spot + 1 :])
        try:
            assert RunFolder(run.path).evaluations().equals(before)
        except NotARunFolderError:
            told += 1
    assert told > 50
    path.write_bytes(whole[: len(whole) // 2])
    result = here("front", run.path)
    assert result.returncode == 2
    assert "unexpected" not in result.stderr


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS value, 'x' AS name FROM n"
FORGED = {
    "an endless view": ("DROP VIEW believed", f"CREATE VIEW believed AS {ENDLESS}"),
    "facts as a view": ("ALTER TABLE facts RENAME TO kept", f"CREATE VIEW facts AS {ENDLESS}"),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM evaluations; END",),
    "another table": ("CREATE TABLE more (x)",),
    "an index by a function": ("CREATE INDEX i ON evaluations (abs(error))",),
    "a column": ("ALTER TABLE evaluations ADD COLUMN more",),
    "text as a number": ("UPDATE evaluations SET error = 'low'",),
    "bytes as a number": ("UPDATE evaluations SET model_size = x'00ff'",),
    "no finite number": ("UPDATE evaluations SET model_size = 9e999",),
    "bytes as a text": ("UPDATE evaluations SET genome = x'ff' WHERE id = 1",),
    "an origin": ("UPDATE evaluations SET origin = 'elsewhere' WHERE id = 1",),
    "a genome": ("UPDATE evaluations SET genome = '1-x' || id",),
    "a stage": ("UPDATE evaluations SET stage = -1",),
    "a belief": ("INSERT INTO beliefs VALUES ('200', 'trained', 'good', 0, 1)",),
    "a measure": ("UPDATE facts SET value = replace(value, 'bitops', 'bit ops') WHERE name = 'measures'",),
    "no objective": ("UPDATE facts SET value = '[]' WHERE name = 'objectives'",),
    "another objective": ("UPDATE facts SET value = '[\"taste\"]' WHERE name = 'objectives'",),
    "no bounds": ("UPDATE facts SET value = '{}' WHERE name = 'bounds'",),
    "no settings": ("UPDATE facts SET value = '{}' WHERE name = 'settings'",),
    "deep facts": (f"UPDATE facts SET value = '{'[' * 100_000}' WHERE name = 'settings'",),
    "an infinite fact": ("UPDATE facts SET value = '1e999' WHERE name = 'seconds'",),
    "no JSON": ("UPDATE facts SET value = 'x' WHERE name = 'measures'",),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_evonas_does_not_write_is_told(run: RunFolder, here: Here, name: str) -> None:
    changed(run, *FORGED[name])
    for command in COMMANDS[:1]:
        result = here(command[0], run.path, *command[1:])
        assert result.returncode == 2, result.stdout
        assert "wanted: a run folder, as evonas search makes it" in result.stderr
        assert "unexpected" not in result.stderr


ODD = {
    "text that is none": ("UPDATE evaluations SET reason = CAST(x'ff' AS TEXT)",),
    "layers": ("INSERT INTO networks VALUES ('200', '[{\"layer\": 1}]')",),
    "layers that are no list": ("INSERT INTO networks VALUES ('200', '7')",),
    "genes": ('UPDATE facts SET value = \'[{"name": "g", "choices": []}]\' WHERE name = \'genes\'',),
    "more genes": (f"UPDATE facts SET value = '{json.dumps([{'name': 'g', 'choices': ['a']}])}' WHERE name = 'genes'",),
    "a box": ("UPDATE facts SET value = replace(value, '0.9', '0.0') WHERE name = 'bounds'",),
    "a confusion": (
        "INSERT INTO scores VALUES "
        "(1, '200', 'trained', 0, 1, '', 0.1, 0.1, '', 1, 0.1, 0.1, 0.1, '', '', '7', '[[1], 2]')",
    ),
    "a run file": ("UPDATE facts SET value = '{\"name\": \"x\"}' WHERE name = 'settings'",),
    "all failed": ("UPDATE evaluations SET error = NULL",),
}


@pytest.mark.parametrize("name", ODD)
def test_no_command_that_looks_ends_unexpectedly(run: RunFolder, here: Here, name: str) -> None:
    changed(run, *ODD[name])
    for command in COMMANDS:
        result = here(command[0], run.path, *command[1:])
        assert result.returncode in (0, 2)
        assert "unexpected" not in result.stderr
