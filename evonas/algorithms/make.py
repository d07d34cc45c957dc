"""The algorithm that a run file asks for."""

from __future__ import annotations

from evonas.algorithms.algorithm import Algorithm, Exhaustive, RandomSearch
from evonas.algorithms.array_nsga2 import ArrayNsga2
from evonas.algorithms.nsga2 import MANY_OBJECTIVES, Nsga
from evonas.algorithms.objective_models import ObjectiveModels
from evonas.algorithms.prescreening import INNER_POPULATION, LEAST_EVALUATIONS, Prescreened
from evonas.config.sections import SearchConfig
from evonas.evaluation.costs import Costs
from evonas.seeding import numpy_rng
from evonas.spaces import Space
from evonas.spaces.genome import Genomes
from evonas.spaces.sampling import first_population

FEW_OFFSPRING = 8  # bred at a time beside predictors or in asynchronous mode: few, so that each uses the latest results


def make_algorithm(settings: SearchConfig, space: Space, costs: Costs, *, seed: int) -> Algorithm:
    """Make the algorithm.

    Args:
        settings: The run file's ``[search]``, with predictors chosen.
        space: What to search.
        costs: Counts what needs no evaluation.
        seed: The run's.

    Raises:
        RunFileError: The space is too large for an exhaustive search.
    """
    name, population, bounds = settings.algorithm, min(settings.population, settings.budget), costs.measures.bounds
    if name == "random":
        return RandomSearch(space, numpy_rng(seed, "random algorithm"), population=population)
    if name == "exhaustive":
        return Exhaustive(space)
    n_objectives, assists = len(costs.measures.objectives), bool(settings.predictors)
    first = first_population(
        space,
        numpy_rng(seed, "first population"),
        n_corners=LEAST_EVALUATIONS // 2 if assists else settings.budget // 4,
        n=min(LEAST_EVALUATIONS, settings.budget) if assists else population,
        is_within=costs.keep_bounds if bounds else None,
    )
    mutation_rate = settings.mutation_rate or 1 / max(1, sum(gene.n_open > 1 for gene in space.genes))
    is_third = name == "nsga3" or (name == "auto" and n_objectives >= MANY_OBJECTIVES)
    outer = Nsga(
        space,
        offspring=min(population, FEW_OFFSPRING) if assists or settings.mode == "asynchronous" else population,
        n_objectives=n_objectives,
        n_constraints=len(bounds),
        population=population,
        crossover_rate=settings.crossover_rate,
        mutation_rate=mutation_rate,
        is_third=is_third and population > n_objectives,
        first=first,
        seed=int(numpy_rng(seed, "nsga2").integers(2**31)),
    )
    assert settings.predictors != "auto"  # chosen when the run was made
    if not settings.predictors:
        return outer

    def inner(space: Space, first: Genomes, seed: int) -> Algorithm:
        return ArrayNsga2(
            space,
            first=first,
            population=INNER_POPULATION,
            crossover_rate=settings.crossover_rate,
            mutation_rate=mutation_rate,
            seed=seed,
        )

    return Prescreened(
        outer,
        models=ObjectiveModels(costs, names=settings.predictors),
        inner=inner,
        n_proposed=settings.proposals,
        rng=numpy_rng(seed, "proposals"),
    )
