"""Analytic costs of genomes, and which bounds they violate: all that is known before an evaluation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.errors import RunFileError, nearest
from evonas.evaluation.job import Outcome, checked
from evonas.evaluation.measures import Measures
from evonas.spaces import NetworkSpace, Space, TableSpace
from evonas.spaces.genome import Genome, Genomes
from objectives import OBJECTIVES
from objectives.device.table import is_of_device
from objectives.fronts.scaling import Scaling, tamed

Floats = NDArray[np.float64]
COSTS = ("model_size", "parameters", "bitops", "macs")  # of a network: what predictors look at


class Costs(ABC):
    """Counts genomes of a space.

    What is asked for or evaluated is counted once and remembered (:meth:`counted`, :meth:`columns`); candidates that
    predictors look at are counted and forgotten (:meth:`count`).

    Args:
        measures: What the run measures.
        scaling: The scale on which the algorithm is told objectives.
        names: Costs that the algorithm and its predictors look at.

    Attributes:
        space: Whose genomes are counted.
        rejections: Genomes that exceeded a bound, by the first bound that they exceeded.
    """

    space: Space

    def __init__(self, measures: Measures, *, scaling: Scaling, names: Sequence[str]) -> None:
        self.measures, self.scaling, self.names = measures, scaling, tuple(names)
        self.rejections: Counter[str] = Counter()
        self._known: dict[bytes, Outcome] = {}

    @abstractmethod
    def count(self, genomes: Genomes) -> dict[str, Floats]:
        """Costs by name, each ``(n,)`` in its own unit; NaN where a function of the user's fails."""

    @abstractmethod
    def _count_all(self, genomes: Genomes) -> list[Outcome]:
        """All that is counted of each genome, or why it cannot be."""

    def counted(self, genomes: Genomes) -> list[Outcome]:
        """All that is counted of each genome, or the reason why it cannot be; what is known already is not repeated."""
        keys = [genome.tobytes() for genome in np.ascontiguousarray(genomes)]
        fresh = {key: genome for key, genome in zip(keys, genomes, strict=True) if key not in self._known}
        if fresh:
            found = self._count_all(np.stack(list(fresh.values())))
            self._known.update(zip(fresh, found, strict=True))
        return [self._known[key] for key in keys]

    def columns(self, genomes: Genomes) -> dict[str, Floats]:
        """The same as :meth:`count`, remembered."""
        counted = self.counted(genomes)
        return {
            name: np.array([outcome.values.get(name, np.nan) for outcome in counted], dtype=float)
            for name in self.names
        }

    def objectives_and_violations(self, values: Mapping[str, Floats], n: int) -> tuple[Floats, Floats]:
        """What an algorithm is told: objectives by logarithm, relative excess over each bound; NaN for what is unknown.

        Logarithms change no dominance, but spread the population evenly over orders of magnitude, of the error too: the
        accurate end of the front is where users look, and on a plain scale it is a corner.

        Args:
            values: By name, each ``(n,)``.
            n: Genomes.

        Returns:
            ``(n, n_objectives)`` and ``(n, n_constraints)``.
        """
        nothing = np.full(n, np.nan)
        columns = [values.get(name, nothing) for name in self.measures.objectives]
        points = self.scaling.log_transform(np.stack(columns, axis=1))
        excess = [
            _excess(values.get(name, nothing), bound, sign=self.measures.table[name].sign)
            for name, bound in self.measures.bounds.items()
        ]
        return points, np.array(excess, dtype=float).reshape(len(excess), n).T

    def within_bounds(self, violations: Floats) -> NDArray[np.bool_]:
        """Which genomes exceed no bound that is known before an evaluation; the others are counted by bound."""
        is_beyond = violations > 0  # NaN is not
        first = is_beyond & (is_beyond.cumsum(axis=1) == 1)  # a network counts once, under the first bound
        for name, n in zip(self.measures.bounds, first.sum(axis=0), strict=True):
            if n:
                side = "below" if self.measures.table[name].is_maximised else "above"
                self.rejections[f"{name} {side} {self.measures.bounds[name]:g}"] += int(n)
        return np.asarray(~is_beyond.any(axis=1), dtype=bool)

    def keep_bounds(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Which genomes exceed no bound that is known before an evaluation; none is counted as rejected."""
        violations = self.objectives_and_violations(self.count(genomes), len(genomes))[1]
        return np.asarray(~(violations > 0).any(axis=1), dtype=bool)  # NaN is not above 0


class NetworkCosts(Costs):
    """Costs of networks, counted for many at once where that is possible.

    Args:
        space: Decodes genomes.
        measures, scaling: See :class:`Costs`.
    """

    space: NetworkSpace

    def __init__(self, space: NetworkSpace, measures: Measures, *, scaling: Scaling) -> None:
        looked_at = {*measures.objectives, *measures.bounds, *COSTS}
        super().__init__(measures, scaling=scaling, names=[name for name in measures.analytic if name in looked_at])
        self.space = space
        # only our own measures are known to count many networks at once
        table = measures.table
        self._fast = {
            name for name in measures.analytic if table[name] is OBJECTIVES.get(name) or is_of_device(table[name])
        }

    def count(self, genomes: Genomes) -> dict[str, Floats]:
        """See :class:`Costs`."""
        values, _ = self._count(genomes, self.names)
        return {name: _finite(np.asarray(column, dtype=float)) for name, column in values.items()}

    def _count_all(self, genomes: Genomes) -> list[Outcome]:
        names = self.measures.analytic
        values, reasons = self._count(genomes, names)
        rows = zip(*(np.asarray(values[name]).tolist() for name in names), strict=True)
        return [
            Outcome({}, reason) if reason else checked(dict(zip(names, row, strict=True)), names)
            for row, reason in zip(rows, reasons, strict=True)
        ]

    def _count(self, genomes: Genomes, names: Sequence[str]) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
        """Columns by name, and why a genome cannot be counted."""
        layers = self.space.batch_layers(genomes)
        slow = [name for name in names if layers is None or name not in self._fast]
        columns: dict[str, NDArray[np.generic]] = {}
        for name in names:
            measure = self.measures.table[name].measure
            if name not in slow and measure is not None and layers is not None:
                columns[name] = np.broadcast_to(np.asarray(measure(layers)), len(genomes))
        by_one, reasons = self._one_by_one(genomes, slow) if slow else ({}, [""] * len(genomes))
        columns |= by_one
        return {name: columns[name] for name in names}, reasons

    def _one_by_one(self, genomes: Genomes, names: Sequence[str]) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
        columns: dict[str, list[float]] = {name: [] for name in names}
        reasons = []
        for genome in genomes:
            layers, reason = self.space.decode(genome).layers, ""
            for name in names:
                measure, value = self.measures.table[name].measure, np.nan
                assert measure is not None
                try:
                    found = measure(layers)
                    value = found if isinstance(found, int) else float(found)
                except Exception as error:  # the user's code
                    reason = reason or f"{name}: {type(error).__name__}: {error}"
                columns[name].append(value)
            reasons.append(reason)
        return {name: np.array(values) for name, values in columns.items()}, reasons


class TableCosts(Costs):
    """Costs that a table or a formula knows without being evaluated.

    Args:
        space: The table or formula, which counts.
        measures, scaling: See :class:`Costs`.

    Raises:
        RunFileError: The space counts something that it does not measure.
    """

    space: TableSpace

    def __init__(self, space: TableSpace, measures: Measures, *, scaling: Scaling) -> None:
        super().__init__(measures, scaling=scaling, names=_counted_names(space, measures))
        self.space = space

    def count(self, genomes: Genomes) -> dict[str, Floats]:
        """See :class:`Costs`."""
        found = [count_table(self.space, genome) for genome in genomes] if self.names else []
        return {name: _finite(np.array([values.get(name, np.nan) for values in found])) for name in self.names}

    def _count_all(self, genomes: Genomes) -> list[Outcome]:
        """A failure here refuses no genome: its evaluation will report what is wrong with it."""
        found = [count_table(self.space, genome) if self.names else {} for genome in genomes]
        return [Outcome({name: one for name, one in values.items() if math.isfinite(one)}, "") for values in found]


def count_table(space: TableSpace, genome: Genome) -> dict[str, float]:
    """What a table or a formula counts of a genome without being evaluated; nothing where that fails."""
    try:
        return {name: float(value) for name, value in space.count(genome).items()}
    except Exception:  # the user's code: the evaluation will say what is wrong with that genome
        return {}


def _counted_names(space: TableSpace, measures: Measures) -> tuple[str, ...]:
    """What a table or a formula counts without being evaluated."""
    for genome in (np.zeros(len(space.genes), dtype=np.int64), *space.sample(np.random.default_rng(0), 8)):
        known = count_table(space, space.repair(genome))
        if unknown := [name for name in known if name not in measures.table]:
            raise RunFileError(
                f"a count of {', '.join(measures.table)}",
                found=", ".join(unknown),
                remedy=nearest(unknown[0], measures.table),
            )
        if known:
            return tuple(name for name in measures.table if name in known)
    return ()


MOST_EXCESS = 1e300  # whatever is beyond a bound by more counts the same


def _excess(values: Floats, bound: float, *, sign: float) -> Floats:
    """How far values lie beyond a bound, as a share of it; as a difference for a bound of 0."""
    with np.errstate(over="ignore"):
        excess = sign * (values / 2 - bound / 2) / (abs(bound) / 2 or 0.5)
    return tamed(np.clip(excess, -MOST_EXCESS, MOST_EXCESS))


def _finite(found: Floats) -> Floats:
    return np.where(np.isfinite(found), found, np.nan)
