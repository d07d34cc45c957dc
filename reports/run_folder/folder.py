"""A run's folder, made, written and read."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from objectives import Objective
from objectives.display import plain
from objectives.fronts.scaling import Scaling
from objectives.held_out import quality_among
from reports.run_folder.archive import RESTORE, Archive, NotARunFolderError, make_archive
from reports.run_folder.checks import check_content, check_schema, found_version
from reports.run_folder.facts import Facts
from reports.run_folder.schema import (
    ARCHIVE,
    COLUMNS,
    RUN_FILE,
    SCHEMA_VERSION,
    Belief,
    Evaluation,
    NetworkScore,
    estimate_columns,
    insertion,
    schema,
)


class RunFolder:
    """A run's folder: ``run.toml``, ``archive.sqlite``, ``supernet.safetensors``, ``front.csv``, ``figures``, ``nets``.

    Args:
        path: The folder; see :meth:`create` to make one.

    Raises:
        NotARunFolderError: There is no archive, its version is another, or it is not what evonas stored.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = Archive(path / ARCHIVE)
        for name in (ARCHIVE, RUN_FILE):
            if not (path / name).is_file():
                raise NotARunFolderError(f"{path} holds no {name}")
        with self.archive.reading() as connection:
            version = found_version(connection)
            if version != SCHEMA_VERSION:
                raise NotARunFolderError(
                    f"{path / ARCHIVE} has version {version}; this evonas reads {SCHEMA_VERSION}",
                    remedy="start the run again, or read it with the version of evonas that made it",
                )
            check_schema(connection, path / ARCHIVE)
            check_content(connection, self.facts(), path / ARCHIVE)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        run_toml: str,
        measures: Mapping[str, Objective],
        objectives: Sequence[str],
        constraints: Mapping[str, float],
        **facts: Any,
    ) -> RunFolder:
        """Make the folder and an empty archive, which is either complete or not there.

        Args:
            path: Must not hold a run yet.
            run_toml: The complete run file.
            measures: What an evaluation is measured by, by name; letters, digits and ``_``.
            objectives: Names of what the search minimises, or maximises.
            constraints: Bounds by name; see :attr:`constraints`.
            facts: More of :class:`Facts`.

        Raises:
            FileExistsError: It holds a run; nothing of that is changed.
        """
        known = Facts(
            schema_version=SCHEMA_VERSION,
            settings=tomllib.loads(run_toml),
            measures=[one.facts for one in measures.values()],
            objectives=list(objectives),
            constraints=dict(constraints),
            **facts,
        )
        path.mkdir(parents=True, exist_ok=True)
        columns = {name: "NUMERIC" if one.is_analytic else "REAL" for name, one in measures.items()}
        quality = quality_among((*objectives, *constraints, *measures)) or "error"

        def fill(connection: sqlite3.Connection) -> None:
            connection.executescript(schema(columns, quality=quality))
            _store(connection, known, known.model_fields_set)

        make_archive(path / ARCHIVE, fill, beside=(path / RUN_FILE, run_toml))
        return cls(path)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep one connection to the archive within this context; see :meth:`Archive.opened`."""
        with self.archive.opened():
            yield

    # Facts

    def facts(self) -> Facts:
        """All facts as they are stored now.

        Raises:
            NotARunFolderError: They are not those of a run.
        """
        with self.archive.reading() as connection:
            rows = connection.execute("SELECT name, value FROM facts").fetchall()
        try:
            return Facts(**{name: json.loads(value) for name, value in rows})
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            found = f"{self.path / ARCHIVE} holds odd facts: {str(error).splitlines()[0]}"
            raise NotARunFolderError(found, remedy=RESTORE) from error

    def store(self, **facts: Any) -> None:
        """Store facts, attributes of :class:`Facts`.

        Raises:
            ValidationError: A value of another type.
            KeyError: There is no such fact.
        """
        with self.archive.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)", [(name, _to_json(name, facts[name])) for name in facts]
            )

    def warn(self, *texts: str) -> None:
        """Add warnings that reports show; one that is there already is not repeated."""
        if texts:
            self.store(warnings=list(dict.fromkeys([*self.facts().warnings, *map(plain, texts)])))

    @cached_property
    def _first_facts(self) -> Facts:
        return self.facts()

    @property
    def settings(self) -> dict[str, Any]:
        """The complete run file as plain data, as the run was started with it."""
        return self._first_facts.settings

    @cached_property
    def measures(self) -> dict[str, Objective]:
        """What every evaluation is measured by, by name; the functions that count are not stored."""
        return {facts["name"]: Objective(**facts) for facts in self._first_facts.measures}

    @property
    def quality(self) -> str | None:
        """Name of what counts as error, the run's quality measure; None where no such thing is measured."""
        return quality_among((*self.objectives, *self.constraints, *self.measures))

    @property
    def leading(self) -> str:
        """The measure that reports put first: what counts as error, or else the first objective."""
        return self.quality or self.objectives[0]

    @property
    def interval(self) -> tuple[str, ...]:
        """Columns of the low and the high end of an estimate's interval."""
        return estimate_columns(self.quality or "error")[2:]

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of what the search minimised, or maximised; see :attr:`objectives.Objective.is_maximised`."""
        return tuple(self._first_facts.objectives)

    @property
    def constraints(self) -> dict[str, float]:
        """Upper bounds of the search by name; lower ones of what is maximised."""
        return self._first_facts.constraints

    @property
    def scaling(self) -> Scaling:
        """The scale that this run's hypervolumes are measured on."""
        bounds = self.facts().bounds
        measures = tuple(self.measures[name] for name in self.objectives)
        return Scaling(measures, bounds={name: bounds[name] for name in self.objectives})

    # Evaluations

    def append(self, row: Evaluation) -> None:
        """Store one evaluation in a transaction of its own; one that is already there stays as it is."""
        cells = [_cell(getattr(row, name)) for name in COLUMNS]
        with self.archive.writing() as connection:
            connection.execute(insertion(tuple(row.values)), [*cells, *row.values.values()])

    def evaluations(
        self, *, origin: str | None = None, columns: Sequence[str] | None = None, as_searched: bool = False
    ) -> pd.DataFrame:
        """Evaluations in order: the attributes of :class:`Evaluation`, values as columns, and an ``id``.

        Errors are those that are known by now, see :class:`Belief`.

        Args:
            origin: Only those of one origin.
            columns: Only these; of a million rows, all columns fill more than a gigabyte.
            as_searched: See :meth:`feasible`.
        """
        where, cells = ("", []) if origin is None else ("WHERE origin = ?", [origin])
        return self._read(columns, where, cells, as_searched=as_searched)

    def evaluations_of(self, ids: Iterable[int], *, as_searched: bool = False) -> pd.DataFrame:
        """The evaluations with these ids, in order; columns as in :meth:`evaluations`, see :meth:`feasible`."""
        # one JSON text, because SQLite bounds the number of marks in a statement
        cells = [json.dumps([int(i) for i in ids])]
        return self._read(None, "WHERE id IN (SELECT value FROM json_each(?))", cells, as_searched=as_searched)

    def rows(self) -> list[Evaluation]:
        """Every evaluation in order, as it was appended: with the errors that the search went by."""
        with self.archive.reading() as connection:
            cursor = connection.cursor()
            cursor.row_factory = sqlite3.Row
            records = cursor.execute("SELECT * FROM evaluations ORDER BY id").fetchall()
        names = (*estimate_columns(self.quality or "error"), *self.measures)
        return [
            Evaluation(
                record["origin"],
                record["generation"],
                record["genome"],
                {name: record[name] for name in names if record[name] is not None},
                record["reason"],
                record["seconds"],
                record["stage"],
                record["fidelity"],
            )
            for record in records
        ]

    def valued(self, *, origin: str, columns: Sequence[str]) -> pd.DataFrame:
        """The evaluations of one origin that succeeded in its last stage, in order: one per network."""
        table = self.evaluations(origin=origin, columns=list(dict.fromkeys([*columns, "reason", "stage"])))
        found: pd.DataFrame = table[(table["reason"] == "") & (table["stage"] == table["stage"].max())][list(columns)]
        return found

    def feasible(self, *, origin: str, columns: Sequence[str] | None = None, as_searched: bool = False) -> pd.DataFrame:
        """The evaluations of one origin that succeeded and keep within the run's constraints, in order.

        Only those of the last stage: another supernet values all networks on another scale.

        Args:
            origin: See :class:`Evaluation`.
            columns: Only these; by default all of :meth:`evaluations`.
            as_searched: Whether errors are those that the search went by, instead of what is known by now.
        """
        # Sorted, so that the index on origin and stage leads to the last stage without a look at every row.
        last = "SELECT stage FROM evaluations WHERE origin = ? ORDER BY stage DESC LIMIT 1"
        sides = {name: ">=" if self.measures[name].is_maximised else "<=" for name in self.constraints}
        bounds = "".join(f' AND "{name}" {side} ?' for name, side in sides.items())
        where = f"WHERE origin = ? AND reason = '' AND stage = ({last}){bounds}"
        return self._read(columns, where, [origin, origin, *self.constraints.values()], as_searched=as_searched)

    def _read(
        self, columns: Sequence[str] | None, where: str, cells: Sequence[Any], *, as_searched: bool = False
    ) -> pd.DataFrame:
        chosen = "*" if columns is None else ", ".join(f'"{name}"' for name in columns)
        # NOT INDEXED, because a walk over the index meets the rows in the order of genomes: slower than reading all
        query = f"SELECT {chosen} FROM {self._table(as_searched=as_searched)} {where} ORDER BY id"
        with self.archive.reading() as connection:
            return pd.read_sql_query(query, connection, params=list(cells))

    def _table(self, *, as_searched: bool) -> str:
        """Where evaluations are read from: the view costs a look-up a row, which runs without beliefs need not pay."""
        with self.archive.reading() as connection:
            has_beliefs = connection.execute("SELECT EXISTS (SELECT 1 FROM beliefs)").fetchone()[0] and not as_searched
        # NOT INDEXED, because a walk over the index meets the rows in the order of genomes: slower than reading all
        return "believed" if has_beliefs else "evaluations NOT INDEXED"

    # Scores, and what they say

    def append_score(self, score: NetworkScore) -> None:
        """Store what a network was seen to reach; a score that is already there stays as it is."""
        self._insert("scores", vars(score), verb="INSERT OR IGNORE")

    def scores(self) -> list[NetworkScore]:
        """Everything that networks were seen to reach, in order; what evaluations scored is with them."""
        names = tuple(NetworkScore.__dataclass_fields__)
        with self.archive.reading() as connection:
            rows = connection.execute(f"SELECT {', '.join(names)} FROM scores ORDER BY id").fetchall()
        return [NetworkScore(*row) for row in rows]

    def believe(self, beliefs: Mapping[str, Belief]) -> None:
        """Replace all that is believed of networks, by genome."""
        cells = [(genome, one.fidelity, one.quality, one.low, one.high) for genome, one in beliefs.items()]
        with self.archive.writing() as connection:
            connection.execute("DELETE FROM beliefs")
            connection.executemany("INSERT INTO beliefs VALUES (?, ?, ?, ?, ?)", cells)

    # Layers of networks

    def store_networks(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Store the layers of networks by genome, as :func:`reports.tables.network.network_table` lists them."""
        cells = [(genome, json.dumps(table.to_dict("records"))) for genome, table in tables.items()]
        with self.archive.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO networks VALUES (?, ?)", cells)

    def networks(self, genomes: Iterable[str]) -> dict[str, pd.DataFrame]:
        """The layers of these networks by genome; networks whose layers are not stored are left out."""
        query = "SELECT genome, layers FROM networks WHERE genome IN (SELECT value FROM json_each(?))"
        with self.archive.reading() as connection:
            rows = connection.execute(query, [json.dumps(list(genomes))]).fetchall()
        return {genome: pd.DataFrame(json.loads(layers)) for genome, layers in rows}

    # Trainings

    def append_training(self, **columns: Any) -> None:
        """Store one training; the columns of the table ``trainings``. It replaces one that is there already."""
        self._insert("trainings", columns)

    def append_truth(self, **columns: Any) -> None:
        """Store one training that an estimate is compared with; the columns of the table ``truths``."""
        self._insert("truths", columns)

    def truths(self) -> pd.DataFrame:
        """Every training that an estimate is compared with, in order."""
        with self.archive.reading() as connection:
            return pd.read_sql_query("SELECT * FROM truths ORDER BY id", connection)

    def _insert(self, table: str, columns: Mapping[str, Any], *, verb: str = "INSERT OR REPLACE") -> None:
        marks = ", ".join("?" * len(columns))
        with self.archive.writing() as connection:
            connection.execute(
                f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(map(_cell, columns.values()))
            )

    def trainings(self) -> pd.DataFrame:
        """Every training from scratch in order."""
        with self.archive.reading() as connection:
            return pd.read_sql_query("SELECT * FROM trainings ORDER BY id", connection)


def _cell(value: Any) -> Any:
    """A value as SQLite takes it: texts of users' code and files may hold what no UTF-8 does."""
    return plain(value) if isinstance(value, str) else value


def _store(connection: sqlite3.Connection, facts: Facts, names: Iterable[str]) -> None:
    rows = [(name, _to_json(name, getattr(facts, name))) for name in names]
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)


def _to_json(name: str, value: Any) -> str:
    """A fact as text, checked against its type."""
    adapter = _adapter(name)
    return adapter.dump_json(adapter.validate_python(value)).decode()


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    annotation: Any = Facts.model_fields[name].annotation
    return TypeAdapter(annotation)
