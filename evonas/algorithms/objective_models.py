"""What a search learns from its evaluations: a predictor for every objective and bound that cannot be counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import kendalltau

from evonas.algorithms.acquisition import PLAIN, Candidates
from evonas.algorithms.features import features, groups_of
from evonas.algorithms.flattening import Flattening
from evonas.evaluation.costs import Costs, Floats
from evonas.spaces.genome import Genomes, to_text
from objectives.fronts.pareto import is_nondominated
from surrogates.predictors.best_of import BestOf
from surrogates.predictors.predictor import Group, has_grown

Scale = Callable[[Floats], Flattening]
"""Makes a scale for some values."""


@dataclass
class ModelQuality:
    """How well a predictor ranked networks in a generation.

    Attributes:
        generation: Counted from 0.
        target: The objective, or ``"bound on NAME"``.
        evaluations: Number of evaluations it was fitted to.
        predictor: Its name.
        tau: Kendall's tau between what was measured and what is predicted for networks left out of the fit.
        is_used: Whether it was trusted; while one target's is not, no predictor proposes networks.
        proposed_tau: Kendall's tau of the networks that it proposed, once they are evaluated. They lie close together,
            so it is smaller; None where nothing was proposed.
    """

    generation: int
    target: str
    evaluations: int
    predictor: str
    tau: float
    is_used: bool
    proposed_tau: float | None = None


class ObjectiveModels:
    """Evaluations, and predictors fitted to them.

    Predicted objectives are flattened first, see :class:`Flattening`: where most evaluations are far worse than the
    best, predictors should rather tell the good ones apart.

    Args:
        costs: Counts what needs no evaluation; its space decides which choices are open.
        names: Names of the predictors to choose from.
    """

    def __init__(self, costs: Costs, *, names: Sequence[str]) -> None:
        self.costs, self.names = costs, tuple(names)
        measures = costs.measures
        self.n_objectives = len(measures.objectives)
        self._targets = [*measures.objectives, *(f"bound on {name}" for name in measures.bounds)]
        is_known = [name in costs.names for name in (*measures.objectives, *measures.bounds)]
        self._unknown = [index for index, known in enumerate(is_known) if not known]
        self.is_counted_bound = np.array(is_known[self.n_objectives :], dtype=bool)
        self.genomes: Genomes = np.empty((0, len(costs.space.genes)), dtype=np.int64)
        self._told: Floats = np.empty((0, len(self._targets)))
        self._counted: dict[str, Floats] = {name: np.empty(0) for name in costs.names}
        self._choices: dict[int, BestOf] = {}
        self._fits: dict[int, tuple[Scale, BestOf]] = {}
        self._scaled_at = 0
        self._predicted: dict[str, Floats] = {}
        self.qualities: list[ModelQuality] = []

    def __len__(self) -> int:
        return len(self.genomes)

    def forget(self) -> None:
        """Forget all evaluations, as when another supernet values on another scale."""
        self.genomes, self._told, self._choices, self._predicted = self.genomes[:0], self._told[:0], {}, {}
        self._fits, self._scaled_at = {}, 0
        self._counted = {name: column[:0] for name, column in self._counted.items()}

    def add(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """Take evaluations in; those with unknown values are left out."""
        told, counted = np.concatenate([points, violations], axis=1), self.costs.columns(genomes)
        is_whole = np.isfinite(np.column_stack([told, *counted.values()])).all(axis=1)
        self._compare(genomes[is_whole], told[is_whole])
        self.genomes = np.concatenate([self.genomes, genomes[is_whole]])
        self._told = np.concatenate([self._told, told[is_whole]])
        self._counted = {name: np.append(known, counted[name][is_whole]) for name, known in self._counted.items()}

    def fit(self, generation: int) -> bool:
        """Fit the predictors to all evaluations; returns whether all of them are useful."""
        genes = self.costs.space.genes
        x = features(genes, self.genomes, costs=self._counted)
        self._center, self._scale = _cost_scale(x, len(self._counted))
        x = (x - self._center) / self._scale
        self.scales = [PLAIN] * len(self._targets)
        is_time = has_grown(self._scaled_at, len(self))
        self._scaled_at = len(self) if is_time else self._scaled_at
        groups = groups_of(genes, n_costs=len(self._counted))
        for target in self._unknown:
            if is_time:
                self._fits[target] = self._best_scale(x, target, groups)
            make, choice = self._fits[target]
            self.scales[target] = make(self._told[:, target])
            choice.fit(x, self.scales[target].flat(self._told[:, target]))
            self._choices[target] = choice
            about = (generation, self._targets[target], len(self))
            self.qualities.append(ModelQuality(*about, choice.name, float(choice.tau), is_used=choice.is_useful))
        return bool(self._unknown) and all(self._choices[target].is_useful for target in self._unknown)

    def _best_scale(self, x: Floats, target: int, groups: Sequence[Group]) -> tuple[Scale, BestOf]:
        """The scale in which rows that were left out are the most likely, and predictors for it."""
        values, scored = self._told[:, target], []
        for make in (Flattening.of, Flattening.none) if target < self.n_objectives else (Flattening.none,):
            scale = make(values)
            flat, choice = scale.flat(values), BestOf(self.names, groups=groups)
            error = float(((choice.fit(x, flat).left_out - flat) ** 2).mean())
            scored.append((scale.log_slopes(values) - 0.5 * len(x) * np.log(max(error, 1e-300)), make, choice))
        _, make, choice = max(scored, key=lambda one: one[0])
        return make, choice

    def predict(self, genomes: Genomes, counted: Mapping[str, Floats]) -> tuple[Candidates, Floats]:
        """What to expect of genomes, counted where that is possible; to be called after :meth:`fit`.

        Args:
            genomes: ``(n, n_genes)``.
            counted: Their costs by name, from :meth:`evonas.evaluation.costs.Costs.count`.

        Returns:
            Objectives, and how far each bound is exceeded, ``(n, n_constraints)``.
        """
        x = features(self.costs.space.genes, genomes, costs=counted)
        x = (x - self._center) / self._scale
        means = np.concatenate(self.costs.objectives_and_violations(counted, len(genomes)), axis=1)
        spreads, feasible = np.zeros_like(means), np.ones(len(genomes))
        n = self.n_objectives
        for target in self._unknown if len(genomes) else ():
            means[:, target], spreads[:, target] = self._choices[target].predict(x)
            if target >= n:
                feasible *= ndtr(-means[:, target] / np.maximum(spreads[:, target], 1e-12))
        return Candidates(means[:, :n], spreads[:, :n], self.scales[:n], feasible), means[:, n:]

    @property
    def told(self) -> Floats:
        """Objectives of all evaluations, ``(n, n_objectives)``."""
        return self._told[:, : self.n_objectives]

    def front(self) -> tuple[Genomes, Floats]:
        """The best evaluations within the bounds, and their objectives."""
        is_feasible = ~(self._told[:, self.n_objectives :] > 0).any(axis=1)
        genomes, points = self.genomes[is_feasible], self.told[is_feasible]
        is_best = is_nondominated(points)
        return genomes[is_best], points[is_best]

    def mark_unused(self) -> None:
        """Record that this generation used no predictor."""
        for quality in self.qualities[-len(self._unknown) :]:
            quality.is_used = False

    def expect(self, genomes: Genomes, means: Floats) -> None:
        """Remember the predictions for genomes that will be evaluated, to compare them later."""
        self._predicted = {to_text(genome): mean for genome, mean in zip(genomes, means, strict=True)}

    def _compare(self, genomes: Genomes, told: Floats) -> None:
        """Compare the predicted ranks of proposed networks with the ranks found by evaluation."""
        keys = [to_text(genome) for genome in genomes]
        pairs = [(self._predicted[key], found) for key, found in zip(keys, told, strict=True) if key in self._predicted]
        self._predicted = {}
        for quality in self.qualities[-len(self._unknown) :] if len(pairs) > 2 else []:
            column = self._targets.index(quality.target)
            if column < self.n_objectives:
                predicted, found = zip(*((old[column], new[column]) for old, new in pairs), strict=True)
                tau = float(kendalltau(predicted, found).statistic)
                quality.proposed_tau = None if np.isnan(tau) else tau


def _cost_scale(x: Floats, n_costs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center and scale of features: choices stay as they are, costs get a similar spread."""
    center, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
    if n_costs:
        center[-n_costs:] = x[:, -n_costs:].mean(axis=0)
        deviation = x[:, -n_costs:].std(axis=0)
        scale[-n_costs:] = np.where(deviation > 1e-9, 2 * deviation, 1.0)
    return center, scale
