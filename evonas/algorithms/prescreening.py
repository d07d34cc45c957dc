"""Learned predictors decide which networks are evaluated, by a search inside the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from evonas.algorithms.acquisition import choose
from evonas.algorithms.algorithm import Algorithm, Floats
from evonas.algorithms.objective_models import ObjectiveModels
from evonas.spaces import Space
from evonas.spaces.genome import Genomes, to_text

LEAST_EVALUATIONS = 20  # before anything is learned from them
INNER_GENERATIONS = 10
INNER_POPULATION = 40  # beside the front that the inner search starts from
UNCERTAIN_SHARE = 0.1  # of the networks proposed: those of which the least is known

DEFAULT_PREDICTORS = ("gaussian_process", "ridge", "forest")
# More than docs/experiments/overhead-and-archive.md measures; a constant, so that no result depends on a clock.
SECONDS_PER_PROPOSAL = 0.02

Inner = Callable[[Space, Genomes, int], Algorithm]
"""Makes an inner search: space, first generation, seed."""


def chosen_predictors(space: Space) -> tuple[tuple[str, ...], str]:
    """Which predictors ``predictors = "auto"`` stands for, and, if it stands for none, why.

    Depends on what the space declares, never on a clock: the same seed asks the same questions on any machine.
    """
    seconds = space.seconds
    if seconds is None or seconds >= SECONDS_PER_PROPOSAL:
        return DEFAULT_PREDICTORS, ""
    return (), (
        f"Off: an evaluation is declared to take {1e3 * seconds:g} ms, less than the {1e3 * SECONDS_PER_PROPOSAL:g} ms "
        "that a proposal may cost. Name predictors in the run file to have them all the same."
    )


class Prescreened(Algorithm):
    """Searches on predicted values, and asks only for the most promising networks.

    Costs are counted, never predicted; every other objective, and every bound on one, has a predictor of its own that
    is fitted again in each generation. While one of them ranks no better than chance, the outer algorithm asks instead.

    Args:
        outer: Asks as long as there is too little to learn from; keeps the population.
        models: The predictors.
        inner: Makes the search on predicted values.
        n_proposed: Networks asked for in a generation.
        rng: Source of randomness.

    References:
        Lu 2020, "NSGANetV2: evolutionary multi-objective surrogate-assisted neural architecture search", for the
        search inside the search and for choosing the predictor by its rank correlation.
    """

    def __init__(
        self,
        outer: Algorithm,
        *,
        models: ObjectiveModels,
        inner: Inner,
        n_proposed: int,
        rng: np.random.Generator,
    ) -> None:
        self.outer, self.models, self.inner = outer, models, inner
        self.min_evaluations = outer.min_evaluations
        self.n_proposed, self.rng = n_proposed, rng
        self._seen: set[str] = set()
        self._generation = -1

    def ask(self) -> Genomes:
        """See :class:`Algorithm`."""
        self._generation += 1
        is_useful = len(self.models) >= LEAST_EVALUATIONS and self.models.fit(self._generation)
        fresh = self._proposed() if is_useful else None
        while fresh is None:
            asked = self.outer.ask()
            # it does not know which proposals failed
            is_new = np.array([to_text(genome) not in self._seen for genome in asked], dtype=bool)
            fresh = asked[is_new] if is_new.any() or len(asked) == 0 else None
        self._seen.update(map(to_text, fresh))
        return fresh

    def tell(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """See :class:`Algorithm`."""
        self.outer.tell(genomes, points, violations)
        self.models.add(genomes, points, violations)

    def population(self) -> Genomes:
        """See :class:`Algorithm`."""
        return self.outer.population()

    def change_space(self, space: Space) -> None:
        """See :class:`Algorithm`."""
        self.models.costs.space = space
        self.outer.change_space(space)

    def reassess(self, genomes: Genomes, points: Floats, violations: Floats) -> None:
        """See :class:`Algorithm`; what was learned from other values is forgotten."""
        self.outer.reassess(genomes, points, violations)
        self.models.forget()
        self.models.add(genomes, points, violations)

    @property
    def facts(self) -> list[dict[str, object]]:
        """One row per generation and target: :class:`evonas.algorithms.objective_models.ModelQuality`'s attributes."""
        return [asdict(quality) for quality in self.models.qualities]

    def _proposed(self) -> Genomes | None:
        """The most promising networks; None if no new one was found."""
        genomes, means, spreads = self._candidates()
        if len(genomes) == 0:
            self.models.mark_unused()
            return None
        n_uncertain = round(UNCERTAIN_SHARE * self.n_proposed)
        front = self.models.front()[1]
        chosen = choose(front, means, spreads, n=self.n_proposed, n_uncertain=n_uncertain)
        self.models.expect(genomes[chosen], means[chosen])
        return genomes[chosen]

    def _predicted(self, genomes: Genomes) -> tuple[Genomes, Floats, Floats, Floats]:
        """Genomes whose costs can all be counted, and the predictions for them."""
        counted = self.models.costs.count(genomes)
        is_counted = np.broadcast_to(np.all([np.isfinite(cost) for cost in counted.values()], axis=0), len(genomes))
        counted = {name: cost[is_counted] for name, cost in counted.items()}
        return genomes[is_counted], *self.models.predict(genomes[is_counted], counted)

    def _candidates(self) -> tuple[Genomes, Floats, Floats]:
        """New genomes within the bounds that an inner search visits, and the predictions for them."""
        space = self.models.costs.space
        first = [*self.models.front()[0], *space.sample(self.rng, INNER_POPULATION)]
        distinct = np.stack(list({to_text(genome): genome for genome in first}.values()))
        search = self.inner(space, distinct, int(self.rng.integers(2**31)))
        found: list[tuple[Genomes, Floats, Floats]] = []
        for _ in range(INNER_GENERATIONS):
            genomes = search.ask()
            if len(genomes) == 0:
                break
            genomes, means, spreads, violations = self._predicted(genomes)
            search.tell(genomes, means, violations)
            is_new = np.array([to_text(genome) not in self._seen for genome in genomes], dtype=bool)
            keep = is_new & ~(violations > 0).any(axis=1)
            found.append((genomes[keep], means[keep], spreads[keep]))
        genomes, means, spreads = (np.concatenate(part) for part in zip(*found, strict=True))
        return genomes, means, spreads
