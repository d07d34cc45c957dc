"""NSGA-II and NSGA-III over genomes, behind evonas' own ask and tell. The only file that uses pymoo."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
from pymoo.algorithms.moo.nsga3 import NSGA3, comp_by_cv_then_random
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.selection import Selection
from pymoo.core.termination import NoTermination
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.util.ref_dirs import get_reference_directions

from evonas.algorithms.algorithm import Algorithm
from evonas.algorithms.operators import crossover, mutate, near_mates
from evonas.spaces import Space
from evonas.spaces.genome import Genome, Genomes

MANY_OBJECTIVES = 4  # from which NSGA-II's crowding no longer tells networks apart


class Nsga(Algorithm):
    """NSGA-II, or NSGA-III for many objectives.

    Args:
        space: Gives genes and repair.
        first: Genomes of the first generation, ``(n, n_genes)``, repaired and distinct.
        n_objectives: Number of objectives told.
        n_constraints: Number of constraint violations told.
        population: Number of survivors.
        offspring: Genomes per generation after the first; by default as many as survivors.
        crossover_rate: Share of matings that mix their parents.
        mutation_rate: Probability per gene.
        seed: Seed of everything random here.
        is_third: Whether it is NSGA-III, which keeps a network for each of many directions instead of using crowding.

    References:
        Deb 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"; Deb 2014, "An evolutionary
        many-objective optimization algorithm using reference-point-based nondominated sorting approach, part I".
    """

    def __init__(
        self,
        space: Space,
        *,
        first: Genomes,
        n_objectives: int,
        n_constraints: int,
        population: int,
        offspring: int | None = None,
        crossover_rate: float,
        mutation_rate: float,
        seed: int,
        is_third: bool = False,
    ) -> None:
        self._seen: set[bytes] = set()
        self.min_evaluations = max(1, population // 2)
        self._n_genes = len(space.genes)
        self._repair = _Repair(space)
        rng = np.random.default_rng(seed)
        self._mutation = _Mutation(space, rng, rate=mutation_rate)
        self._crossover = _Crossover(space, rng, rate=crossover_rate)
        settings = {
            "pop_size": population,
            "n_offsprings": offspring or population,
            "sampling": first,
            "selection": _NearMates(rng, comp_by_cv_then_random if is_third else binary_tournament),
            "crossover": self._crossover,
            "mutation": self._mutation,
            "repair": self._repair,
            "eliminate_duplicates": _NeverAskedBefore(self._seen),
        }
        if is_third:
            directions = _directions(n_objectives, population)
            self._algorithm = NSGA3(directions, **settings)
        else:
            self._algorithm = NSGA2(**settings)
        upper = np.array([len(gene.choices) - 1 for gene in space.genes])
        problem = Problem(
            n_var=len(space.genes), n_obj=n_objectives, n_ieq_constr=n_constraints, xl=0, xu=upper, vtype=int
        )
        self._algorithm.setup(problem, termination=NoTermination(), seed=seed)

    def ask(self, awaited: Genomes | None = None) -> Genomes:
        """Genomes to evaluate next, ``(n, n_genes)``; no rows when the space seems exhausted."""
        asked = self._algorithm.ask()
        found = [] if asked is None else asked.get("X")
        genomes = np.asarray(found, dtype=np.int64).reshape(-1, self._n_genes)
        self._seen.update(map(_key, genomes))
        return genomes

    def tell(self, genomes: Genomes, points: NDArray[np.float64], violations: NDArray[np.float64]) -> None:
        """See :class:`evonas.algorithms.algorithm.Algorithm`; failed ones are left out: pymoo cannot sort NaN.

        So unknown values of networks beyond a bound are replaced by the worst known value: a network that exceeds a
        bound ranks by how far it does, whatever its objectives are.
        """
        if len(genomes) == 0:
            return
        worst = np.nan_to_num(np.nanmax(np.vstack([points, np.zeros(points.shape[1])]), axis=0))
        points = np.where(np.isnan(points), worst, points)
        told = Population.new(X=np.asarray(genomes), F=points, G=np.nan_to_num(violations))
        for individual in told:
            individual.evaluated.update(("F", "G"))
        self._seen.update(map(_key, genomes))
        self._algorithm.tell(infills=told)

    def population(self) -> Genomes:
        """The survivors of what was told so far, ``(n, n_genes)``; none before the first :meth:`tell`."""
        survivors = self._algorithm.pop
        genomes = [] if survivors is None else [individual.X for individual in survivors]
        return np.asarray(genomes, dtype=np.int64).reshape(-1, self._n_genes)

    def change_space(self, space: Space) -> None:
        """Take offspring from another space from now on: one with the same genes and choices, others of them open."""
        self._repair.space = self._mutation.space = self._crossover.space = space

    def reassess(self, genomes: Genomes, points: NDArray[np.float64], violations: NDArray[np.float64]) -> None:
        """See :class:`evonas.algorithms.algorithm.Algorithm`; the population is selected again from these.

        To be called between a :meth:`tell` and the next :meth:`ask`.

        Raises:
            ValueError: There are none.
        """
        if len(genomes) == 0:
            raise ValueError("no network of the population can be evaluated any more")
        # as new: pymoo's individuals keep the rank and the violation that they were first given
        fresh = Population.new(X=genomes, F=points, G=violations)
        for individual in fresh:
            individual.evaluated.update(("F", "G"))
        algorithm, n = self._algorithm, min(len(fresh), self._algorithm.pop_size)
        if isinstance(algorithm, NSGA3):  # otherwise it keeps the best of the old values as its ideal point
            algorithm.survival.norm = type(algorithm.survival.norm)(points.shape[1])
        algorithm.pop = algorithm.survival.do(
            algorithm.problem, fresh, n_survive=n, algorithm=algorithm, random_state=algorithm.random_state
        )


@cache
def _directions(n_objectives: int, n: int) -> NDArray[np.float64]:
    """Directions spread evenly over the positive orthant; they take a second to find."""
    return np.asarray(get_reference_directions("energy", n_objectives, n, seed=1))


class _Repair(Repair):
    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        return self.space.repair_all(X)


class _NearMates(Selection):
    """The first parent wins a tournament by rank and crowding; its mate is near in objective space."""

    def __init__(self, rng: np.random.Generator, tournament: Callable[..., Any] = binary_tournament) -> None:
        super().__init__()
        self.rng = rng
        self.tournament = TournamentSelection(func_comp=tournament)

    def _do(self, problem: Any, pop: Any, n_select: int, n_parents: int, **kwargs: Any) -> NDArray[np.int64]:
        del n_parents
        first = self.tournament._do(problem, pop, n_select, 1, **kwargs)[:, 0]
        return np.stack([first, near_mates(first, pop.get("F"), self.rng)], axis=1)


class _Crossover(Crossover):
    def __init__(self, space: Space, rng: np.random.Generator, *, rate: float) -> None:
        super().__init__(n_parents=2, n_offsprings=2, prob=1.0)
        self.space, self.rng, self.rate = space, rng, rate

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        first, second = np.asarray(X, dtype=np.int64)
        return np.stack(crossover(first, second, self.space.genes, self.rng, rate=self.rate))


class _Mutation(Mutation):
    def __init__(self, space: Space, rng: np.random.Generator, *, rate: float) -> None:
        super().__init__(prob=1.0)
        self.space, self.rng, self.rate = space, rng, rate

    def _do(self, problem: Any, X: Genomes, **kwargs: Any) -> Genomes:  # noqa: N803
        return mutate(np.asarray(X, dtype=np.int64), self.space.genes, self.rng, rate=self.rate)


class _NeverAskedBefore(DuplicateElimination):
    """Refuses every genome that was asked for before, not only those in the population."""

    def __init__(self, seen: set[bytes]) -> None:
        super().__init__()
        self.seen = seen

    def _do(self, pop: Any, other: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        asked, known = (self.seen, set()) if other is None else (set(), {_key(individual.X) for individual in other})
        for index, individual in enumerate(pop):
            key = _key(individual.X)
            is_duplicate[index] |= key in asked or key in known
            if other is None:
                known.add(key)
        return is_duplicate


def _key(genome: Genome) -> bytes:
    """A key that identifies a genome; faster than its text form."""
    return np.asarray(genome, dtype=np.int64).tobytes()
