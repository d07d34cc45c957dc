"""Search algorithms behind one interface: what each asks for, and that bounds known before steer them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evonas.algorithms.algorithm import Algorithm, Exhaustive, RandomSearch
from evonas.algorithms.nsga2 import Nsga
from evonas.errors import RunFileError
from evonas.spaces import CellSpace, Problem
from evonas.spaces.genome import Gene, to_text

GENES = tuple(Gene(f"cell{index // 4}/gene{index}", tuple("abc")) for index in range(12))
SPACE = Problem(GENES, lambda chosen: {}, objectives=["a", "b"])


def nsga(n_objectives: int, *, n_constraints: int = 0, is_third: bool = False, seed: int = 0) -> Nsga:
    return Nsga(
        SPACE,
        first=SPACE.sample(np.random.default_rng(seed), 16),
        n_objectives=n_objectives,
        n_constraints=n_constraints,
        population=16,
        crossover_rate=0.9,
        mutation_rate=1 / 12,
        seed=seed,
        is_third=is_third,
    )


def many(genomes: np.ndarray, n: int) -> np.ndarray:
    """Objectives in conflict: how often each of the first n genes' neighbours differ from it."""
    return np.stack([(genomes != genomes[:, [index]]).sum(axis=1) + genomes[:, index] for index in range(n)], axis=1)


def run(algorithm: Algorithm, n_objectives: int, generations: int) -> list[np.ndarray]:
    asked = []
    for _ in range(generations):
        genomes = algorithm.ask()
        algorithm.tell(genomes, many(genomes, n_objectives).astype(float), np.empty((len(genomes), 0)))
        asked.append(genomes)
    return asked


@pytest.mark.parametrize("n_objectives", [2, 4, 5])
@pytest.mark.parametrize("is_third", [False, True])
def test_many_objectives_are_searched_without_repetition_and_the_same_again(n_objectives: int, is_third: bool) -> None:
    asked = np.concatenate(run(nsga(n_objectives, is_third=is_third), n_objectives, 5))
    again = np.concatenate(run(nsga(n_objectives, is_third=is_third), n_objectives, 5))
    assert np.array_equal(asked, again)
    assert len({to_text(genome) for genome in asked}) == len(asked) > 16 * 4


def test_offspring_of_two_parents_enter_the_population() -> None:
    """Without mutation, what is new among the survivors is a mixture of parents."""
    algorithm = nsga(2)
    algorithm._mutation.rate = 0.0
    first, *_ = run(algorithm, 2, 6)
    survivors = {to_text(genome) for genome in algorithm.population()}
    assert len(survivors - {to_text(genome) for genome in first}) > 4


def test_what_exceeds_a_bound_ranks_by_how_far_and_needs_no_objective() -> None:
    algorithm = nsga(2, n_constraints=1)
    for _ in range(25):
        genomes = algorithm.ask()
        excess = (4 - (genomes == 2).sum(axis=1)).astype(float)  # at least four genes at their last choice
        points = many(genomes, 2).astype(float)
        points[excess > 0, 0] = np.nan  # never evaluated
        algorithm.tell(genomes, points, excess[:, None])
    assert ((algorithm.population() == 2).sum(axis=1) >= 4).all()
    assert np.isfinite(algorithm._algorithm.pop.get("F")).all()


def test_random_search_repeats_nothing_and_ends_with_the_space() -> None:
    small = Problem(GENES[:3], lambda chosen: {}, objectives=["a"])
    search = RandomSearch(small, np.random.default_rng(0), population=10)
    asked = [search.ask() for _ in range(5)]
    assert len({to_text(genome) for genome in np.concatenate(asked)}) == 27
    assert len(asked[-1]) == 0


def test_an_exhaustive_search_asks_for_every_network_once() -> None:
    space = CellSpace.of(
        (1, 4, 4),
        2,
        cells=("normal",),
        nodes=1,
        channels=2,
        ops=("skip", "conv_3x3"),
        weight_precisions=("binary", "ternary"),
        act_precisions=("binary",),
        stem_precisions=("8-bit",),
        classifier_precisions=("8-bit",),
        expansions=(1.0,),
    )
    search = Exhaustive(space)
    asked = list(itertools.takewhile(len, (search.ask() for _ in range(99))))
    genomes = [to_text(genome) for genome in np.concatenate(asked)]
    everything = itertools.product(*(range(gene.n_open) for gene in space.genes))
    assert sorted(genomes) == sorted({to_text(space.repair(np.array(genome))) for genome in everything})


def test_a_space_too_large_to_exhaust_is_refused() -> None:
    with pytest.raises(RunFileError, match=r"at most 1,000,000 genomes"):
        Exhaustive(CellSpace.of((1, 8, 8), 10))
