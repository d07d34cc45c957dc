"""What is known of a genome before it is evaluated: costs that are counted, bounds that they exceed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.errors import RunFileError, nearest
from evonas.genome import Gene
from evonas.measures import Measures, counted_early
from evonas.operators import Genomes
from evonas.spaces import NetworkSpace, Space, TableSpace
from objectives import OBJECTIVES, Objective
from objectives.scaling import Scaling
from reports.run_folder import Row

Floats = NDArray[np.float64]
COSTS = ("model_size", "parameters", "bitops", "macs")  # of a network: what predictors and corrections look at


class Costs:
    """Counts genomes of a space.

    Args:
        space: Decodes them, or counts itself if it is a table or a formula.
        measures: What the run measures.
        scaling: How the algorithm is told objectives.
    """

    def __init__(self, space: Space, measures: Measures, *, scaling: Scaling) -> None:
        self.space, self.measures, self.scaling = space, measures, scaling
        told = (*measures.objectives, *measures.bounds)
        if isinstance(space, TableSpace):
            self.names = _counted_names(space, measures)
        else:
            counted = [name for name, one in measures.table.items() if one.measure is not None]
            self.names = tuple(name for name in counted if name in {*told, *COSTS})
        self.rejections: Counter[str] = Counter()

    def count(self, genomes: Genomes) -> dict[str, Floats]:
        """Costs by name, each ``(n,)`` in its own unit; NaN where a function of the user's fails."""
        if isinstance(self.space, TableSpace):
            found = [counted_early(self.space, genome) for genome in genomes]
            return {name: _finite([values.get(name, np.nan) for values in found]) for name in self.names}
        assert isinstance(self.space, NetworkSpace)
        layers, found_costs = self.space.batch_layers(genomes), {}
        for name in self.names:
            objective = self.measures.table[name]
            # only our own measures are known to count many networks at once
            if layers is not None and objective is OBJECTIVES.get(name) and objective.measure is not None:
                found_costs[name] = np.broadcast_to(np.asarray(objective.measure(layers), dtype=float), len(genomes))
            else:
                found_costs[name] = self._one_by_one(genomes, objective)
        return found_costs

    def told(self, genomes: Genomes) -> tuple[Floats, Floats]:
        """Points and violations as :func:`as_told` gives them, NaN for what only an evaluation tells."""
        return as_told(self.count(genomes), len(genomes), measures=self.measures, scaling=self.scaling)

    def within_bounds(self, violations: Floats) -> NDArray[np.bool_]:
        """Which genomes exceed no bound that is known beforehand; the others are counted by bound."""
        is_beyond = violations > 0  # NaN is not
        first = is_beyond & (is_beyond.cumsum(axis=1) == 1)  # a network counts once, under the first bound
        for name, n in zip(self.measures.bounds, first.sum(axis=0), strict=True):
            if n:
                self.rejections[f"{name} above {self.measures.bounds[name]:g}"] += int(n)
        return np.asarray(~is_beyond.any(axis=1), dtype=bool)

    def keep_bounds(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Which genomes exceed no bound that is known beforehand; none is counted as rejected."""
        return np.asarray(~(self.told(genomes)[1] > 0).any(axis=1), dtype=bool)  # NaN is not above 0

    def _one_by_one(self, genomes: Genomes, objective: Objective) -> Floats:
        assert isinstance(self.space, NetworkSpace)
        assert objective.measure is not None
        values = []
        for genome in genomes:
            try:
                values.append(float(objective.measure(self.space.decode(genome).layers)))
            except Exception:  # the user's code: the evaluation will say what is wrong with it
                values.append(np.nan)
        return _finite(values)


def _counted_names(space: TableSpace, measures: Measures) -> tuple[str, ...]:
    """What a table or a formula counts without being evaluated."""
    for genome in (np.zeros(len(space.genes), dtype=np.int64), *space.sample(np.random.default_rng(0), 8)):
        known = counted_early(space, space.repair(genome))
        if unknown := [name for name in known if name not in measures.table]:
            raise RunFileError(
                f"a count of {', '.join(measures.table)}",
                found=", ".join(unknown),
                remedy=nearest(unknown[0], measures.table),
            )
        if known:
            return tuple(name for name in measures.table if name in known)
    return ()


def _finite(values: Sequence[float]) -> Floats:
    found = np.array(values, dtype=float)
    return np.where(np.isfinite(found), found, np.nan)


def as_told(values: Mapping[str, Floats], n: int, *, measures: Measures, scaling: Scaling) -> tuple[Floats, Floats]:
    """What an algorithm is told: objectives by logarithm, relative excess over each bound; NaN for what is not there.

    Logarithms change no dominance, but spread the population evenly over orders of magnitude, of the error too: the
    accurate end of the front is where users look, and on a plain scale it is a corner.

    Args:
        values: By name, each ``(n,)``.
        n: Genomes.
        measures: Objectives and bounds.
        scaling: Of the objectives.

    Returns:
        ``(n, n_objectives)`` and ``(n, n_constraints)``.
    """
    nothing = np.full(n, np.nan)
    points = scaling.spread(np.stack([values.get(name, nothing) for name in measures.objectives], axis=1))
    excess = [values.get(name, nothing) / bound - 1 for name, bound in measures.bounds.items()]
    return points, np.array(excess, dtype=float).reshape(len(excess), n).T


def told_rows(rows: Sequence[Row], *, measures: Measures, scaling: Scaling) -> tuple[Floats, Floats]:
    """:func:`as_told` for evaluations that succeeded."""
    names = (*measures.objectives, *measures.bounds)
    values = {name: np.array([row.values[name] for row in rows], dtype=float) for name in names}
    return as_told(values, len(rows), measures=measures, scaling=scaling)


def features(genes: Sequence[Gene], genomes: Genomes, *, costs: Mapping[str, Floats]) -> Floats:
    """Genomes as predictors see them: a column a choice, one for the order of ordered genes, one a cost.

    Args:
        genes: Of the space.
        genomes: ``(n, n_genes)``.
        costs: By name, ``(n,)`` each; taken by logarithm.

    Returns:
        ``(n, n_features)``.
    """
    searched = [index for index, gene in enumerate(genes) if len(gene.choices) > 1]
    if not searched and not costs:
        return np.zeros((len(genomes), 1))
    chosen = genomes[:, searched]
    is_ordered = np.array([genes[index].is_ordered for index in searched], dtype=bool)
    n_choices = np.array([len(genes[index].choices) for index in searched], dtype=np.int64)
    ends = (is_ordered + n_choices).cumsum()  # of the columns of each gene, the first that of its order
    starts, n_features = ends - is_ordered - n_choices, int(ends[-1]) if searched else 0
    x = np.zeros((len(genomes), n_features + len(costs)))
    # neighbours resemble each other, and are not the same
    x[:, starts[is_ordered]] = (chosen / (n_choices - 1) - 0.5)[:, is_ordered]
    x[np.arange(len(genomes))[:, None], starts + is_ordered + chosen] = np.where(is_ordered, 0.5, 1.0)
    for column, cost in enumerate(costs.values(), start=n_features):
        x[:, column] = np.log(np.maximum(cost, 1e-12))
    return x
