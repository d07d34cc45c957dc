"""The tables of a run's archive, and one evaluation as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

SCHEMA_VERSION = 5
ARCHIVE, RUN_FILE = "archive.sqlite", "run.toml"
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, generation INTEGER NOT NULL, genome TEXT NOT NULL,
    reason TEXT NOT NULL, seconds REAL NOT NULL, stage INTEGER NOT NULL, raw_error REAL, error_log_sd REAL, {columns},
    UNIQUE (origin, stage, genome)
);
CREATE TABLE networks (genome TEXT PRIMARY KEY, layers TEXT NOT NULL);
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
COLUMNS = ("origin", "generation", "genome", "reason", "seconds", "stage")  # of an evaluation, beside its values
ESTIMATE = ("raw_error", "error_log_sd")  # of a corrected estimate, beside the measures


@dataclass(frozen=True)
class Evaluation:
    """One evaluation as the archive stores it.

    Attributes:
        origin: A value of :class:`reports.run_folder.facts.Origin`.
        generation: Counted from 0.
        genome: In text form.
        values: One number per measure, by name. A corrected estimate also has ``raw_error``, the uncorrected error,
            and ``error_log_sd``, the standard deviation of the error's logarithm. Empty if the evaluation failed.
        reason: Why it failed; empty if it did not.
        seconds: Spent on the evaluation.
        stage: Which search stage valued it: another supernet begins the next.
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


@cache
def insertion(names: tuple[str, ...]) -> str:
    """The statement that stores an evaluation with values of these names."""
    columns = [*COLUMNS, *(f'"{name}"' for name in names)]
    return f"INSERT OR IGNORE INTO evaluations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
