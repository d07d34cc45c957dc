"""The tables of a run's archive, and one evaluation as it is stored.

What counts as error is one quality measure of the run; columns that any run has are named ``quality``, others after it.
What was measured is never changed: ``evaluations`` and ``scores`` only grow. What the run makes of it, once it has
trained some networks, lies beside them in ``beliefs``; the view ``believed`` shows evaluations with what is known of
their errors by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from objectives import Fidelity

SCHEMA_VERSION = 8
ARCHIVE, RUN_FILE = "archive.sqlite", "run.toml"
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, generation INTEGER NOT NULL, genome TEXT NOT NULL,
    reason TEXT NOT NULL, seconds REAL NOT NULL, stage INTEGER NOT NULL, fidelity TEXT NOT NULL,
    {estimate}, {columns},
    UNIQUE (origin, stage, genome)
);
CREATE TABLE scores (
    id INTEGER PRIMARY KEY, genome TEXT NOT NULL, fidelity TEXT NOT NULL, stage INTEGER NOT NULL,
    steps INTEGER NOT NULL, recipe TEXT NOT NULL, quality REAL, loss REAL, reason TEXT NOT NULL, seconds REAL NOT NULL,
    expected REAL, expected_low REAL, expected_high REAL, weights TEXT NOT NULL, sha256 TEXT NOT NULL,
    warnings TEXT NOT NULL, confusion TEXT NOT NULL, UNIQUE (genome, fidelity, stage, steps)
);
CREATE TABLE beliefs (
    genome TEXT PRIMARY KEY, fidelity TEXT NOT NULL, quality REAL NOT NULL, low REAL, high REAL
);
CREATE VIEW believed AS SELECT {believed} FROM evaluations AS e LEFT JOIN beliefs AS b ON b.genome = e.genome;
CREATE TABLE networks (genome TEXT PRIMARY KEY, layers TEXT NOT NULL);
CREATE TABLE trainings (
    id INTEGER PRIMARY KEY, evaluation INTEGER NOT NULL REFERENCES evaluations (id), genome TEXT NOT NULL,
    seed INTEGER NOT NULL, epochs INTEGER NOT NULL, recipe TEXT NOT NULL, {tested},
    test_loss REAL NOT NULL, test_images INTEGER NOT NULL, seconds REAL NOT NULL, weights TEXT NOT NULL,
    sha256 TEXT NOT NULL, warnings TEXT NOT NULL, confusion TEXT NOT NULL, UNIQUE (evaluation, seed, recipe)
);
CREATE TABLE truths (
    id INTEGER PRIMARY KEY, genome TEXT NOT NULL, seed INTEGER NOT NULL, recipe TEXT NOT NULL, quality REAL NOT NULL,
    loss REAL NOT NULL, seconds REAL NOT NULL, UNIQUE (genome, seed, recipe)
);
"""
COLUMNS = (
    "origin",
    "generation",
    "genome",
    "reason",
    "seconds",
    "stage",
    "fidelity",
)  # of an evaluation, beside values


@dataclass(frozen=True)
class Evaluation:
    """One evaluation as the archive stores it.

    Attributes:
        origin: A value of :class:`reports.run_folder.facts.Origin`.
        generation: Counted from 0.
        genome: In text form.
        values: One number per measure, by name. An estimate also has, of the run's quality measure, ``NAME_low`` and
            ``NAME_high``, between which 80 of 100 such networks lie once they are trained, and ``scored_NAME`` and
            ``scored_loss``, which it rests on.
            Empty if the evaluation failed.
        reason: Why it failed; empty if it did not.
        seconds: Spent on the evaluation.
        stage: Which search stage valued it: another supernet begins the next.
        fidelity: How its error is known.
    """

    origin: str
    generation: int
    genome: str
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    stage: int = 0
    fidelity: str = Fidelity.LOOKED_UP

    @property
    def is_ok(self) -> bool:
        """Whether there are values."""
        return not self.reason


@dataclass(frozen=True)
class NetworkScore:
    """What a network was seen to reach on the held-out images.

    Attributes:
        genome: In text form.
        fidelity: By which weights.
        stage: The search stage whose supernet it started from; 0 for trainings from random weights.
        steps: That it was trained for.
        recipe: How it was trained, as JSON text; empty for inherited weights.
        quality: By the run's quality measure, see :attr:`RunFolder.quality`; None if it failed.
        loss: Mean cross-entropy in nats; None if it failed.
        reason: Why it failed; empty if it did not.
        seconds: Spent on it.
        expected, expected_low, expected_high: What was estimated just before a whole training; None for others.
        weights: Path within the run folder; empty if they were not kept.
        sha256: Of that file.
        warnings: What looks unhealthy about its quantizers, as JSON text.
        confusion: Of a whole training, how many images of each class (rows) were taken for each (columns), as JSON
            text; empty for others.
    """

    genome: str
    fidelity: str
    stage: int
    steps: int
    recipe: str = ""
    quality: float | None = None
    loss: float | None = None
    reason: str = ""
    seconds: float = 0.0
    expected: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    weights: str = ""
    sha256: str = ""
    warnings: str = "[]"
    confusion: str = ""


@dataclass(frozen=True)
class Belief:
    """What a run knows of a network's error by now.

    Attributes:
        fidelity: The best that its score has.
        quality: Measured or estimated, 0–1.
        low, high: Interval of an estimate; None of a measurement.
    """

    fidelity: str
    quality: float
    low: float | None = None
    high: float | None = None


def estimate_columns(quality: str) -> tuple[str, ...]:
    """Columns of an estimate beside the measures, of a run with this quality measure."""
    return f"scored_{quality}", "scored_loss", f"{quality}_low", f"{quality}_high"


def schema(columns: Mapping[str, str], *, quality: str) -> str:
    """The statements that make an archive.

    Args:
        columns: The SQL type of each measure, by name.
        quality: What counts as error, by name.
    """
    own = ("id", *COLUMNS, *estimate_columns(quality), *columns)
    tested = dict.fromkeys(("test_error", f"test_{quality}"))
    return SCHEMA.format(
        columns=", ".join(f'"{name}" {kind}' for name, kind in columns.items()),
        estimate=", ".join(f"{name} REAL" for name in estimate_columns(quality)),
        tested=", ".join(f"{name} REAL NOT NULL" for name in tested),
        believed=", ".join(_shown(own, quality)),
    )


def _shown(names: Iterable[str], quality: str) -> list[str]:
    """Columns of the view: a belief replaces the estimate that the search went by, and its interval."""
    believed = {"fidelity": "fidelity", quality: "quality", f"{quality}_low": "low", f"{quality}_high": "high"}
    return [
        f'CASE WHEN b.genome IS NULL THEN e."{name}" ELSE b."{believed[name]}" END AS "{name}"'
        if name in believed
        else f'e."{name}" AS "{name}"'
        for name in names
    ]


@cache
def insertion(names: tuple[str, ...]) -> str:
    """The statement that stores an evaluation with values of these names."""
    columns = [*COLUMNS, *(f'"{name}"' for name in names)]
    return f"INSERT OR IGNORE INTO evaluations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
