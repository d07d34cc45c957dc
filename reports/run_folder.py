"""What a run leaves on disk: its schema, writer and reader. Nothing in it is ever unpickled."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from objectives import Objective
from objectives.scaling import Scaling

SCHEMA_VERSION = 4
ARCHIVE = "archive.sqlite"
WAL_PAGES = 16_000  # 64 MB, then they move into the archive, which waits for the disk: rarely, not every 300 appends
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, generation INTEGER NOT NULL, genome TEXT NOT NULL,
    reason TEXT NOT NULL, seconds REAL NOT NULL, stage INTEGER NOT NULL, raw_error REAL, spread REAL, {columns},
    UNIQUE (origin, stage, genome)
);
CREATE TABLE trainings (
    id INTEGER PRIMARY KEY, evaluation INTEGER NOT NULL REFERENCES evaluations (id), genome TEXT NOT NULL,
    seed INTEGER NOT NULL, epochs INTEGER NOT NULL, recipe TEXT NOT NULL, test_error REAL NOT NULL,
    test_loss REAL NOT NULL, test_images INTEGER NOT NULL, seconds REAL NOT NULL, weights TEXT NOT NULL,
    sha256 TEXT NOT NULL, warnings TEXT NOT NULL, UNIQUE (evaluation, seed, recipe)
);
CREATE TABLE truths (
    id INTEGER PRIMARY KEY, genome TEXT NOT NULL, seed INTEGER NOT NULL, recipe TEXT NOT NULL, error REAL NOT NULL,
    loss REAL NOT NULL, seconds REAL NOT NULL, UNIQUE (genome, seed, recipe)
);
"""
# Layers of a network as JSON. Not part of the schema above, and not of its version: runs from before it lack it.
NETWORKS = "CREATE TABLE IF NOT EXISTS networks (genome TEXT PRIMARY KEY, layers TEXT NOT NULL)"


FACTS = ("origin", "generation", "genome", "reason", "seconds", "stage")  # of a row, beside its values


class NotARunFolderError(Exception):
    """A folder that holds no run, or one that this version cannot read."""


@dataclass(frozen=True)
class Row:
    """One evaluation as the archive stores it.

    Attributes:
        origin: ``"search"``; ``"random"`` for the baseline; ``"tuned"`` for front candidates that were scored again;
            ``"inherited"`` and ``"brief"`` for the networks that the estimate is corrected by.
        generation: Counted from 0.
        genome: In text form.
        values: A value a measure by name. Of a corrected estimate also ``raw_error``, the error before correction, and
            ``spread``, the standard deviation of the error's logarithm. Empty if the evaluation failed.
        reason: Why it failed; empty if it did not.
        seconds: Spent on the evaluation.
        stage: Which part of the search valued it: another supernet or another correction begins the next.
    """

    origin: str
    generation: int
    genome: str
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    stage: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether there are values."""
        return not self.reason


class RunFolder:
    """A run's folder: ``run.toml``, ``archive.sqlite``, ``supernet.safetensors``, ``front.csv``, ``figures``, ``nets``.

    Args:
        path: The folder; see :meth:`create` to make one.

    Raises:
        NotARunFolderError: There is no archive, or its version is another.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[tuple[int, int], sqlite3.Connection] = {}  # by who opened it, see opened
        for name in (ARCHIVE, "run.toml"):
            if not (path / name).is_file():
                raise NotARunFolderError(f"{path} holds no {name}")
        try:
            version = self.meta("schema_version")
        except sqlite3.DatabaseError as error:
            raise NotARunFolderError(f"{path / ARCHIVE}: {error}") from error
        if version != SCHEMA_VERSION:
            raise NotARunFolderError(f"{path / ARCHIVE} has version {version}; this evonas reads {SCHEMA_VERSION}")

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        run_toml: str,
        measures: Mapping[str, Objective],
        objectives: Sequence[str],
        constraints: Mapping[str, float],
        meta: Mapping[str, Any],
    ) -> RunFolder:
        """Make the folder and an empty archive.

        Args:
            path: Must not hold a run yet.
            run_toml: The complete run file.
            measures: What an evaluation is measured by, by name; letters, digits and ``_``.
            objectives: Names of what the search minimises.
            constraints: Upper bounds by name.
            meta: More facts to store with the run; JSON values.
        """
        path.mkdir(parents=True, exist_ok=True)
        (path / "run.toml").write_text(run_toml, encoding="utf-8")
        columns = ", ".join(f'"{name}" {"NUMERIC" if one.is_analytic else "REAL"}' for name, one in measures.items())
        partial = path / f"{ARCHIVE}.partial"  # an archive is either complete or not there
        partial.unlink(missing_ok=True)
        connection = sqlite3.connect(partial)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA.format(columns=columns))
            facts = {
                "schema_version": SCHEMA_VERSION,
                "settings": tomllib.loads(run_toml),
                "measures": [one.facts for one in measures.values()],
                "objectives": list(objectives),
                "constraints": dict(constraints),
                **meta,
            }
            with connection:
                connection.executemany("INSERT INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in facts.items()])
        finally:
            connection.close()
        partial.replace(path / ARCHIVE)
        return cls(path)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep one connection to the archive within this context, instead of one a call; may be nested.

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
    def _connection(self) -> Iterator[sqlite3.Connection]:
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

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path / ARCHIVE, timeout=30)

    # Facts

    def meta(self, key: str) -> Any:
        """A stored fact, or None."""
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a fact; JSON values."""
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def warn(self, *texts: str) -> None:
        """Add warnings that reports show; one that is there already is not repeated."""
        known = self.meta("warnings") or []
        self.set_meta("warnings", list(dict.fromkeys([*known, *texts])))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The complete run file as plain data, as the run was started with it."""
        settings: dict[str, Any] = self.meta("settings")
        return settings

    @cached_property
    def measures(self) -> dict[str, Objective]:
        """What every evaluation is measured by, by name; the functions that count are not stored."""
        return {facts["name"]: Objective(**facts) for facts in self.meta("measures")}

    @cached_property
    def objectives(self) -> tuple[str, ...]:
        """Names of what the search minimised."""
        return tuple(self.meta("objectives"))

    @cached_property
    def constraints(self) -> dict[str, float]:
        """Upper bounds of the search by name."""
        bounds: dict[str, float] = self.meta("constraints")
        return bounds

    @property
    def scaling(self) -> Scaling:
        """The scale that this run's hypervolumes are measured on."""
        bounds = self.meta("bounds")
        measures = tuple(self.measures[name] for name in self.objectives)
        return Scaling(measures, bounds={name: tuple(bounds[name]) for name in self.objectives})

    # Evaluations

    def append(self, row: Row) -> None:
        """Store one evaluation in a transaction of its own; one that is already there stays as it is."""
        cells = [getattr(row, name) for name in FACTS]
        with self._connection() as connection:
            connection.execute(_insertion(tuple(row.values)), [*cells, *row.values.values()])

    def evaluations(self, *, origin: str | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Evaluations in order: the attributes of :class:`Row`, values as columns, and an ``id``.

        Args:
            origin: Only those of one origin.
            columns: Only these; of a million rows, all columns fill more than a gigabyte.
        """
        where, cells = ("", []) if origin is None else ("WHERE origin = ?", [origin])
        return self._read(columns, where, cells)

    def evaluations_of(self, ids: Iterable[int]) -> pd.DataFrame:
        """The evaluations with these ids, in order; columns as in :meth:`evaluations`."""
        # one JSON text, because SQLite bounds the number of marks in a statement
        return self._read(None, "WHERE id IN (SELECT value FROM json_each(?))", [json.dumps([int(i) for i in ids])])

    def rows(self) -> list[Row]:
        """Every evaluation in order, as it was appended."""
        with self._connection() as connection:
            cursor = connection.cursor()
            cursor.row_factory = sqlite3.Row
            records = cursor.execute("SELECT * FROM evaluations ORDER BY id").fetchall()
        names = ("raw_error", "spread", *self.measures)
        return [
            Row(
                record["origin"],
                record["generation"],
                record["genome"],
                {name: record[name] for name in names if record[name] is not None},
                record["reason"],
                record["seconds"],
                record["stage"],
            )
            for record in records
        ]

    def valued(self, *, origin: str, columns: Sequence[str]) -> pd.DataFrame:
        """The evaluations of one origin that succeeded in its last stage, in order: a network has one of them."""
        table = self.evaluations(origin=origin, columns=list(dict.fromkeys([*columns, "reason", "stage"])))
        found: pd.DataFrame = table[(table["reason"] == "") & (table["stage"] == table["stage"].max())][list(columns)]
        return found

    def feasible(self, *, origin: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The evaluations of one origin that succeeded and keep within the run's constraints, in order.

        Of those of the last stage: another supernet or another correction values all networks on another scale.

        Args:
            origin: See :class:`Row`.
            columns: Only these; by default all of :meth:`evaluations`.
        """
        # Sorted, so that the index on origin and stage leads to the last stage without a look at every row.
        last = "SELECT stage FROM evaluations WHERE origin = ? ORDER BY stage DESC LIMIT 1"
        bounds = "".join(f' AND "{name}" <= ?' for name in self.constraints)
        where = f"WHERE origin = ? AND reason = '' AND stage = ({last}){bounds}"
        return self._read(columns, where, [origin, origin, *self.constraints.values()])

    def _read(self, columns: Sequence[str] | None, where: str, cells: Sequence[Any]) -> pd.DataFrame:
        chosen = "*" if columns is None else ", ".join(f'"{name}"' for name in columns)
        # NOT INDEXED, because a walk over the index meets the rows in the order of genomes: slower than reading all
        query = f"SELECT {chosen} FROM evaluations NOT INDEXED {where} ORDER BY id"
        with self._connection() as connection:
            return pd.read_sql_query(query, connection, params=list(cells))

    # Layers of networks

    def store_networks(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Store the layers of networks by genome, as :func:`reports.network.network_table` lists them."""
        cells = [(genome, json.dumps(table.to_dict("records"))) for genome, table in tables.items()]
        with self._connection() as connection:
            connection.execute(NETWORKS)
            connection.executemany("INSERT OR IGNORE INTO networks VALUES (?, ?)", cells)

    def networks(self, genomes: Iterable[str]) -> dict[str, pd.DataFrame]:
        """The layers of those of these networks that they are stored of, by genome."""
        query = "SELECT genome, layers FROM networks WHERE genome IN (SELECT value FROM json_each(?))"
        with self._connection() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'networks'").fetchall():
                return {}
            rows = connection.execute(query, [json.dumps(list(genomes))]).fetchall()
        return {genome: pd.DataFrame(json.loads(layers)) for genome, layers in rows}

    # Trainings

    def append_training(self, **columns: Any) -> None:
        """Store one training; the columns of the table ``trainings``. It replaces one that is there already."""
        self._insert("trainings", columns)

    def append_truth(self, **columns: Any) -> None:
        """Store one training that an estimate is held against; the columns of the table ``truths``."""
        self._insert("truths", columns)

    def truths(self) -> pd.DataFrame:
        """Every training that an estimate is held against, in order."""
        with self._connection() as connection:
            return pd.read_sql_query("SELECT * FROM truths ORDER BY id", connection)

    def _insert(self, table: str, columns: Mapping[str, Any]) -> None:
        marks = ", ".join("?" * len(columns))
        with self._connection() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(columns.values())
            )

    def trainings(self) -> pd.DataFrame:
        """Every training from scratch in order."""
        with self._connection() as connection:
            return pd.read_sql_query("SELECT * FROM trainings ORDER BY id", connection)


def _who() -> tuple[int, int]:
    """This process and this thread: a connection of SQLite must cross neither a fork nor, in Python, threads."""
    return os.getpid(), threading.get_ident()


@cache
def _insertion(names: tuple[str, ...]) -> str:
    columns = [*FACTS, *(f'"{name}"' for name in names)]
    return f"INSERT OR IGNORE INTO evaluations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
