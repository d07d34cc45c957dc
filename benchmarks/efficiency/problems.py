"""What is searched: NAS-Bench-Macro and the made-up tables, with and without noise; and how far a search came."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from efficiency.tables import KINDS, Floats, MadeUp
from evonas.plugins import load_object
from evonas.spaces import TableSpace
from evonas.spaces.genome import Gene, Genome
from objectives import Objective
from objectives.fronts.pareto import hypervolume

Key = tuple[int, ...]
TRAININGS = 3
FAILURES = 0.05  # share of evaluations of a noisy table that fail
NOISE = 0.03  # relative, of a training in a noisy made-up table
MARGIN = 1.1  # reference point, where the whole table spans 0 to 1


class FailedError(Exception):
    """An evaluation failed."""


class Seen(TableSpace):
    """A table as one search sees it: each network has one of three trainings, or fails; costs may have to be measured.

    Args:
        table: The true one.
        trainings: Errors of each network's trainings by genome, ``(3,)``; empty where the table has no noise.
        counted: Costs that are known without an evaluation.
        seed: Of the search: decides which training it sees.
    """

    def __init__(
        self, table: TableSpace, *, trainings: Mapping[Key, Floats], counted: Sequence[str], seed: int
    ) -> None:
        self.table, self.trainings, self.counted, self.seed = table, trainings, tuple(counted), seed

    @property
    def genes(self) -> tuple[Gene, ...]:
        """See :class:`evonas.spaces.Space`."""
        return self.table.genes

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """See :class:`TableSpace`."""
        return self.table.objectives

    def canonical(self, genome: Genome) -> Genome:
        """See :class:`evonas.spaces.Space`."""
        return self.table.canonical(genome)

    def count(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        known = self.table.count(genome) if self.counted else {}
        return {name: known[name] for name in self.counted}

    def look_up(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`.

        Raises:
            FailedError: One in twenty, if there is noise.
        """
        values = dict(self.table.look_up(genome))
        if self.trainings:
            key = tuple(map(int, genome))
            rng = np.random.default_rng([self.seed, *key])
            if rng.random() < FAILURES:
                raise FailedError
            values["err"] = float(self.trainings[key][rng.integers(TRAININGS)])
        return values


@dataclass(frozen=True)
class Problem:
    """A table, and what is minimised.

    Attributes:
        table: The true values.
        names: Objectives.
        counted: Those that are known without an evaluation.
        trainings: See :class:`Seen`.
    """

    table: TableSpace
    names: tuple[str, ...]
    counted: tuple[str, ...]
    trainings: Mapping[Key, Floats]

    def seen(self, seed: int) -> TableSpace:
        """The table as a search sees it."""
        return Seen(self.table, trainings=self.trainings, counted=self.counted, seed=seed)

    def true(self, genome: Key) -> list[float]:
        """Objectives of a network; of several trainings the mean."""
        key = tuple(map(int, self.table.canonical(np.array(genome))))
        values = dict(self.table.look_up(np.array(key)))
        if self.trainings:
            values["err"] = float(self.trainings[key].mean())
        return [values[name] for name in self.names]

    def shares(self, found: Sequence[Key], is_ok: Sequence[bool], counts: Sequence[int]) -> dict[str, float]:
        """Percent of the true front's hypervolume after so many networks; those that failed add nothing.

        Whoever found fewer is judged by all that it found.
        """
        keys = itertools.product(*(range(len(gene.choices)) for gene in self.table.genes))
        everything = np.array([self.true(key) for key in keys])
        low, high = everything.min(axis=0), everything.max(axis=0)
        reference = np.full(len(self.names), MARGIN)
        best = hypervolume((everything - low) / (high - low), reference_point=reference)
        points = (np.array([self.true(genome) for genome in found]) - low) / (high - low)
        points[~np.array(is_ok, dtype=bool)] = MARGIN
        return {str(n): 100 * hypervolume(points[:n], reference_point=reference) / best for n in counts}


def problems(table: str, *, names: Sequence[str] = ()) -> dict[str, Problem]:
    """Everything that is searched.

    Args:
        table: File of NAS-Bench-Macro; empty for none.
        names: Which of them; by default all.
    """
    makers: dict[str, Callable[[], Problem]] = {}
    if table:
        for costs in (("flops",), ("params",), ("flops", "params")):
            makers["-".join(("err", *costs))] = partial(macro, table, costs, counted=costs)
        makers["err-flops, both predicted"] = partial(macro, table, ("flops",), counted=())
        makers["err-flops, noisy"] = partial(macro, table, ("flops",), counted=("flops",), is_noisy=True)
    makers |= {kind: partial(made_up, kind) for kind in KINDS}
    makers["widths, noisy"] = partial(made_up, "widths", noise=NOISE)
    return {name: make() for name, make in makers.items() if not names or name in names}


def made_up(kind: str, *, noise: float = 0.0, seed: int = 0) -> Problem:
    """A made-up table."""
    table: MadeUp = KINDS[kind](seed)
    trainings: dict[Key, Floats] = {}
    if noise:
        rng = np.random.default_rng(seed)
        keys = itertools.product(*(range(len(gene.choices)) for gene in table.genes))
        factors = np.exp(rng.normal(0, noise, (len(table.columns["err"]), TRAININGS)))
        trainings = dict(zip(keys, table.columns["err"][:, None] * factors, strict=True))
    return Problem(table, tuple(table.columns), table.counted, trainings)


def macro(file: str, costs: tuple[str, ...], *, counted: tuple[str, ...], is_noisy: bool = False) -> Problem:
    """NAS-Bench-Macro, as a user's own space, with some of its costs."""
    example = Path(__file__).resolve().parents[2] / "examples" / "nasbench_macro.py"
    space = load_object(f"{example}:NasBenchMacro", type)(file)
    trainings: dict[Key, Floats] = {}
    if is_noisy:
        rows = pd.read_csv(file, dtype={"arch": str}).set_index("arch")
        errors = 100 - rows[[f"acc{n + 1}" for n in range(TRAININGS)]].to_numpy()
        trainings = {tuple(map(int, arch)): error for arch, error in zip(rows.index, errors, strict=True)}
    return Problem(space, ("err", *costs), counted, trainings)
