"""``evonas selfcheck``: the search engine on a small table whose true front is known, against simpler searches."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from evonas.config.load import parse_config
from evonas.progress import Observer, Silent
from evonas.run.engine import search
from evonas.spaces import TableSpace
from evonas.spaces.genome import Gene, Genome
from objectives import OBJECTIVES, Objective
from objectives.fronts.pareto import hypervolume

TABLE = "selfcheck.csv"
WEIGHTS = ("binary", "ternary", "4-bit")
WIDTHS = ("0.5", "1.0", "2.0")
LAYERS = tuple(f"stage{stage}/block0/conv{conv}/weight" for stage in range(3) for conv in range(2))
FREE = {**dict.fromkeys(LAYERS, WEIGHTS), "stage1/width": WIDTHS, "stage2/width": WIDTHS}
"""The searched genes of the residual space that the table was made from, see ``docs/make_selfcheck.py``."""
OBJECTIVE_NAMES = ("loss", "model_size", "bitops")
SEARCHES: dict[str, dict[str, object]] = {
    "evonas": {},
    "evolution alone": {"predictors": []},
    "random search": {"algorithm": "random"},
}
COUNTS = (50, 100, 200)


class SelfcheckTable(TableSpace):
    """6,561 residual networks on scikit-learn's digits: precisions of six layers, widths of two stages.

    Losses on held-out images are inherited from one supernet; model size and BitOPs are counted.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[int, ...], dict[str, float]] = {}
        with (files("evonas.workflows") / TABLE).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                self.rows[tuple(map(int, row["genome"]))] = {name: float(row[name]) for name in OBJECTIVE_NAMES}

    @property
    def genes(self) -> tuple[Gene, ...]:
        """See :class:`evonas.spaces.Space`."""
        return tuple(Gene(name, choices, is_ordered=True) for name, choices in FREE.items())

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """See :class:`TableSpace`."""
        loss = Objective("loss", unit="nats", title="loss on held-out images")
        return {"loss": loss, **{name: OBJECTIVES[name] for name in OBJECTIVE_NAMES[1:]}}

    def look_up(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return self.rows[tuple(map(int, genome))]

    def count(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        found = self.look_up(genome)
        return {name: found[name] for name in OBJECTIVE_NAMES[1:]}


def selfcheck(*, seeds: int = 3, observer: Observer | None = None) -> pd.DataFrame:
    """Search the table with every method.

    Args:
        seeds: Searches per method.
        observer: Receives progress updates.

    Returns:
        Columns ``search``, ``seed``, and one for each of ``COUNTS``: the share of the true front's hypervolume after so
        many distinct networks, 0–1. Objectives by logarithm, scaled over the table; the reference point is 1.1.
    """
    table, observer = SelfcheckTable(), observer or Silent()
    observer.phase("searching the table", total=len(SEARCHES) * seeds)
    rows = []
    for done, (name, seed) in enumerate(_jobs(seeds), start=1):
        row: dict[str | int, object] = {"search": name, "seed": seed}
        rows.append(row | _shares(table, SEARCHES[name], seed=seed))
        observer.advance(done, note=name)
    return pd.DataFrame(rows)


def is_sound(table: pd.DataFrame) -> bool:
    """Whether the whole engine beats evolution alone, and that beats random search, at the largest count."""
    means = table.groupby("search")[COUNTS[-1]].mean()
    return bool(means["evonas"] > means["evolution alone"] > means["random search"])


def _jobs(seeds: int) -> Iterator[tuple[str, int]]:
    return ((name, seed) for name in SEARCHES for seed in range(seeds))


def _shares(table: SelfcheckTable, settings: Mapping[str, object], *, seed: int) -> dict[str | int, object]:
    chosen = {"objectives": OBJECTIVE_NAMES, "budget": COUNTS[-1], "has_baseline": False} | dict(settings)
    config = parse_config({"seed": seed, "search": chosen}, source="selfcheck", given_space=type(table).__name__)
    with tempfile.TemporaryDirectory() as folder:
        found = search(config, Path(folder) / "run", space=table).evaluations(columns=OBJECTIVE_NAMES)
    everything = _logarithms([list(row.values()) for row in table.rows.values()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    reference = np.full(len(OBJECTIVE_NAMES), 1.1)
    scaled = (_logarithms(found[list(OBJECTIVE_NAMES)].to_numpy()) - low) / (high - low)
    best = hypervolume((everything - low) / (high - low), reference_point=reference)
    return {n: hypervolume(scaled[:n], reference_point=reference) / best for n in COUNTS}


def _logarithms(values: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.asarray(values, dtype=float)))
