"""What an archive must be before it is read: of this schema to the letter, as it was stored, and with possible values.

An archive may come from anybody, and may have been damaged. Views and triggers of others, which could run without
end, are never looked into.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from objectives import Fidelity, Objective
from objectives.held_out import quality_among
from reports.run_folder.archive import RESTORE, NotARunFolderError
from reports.run_folder.facts import Facts, Origin
from reports.run_folder.schema import estimate_columns, schema
from reports.run_folder.seal import is_as_sealed, is_sealed

Objects = dict[str, tuple[str, str]]
"""Type and statement of what a database holds, by name."""
OWN = "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)"


def found_version(connection: sqlite3.Connection) -> Any:
    """The version that an archive says it has; None if it says nothing.

    Raises:
        sqlite3.OperationalError: There is no place where it would stand.
    """
    objects = _objects(connection)
    if objects.get("meta", ("", ""))[0] == "table":  # up to version 4
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    elif objects.get("facts") in (("table", OWN), None):
        row = connection.execute("SELECT value FROM facts WHERE name = 'schema_version'").fetchone()
    else:
        raise sqlite3.DatabaseError("facts are no table of evonas")
    try:
        return None if row is None else json.loads(row[0])
    except (TypeError, ValueError, RecursionError):
        return "unknown"


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that the archive has the tables of this version and no others, and that no bit of it has changed.

    Raises:
        NotARunFolderError: It has others, or was changed since evonas sealed it.
    """
    row = connection.execute("SELECT value FROM facts WHERE name = 'measures'").fetchone()
    try:
        measures = [Objective(**facts).name for facts in json.loads(row[0])]
        columns = dict.fromkeys(measures, "REAL")
        named = [
            json.loads(value)
            for (value,) in connection.execute(
                "SELECT value FROM facts WHERE name IN ('objectives', 'constraints') ORDER BY name DESC"
            )
        ]
        quality = quality_among([name for names in named for name in names] + measures) or "error"
        with closing(sqlite3.connect(":memory:")) as expected:
            expected.executescript(schema(columns, quality=quality))
            wanted = _objects(expected)
    except (TypeError, ValueError, KeyError, RecursionError, sqlite3.DatabaseError) as error:
        raise NotARunFolderError(f"{path} holds odd facts: measures", remedy=RESTORE) from error
    found = _objects(connection)
    if strange := sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)):
        raise NotARunFolderError(
            f"{path} holds other tables than evonas makes: {', '.join(strange[:5])}", remedy=RESTORE
        )
    if is_sealed(connection):
        if not is_as_sealed(connection):
            raise NotARunFolderError(f"{path} was changed since evonas wrote it, or is damaged", remedy=RESTORE)
        return
    ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise NotARunFolderError(f"{path} is damaged: {str(verdict).splitlines()[-1]}", remedy=RESTORE)


def check_content(connection: sqlite3.Connection, facts: Facts, path: Path) -> None:
    """Make sure that every evaluation, score and belief is of a kind that evonas stores.

    Raises:
        NotARunFolderError: One is not.
    """
    names = [Objective(**one).name for one in facts.measures]
    quality = quality_among((*facts.objectives, *facts.constraints, *names)) or "error"
    missing = [name for name in (*facts.objectives, *facts.constraints) if name not in names]
    missing += [name for name in facts.objectives if name not in facts.bounds]
    if missing or not facts.objectives or not isinstance(facts.settings.get("name"), str):
        raise NotARunFolderError(f"{path} holds odd facts: objectives, bounds or settings", remedy=RESTORE)
    of_values = [_is_number(name) for name in dict.fromkeys((*estimate_columns(quality), *names))]
    genes = f"length(genome) - length(replace(genome, '-', '')) = {len(facts.genes) - 1}" if facts.genes else "1"
    rules = {
        "evaluations": [
            _is_one_of("origin", Origin),
            _is_one_of("fidelity", Fidelity),
            "typeof(reason) = 'text'",
            *(f"typeof({name}) = 'integer' AND {name} >= 0" for name in ("id", "generation", "stage")),
            _is_genome(),
            genes,
            _is_number("seconds"),
            *of_values,
        ],
        "scores": [
            _is_one_of("fidelity", Fidelity),
            _is_genome(),
            "typeof(reason) = 'text'",
            "typeof(weights) = 'text'",
            *map(_is_number, ("quality", "loss", "seconds", "expected", "expected_low", "expected_high")),
        ],
        "beliefs": [_is_one_of("fidelity", Fidelity), _is_genome(), *map(_is_number, ("quality", "low", "high"))],
        "trainings": [
            _is_genome(),
            "typeof(weights) = 'text'",
            "typeof(seed) = 'integer'",
            *map(_is_number, (f"test_{quality}", "test_error", "test_loss", "test_images", "seconds", "epochs")),
        ],
        "truths": [_is_genome(), "typeof(seed) = 'integer'", *map(_is_number, ("quality", "loss", "seconds"))],
    }
    for table, conditions in rules.items():
        kept = " AND ".join(f"({condition})" for condition in conditions)
        row = connection.execute(f"SELECT id_ FROM (SELECT rowid AS id_, * FROM {table}) WHERE NOT ({kept})").fetchone()
        if row is not None:
            raise NotARunFolderError(f"{path} holds values that evonas never stores: {table}, {row[0]}", remedy=RESTORE)


def _objects(connection: sqlite3.Connection) -> Objects:
    rows = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
    return {str(name): (str(kind), str(sql).replace('" NUMERIC', '" REAL')) for name, kind, sql in rows}


def _is_number(column: str) -> str:
    return f'"{column}" IS NULL OR (typeof("{column}") IN (\'integer\', \'real\') AND abs("{column}") < 9e999)'


def _is_one_of(column: str, known: type[Origin] | type[Fidelity]) -> str:
    return f"{column} IN ({', '.join(repr(str(one.value)) for one in known)})"


def _is_genome() -> str:
    return "typeof(genome) = 'text' AND length(genome) > 0 AND NOT genome GLOB '*[^0-9-]*'"
