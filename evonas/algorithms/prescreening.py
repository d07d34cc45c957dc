"""Learned predictors decide which networks are evaluated, by a search inside the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from evonas.algorithms.acquisition import Candidates, choose
from evonas.algorithms.algorithm import Algorithm, Floats
from evonas.algorithms.objective_models import ObjectiveModels
from evonas.spaces import Space
from evonas.spaces.genome import Genomes
from surrogates.threads import one_blas_thread

LEAST_EVALUATIONS = 20  # before anything is learned from them
INNER_GENERATIONS = 10
INNER_POPULATION = 40  # beside the front that the inner search starts from
DRAWN = 1000  # candidates beside those of the inner search: neighbours of the front at most, and as many random ones
EVOLVED_SHARE = 0.2  # of what is proposed: bred by the outer algorithm, for what predictors are wrong about
BATCH_SHARE = 0.1  # of what is known: what is proposed at a time, and no more than the run file says

DEFAULT_PREDICTORS = ("gaussian_process",)
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
    is fitted again in each generation. While one of them is not useful, see
    :attr:`surrogates.predictors.best_of.BestOf.is_useful`, the outer algorithm asks instead; it also breeds a share of
    what is proposed.

    Args:
        outer: Asks as long as there is too little to learn from; keeps the population.
        models: The predictors.
        inner: Makes the search on predicted values.
        n_proposed: Networks asked for in a generation, at most; fewer while little is known.
        rng: Source of randomness.

    References:
        Lu 2020, "NSGANetV2: evolutionary multi-objective surrogate-assisted neural architecture search", for the
        search inside the search.
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
        self._seen: set[bytes] = set()
        self._generation = -1

    def ask(self, awaited: Genomes | None = None) -> Genomes:
        """See :class:`Algorithm`."""
        self._generation += 1
        with one_blas_thread():
            is_useful = len(self.models) >= LEAST_EVALUATIONS and self.models.fit(self._generation)
            fresh = self._proposed(awaited) if is_useful else None
        while fresh is None:
            asked = self.outer.ask()
            # it does not know which proposals failed
            is_new = np.array([genome.tobytes() not in self._seen for genome in asked], dtype=bool)
            fresh = asked[is_new] if is_new.any() or len(asked) == 0 else None
        self._seen.update(genome.tobytes() for genome in fresh)
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

    def _proposed(self, awaited: Genomes | None) -> Genomes | None:
        """The most promising networks, given what is being evaluated; None if no new one was found."""
        genomes, candidates = self._candidates()
        if len(genomes) == 0:
            self.models.mark_unused()
            return None
        n = min(self.n_proposed, max(1, round(BATCH_SHARE * len(self.models))))
        front = self.models.front()[1]
        expected = None if awaited is None or not len(awaited) else self._predicted(awaited)[1].told()
        bred = self._bred(int(EVOLVED_SHARE * n))
        keys = {genome.tobytes() for genome in bred}
        chosen = choose(front, candidates, n=n, awaited=expected, seen=self.models.told)
        chosen = [index for index in chosen if genomes[index].tobytes() not in keys][: n - len(bred)]
        self.models.expect(genomes[chosen], candidates.means[chosen])
        return np.concatenate([genomes[chosen], bred])

    def _bred(self, n: int) -> Genomes:
        """New offspring of the outer algorithm, at most ``n``."""
        asked = self.outer.ask() if n else self.models.genomes[:0]
        is_new = np.array([genome.tobytes() not in self._seen for genome in asked], dtype=bool)
        bred: Genomes = asked[is_new][:n]
        return bred

    def _candidates(self) -> tuple[Genomes, Candidates]:
        """New genomes that keep the bounds that are counted, and the predictions for them.

        Those that an inner search visits, those that differ from a network of the front in one gene, and random ones:
        what predictors are unsure of is hardly where they predict a front.
        """
        space = self.models.costs.space
        drawn = [*self._visited(space), self._neighbours(space), space.sample(self.rng, DRAWN)]
        distinct = {genome.tobytes(): genome for genome in np.concatenate(drawn)}
        fresh = [genome for key, genome in distinct.items() if key not in self._seen]
        genomes = np.array(fresh, dtype=np.int64).reshape(-1, len(space.genes))
        genomes, candidates, violations = self._predicted(genomes)
        keep = np.asarray(~(violations[:, self.models.is_counted_bound] > 0).any(axis=1), dtype=bool)
        return genomes[keep], candidates.some(keep)

    def _predicted(self, genomes: Genomes) -> tuple[Genomes, Candidates, Floats]:
        """Genomes whose costs can all be counted, and the predictions for them."""
        counted = self.models.costs.count(genomes)
        is_counted = np.broadcast_to(np.all([np.isfinite(cost) for cost in counted.values()], axis=0), len(genomes))
        counted = {name: cost[is_counted] for name, cost in counted.items()}
        return genomes[is_counted], *self.models.predict(genomes[is_counted], counted)

    def _visited(self, space: Space) -> list[Genomes]:
        """What a search on predicted values asks for."""
        first = [*self.models.front()[0], *space.sample(self.rng, INNER_POPULATION)]
        distinct = np.stack(list({genome.tobytes(): genome for genome in first}.values()))
        search = self.inner(space, distinct, int(self.rng.integers(2**31)))
        found: list[Genomes] = []
        for _ in range(INNER_GENERATIONS):
            genomes = search.ask()
            if len(genomes) == 0:
                break
            genomes, candidates, violations = self._predicted(genomes)
            search.tell(genomes, candidates.means, violations)
            found.append(genomes)
        return found

    def _neighbours(self, space: Space) -> Genomes:
        """Networks that differ from one of the front in one gene, before repair; a random choice if they are many."""
        front, n_open = self.models.front()[0], np.array([gene.n_open for gene in space.genes])
        of, gene = (
            np.repeat(np.arange(len(front)), n_open.sum()),
            np.tile(np.repeat(np.arange(len(n_open)), n_open), len(front)),
        )
        choice = np.tile(np.concatenate([np.arange(n) for n in n_open]), len(front))
        is_other = choice != front[of, gene]
        moves = np.flatnonzero(is_other)
        moves = moves if len(moves) <= DRAWN else np.sort(self.rng.choice(moves, DRAWN, replace=False))
        near = front[of[moves]]
        near[np.arange(len(near)), gene[moves]] = choice[moves]
        return space.repair_all(near) if len(near) else near
