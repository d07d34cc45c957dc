"""The only file that speaks pymoo: NSGA-II over genomes, asked and told in evonas' own terms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.selection import Selection
from pymoo.core.termination import NoTermination
from pymoo.operators.selection.tournament import TournamentSelection

from evonas.genome import to_text
from evonas.operators import Genomes, mutate, uniform_crossover
from evonas.spaces import Space

MATE_CANDIDATES = 5


class Nsga2:
    """NSGA-II (Deb 2002) that asks for genomes it has never asked for before.

    Deterministic: the same seed and the same answers give the same questions, which is what resuming rests on.

    Args:
        space: Gives genes and repair.
        first: Genomes of the first generation, ``(n, n_genes)``, repaired and distinct.
        n_objectives: Columns told.
        n_constraints: Columns of constraint violations told.
        population: Survivors, and offspring, of a generation.
        crossover_rate: Share of matings that mix their parents.
        mutation_rate: Chance a gene.
        seed: Of everything random here.
    """

    def __init__(
        self,
        space: Space,
        *,
        first: Genomes,
        n_objectives: int,
        n_constraints: int,
        population: int,
        crossover_rate: float,
        mutation_rate: float,
        seed: int,
    ) -> None:
        self._seen: set[str] = set()
        self._asked = Population.create()
        self._n_genes = len(space.genes)
        self._repair = _Repair(space)
        rng = np.random.default_rng(seed)
        self._mutation = _Mutation(space, rng, rate=mutation_rate)
        self._algorithm = NSGA2(
            pop_size=population,
            sampling=first,
            selection=_NearMates(rng),
            crossover=_Crossover(rng, rate=crossover_rate),
            mutation=self._mutation,
            repair=self._repair,
            eliminate_duplicates=_NeverAskedBefore(self._seen),
        )
        upper = np.array([len(gene.choices) - 1 for gene in space.genes])
        problem = Problem(
            n_var=len(space.genes), n_obj=n_objectives, n_ieq_constr=n_constraints, xl=0, xu=upper, vtype=int
        )
        self._algorithm.setup(problem, termination=NoTermination(), seed=seed)

    def ask(self) -> Genomes:
        """Genomes to evaluate next, ``(n, n_genes)``; no rows when the space seems exhausted."""
        asked = self._algorithm.ask()
        self._asked = Population.create() if asked is None else asked
        genomes = np.asarray(self._asked.get("X"), dtype=np.int64).reshape(-1, self._n_genes)
        self._seen.update(map(to_text, genomes))
        return genomes

    def tell(self, points: NDArray[np.float64], violations: NDArray[np.float64], is_ok: NDArray[np.bool_]) -> None:
        """Answer the last :meth:`ask`.

        Args:
            points: Objective values, ``(n, n_objectives)``, for the first ``n`` genomes asked.
            violations: How far each bound is exceeded, ``(n, n_constraints)``; 0 or less is feasible.
            is_ok: ``(n,)``; failed evaluations are left out, for pymoo's survival cannot stand NaN.
        """
        told = self._asked[: len(points)][is_ok]
        told.set("F", points[is_ok], "G", violations[is_ok])
        for individual in told:
            individual.evaluated.update(("F", "G"))
        self._algorithm.tell(infills=told)

    def population(self) -> Genomes:
        """The survivors of what was told so far, ``(n, n_genes)``; none before the first :meth:`tell`."""
        survivors = self._algorithm.pop
        genomes = [] if survivors is None else [individual.X for individual in survivors]
        return np.asarray(genomes, dtype=np.int64).reshape(-1, self._n_genes)

    def change_space(self, space: Space) -> None:
        """Take offspring from another space from now on: one with the same genes and choices, others of them open."""
        self._repair.space = self._mutation.space = space

    def reassess(self, points: NDArray[np.float64], violations: NDArray[np.float64], is_ok: NDArray[np.bool_]) -> None:
        """Replace the values of the population, and with them rank and crowding; what failed is dropped.

        Values go stale when what they come from changes, as a supernet does that has grown. To be called between a
        :meth:`tell` and the next :meth:`ask`.

        Args:
            points: Objective values, ``(n, n_objectives)``, in the order of :meth:`population`.
            violations: How far each bound is exceeded, ``(n, n_constraints)``; 0 or less is feasible.
            is_ok: ``(n,)``; at least one is true.

        Raises:
            ValueError: Nothing is left of the population.
        """
        if not is_ok.any():
            raise ValueError("no network of the population can be evaluated any more")
        # as new: pymoo's individuals keep the rank and the violation that they were first given
        fresh = Population.new(X=self.population()[is_ok], F=points[is_ok], G=violations[is_ok])
        for individual in fresh:
            individual.evaluated.update(("F", "G"))
        algorithm = self._algorithm
        algorithm.pop = algorithm.survival.do(
            algorithm.problem, fresh, n_survive=len(fresh), algorithm=algorithm, random_state=algorithm.random_state
        )


class _Repair(Repair):
    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        return np.stack([self.space.repair(genome) for genome in X])


class _NearMates(Selection):
    """The first parent wins a tournament by rank and crowding; its mate is the nearest of a few in objective space.

    Parents at far ends of a front have offspring that are good at neither; near ones search along the whole front.

    References:
        Ishibuchi 2008, "An empirical study on similarity-based mating for evolutionary multiobjective combinatorial
        optimization".
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng
        self.tournament = TournamentSelection(func_comp=binary_tournament)

    def _do(self, problem: Any, pop: Any, n_select: int, n_parents: int, **kwargs: Any) -> NDArray[np.int64]:
        del n_parents
        first = self.tournament._do(problem, pop, n_select, 1, **kwargs)[:, 0]
        points = pop.get("F")
        spread = np.ptp(points, axis=0)
        points = points / np.where(spread > 0, spread, 1.0)
        candidates = self.rng.integers(len(pop), size=(n_select, MATE_CANDIDATES))
        distance = np.linalg.norm(points[candidates] - points[first][:, None], axis=2)
        distance[candidates == first[:, None]] = np.inf
        return np.stack([first, candidates[np.arange(n_select), distance.argmin(axis=1)]], axis=1)


class _Crossover(Crossover):
    def __init__(self, rng: np.random.Generator, *, rate: float) -> None:
        super().__init__(n_parents=2, n_offsprings=2, prob=1.0)
        self.rng, self.rate = rng, rate

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        children = [
            uniform_crossover(first, second, self.rng) if self.rng.random() < self.rate else (first, second)
            for first, second in X.swapaxes(0, 1)
        ]
        return np.array(children).swapaxes(0, 1)


class _Mutation(Mutation):
    def __init__(self, space: Space, rng: np.random.Generator, *, rate: float) -> None:
        super().__init__(prob=1.0)
        self.space, self.rng, self.rate = space, rng, rate

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        return np.stack([mutate(genome, self.space.genes, self.rng, rate=self.rate) for genome in X])


class _NeverAskedBefore(DuplicateElimination):
    """Refuses what was ever asked for, not only what is in the population."""

    def __init__(self, seen: set[str]) -> None:
        super().__init__()
        self.seen = seen

    def _do(self, pop: Any, other: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        known = set(self.seen) if other is None else {to_text(individual.X) for individual in other}
        for index, individual in enumerate(pop):
            key = to_text(individual.X)
            is_duplicate[index] |= key in known
            if other is None:
                known.add(key)
        return is_duplicate
