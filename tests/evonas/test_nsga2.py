"""The search algorithm and its operators on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.genome import Gene, to_text
from evonas.operators import first_population, mutate, random_genomes, uniform_crossover
from evonas.pymoo_bridge import Nsga2, _NearMates
from evonas.spaces import CellSpace
from objectives.pareto import hypervolume

SPACE = CellSpace((1, 8, 8), 10)
GENES = (Gene("a", ("0", "1", "2", "3", "4"), is_ordered=True), Gene("b", ("x", "y")), Gene("only", ("1",)))


def nsga2(seed: int = 0, **changed: float) -> Nsga2:
    first = first_population(SPACE, np.random.default_rng(seed), n_corners=10, n_random=10)
    settings = {"crossover_rate": 0.9, "mutation_rate": 0.05} | changed
    return Nsga2(SPACE, first=first, n_objectives=2, n_constraints=1, population=12, seed=seed, **settings)  # type: ignore[arg-type]


def toy(genomes: np.ndarray) -> np.ndarray:
    """Two objectives in conflict: the sum of the choices, and its shortfall from the largest."""
    total = genomes.sum(axis=1)
    return np.stack([total, 200 - total + 3 * (genomes[:, ::2] == 1).sum(axis=1)], axis=1).astype(float)


def explore(algorithm: Nsga2, generations: int, *, failing: float = 0.0) -> list[np.ndarray]:
    asked = []
    rng = np.random.default_rng(0)
    for _ in range(generations):
        genomes = algorithm.ask()
        is_ok = rng.random(len(genomes)) >= failing
        points = toy(genomes)
        points[~is_ok] = np.nan
        algorithm.tell(points, np.full((len(genomes), 1), -1.0), is_ok)
        asked.append(genomes)
    return asked


def test_no_network_is_asked_for_twice() -> None:
    asked = np.concatenate(explore(nsga2(), 12))
    assert len({to_text(genome) for genome in asked}) == len(asked) == 20 + 11 * 12


def test_every_question_is_a_living_canonical_network() -> None:
    for genome in np.concatenate(explore(nsga2(), 5)):
        assert np.array_equal(SPACE.repair(genome), genome)


def test_the_same_answers_bring_the_same_questions() -> None:
    for first, second in zip(explore(nsga2(3), 8), explore(nsga2(3), 8), strict=True):
        assert np.array_equal(first, second)
    assert not np.array_equal(explore(nsga2(3), 3)[-1], explore(nsga2(4), 3)[-1])


def test_failed_evaluations_do_not_cost_the_front() -> None:
    """pymoo alone loses its whole front on NaN."""
    asked = explore(nsga2(), 15, failing=0.3)
    reference = np.array([300.0, 300.0])
    early, late = (hypervolume(toy(np.concatenate(part)), reference_point=reference) for part in (asked[:2], asked))
    assert late > early
    assert all(len(genomes) == 12 for genomes in asked[1:])


def test_infeasible_networks_lose_against_feasible_ones() -> None:
    algorithm = nsga2()
    for _ in range(15):
        genomes = algorithm.ask()
        total = genomes.sum(axis=1)
        algorithm.tell(toy(genomes), (40 - total)[:, None].astype(float), np.ones(len(genomes), dtype=bool))
    assert (total >= 40).mean() > 0.8


def test_offspring_mix_two_parents() -> None:
    """Without mutation and repair, each gene of the second generation is one of the first's, and no child is a copy."""
    free = [index for index, gene in enumerate(SPACE.genes) if gene.name.endswith("expansion")]
    first, second = explore(nsga2(mutation_rate=0.0, crossover_rate=1.0), 2)
    parents = {tuple(genome[free]) for genome in first}
    allowed = {tuple(np.where(mask, a, b)) for a in parents for b in parents for mask in np.ndindex(2, 2, 2)}
    children = [tuple(genome[free]) for genome in second]
    assert set(children) <= allowed
    assert any(child not in parents for child in children)


def test_mates_lie_near_each_other_and_are_two() -> None:
    algorithm = nsga2()
    explore(algorithm, 3)
    nsga, mates = algorithm._algorithm, _NearMates(np.random.default_rng(0))
    pairs = mates._do(nsga.problem, nsga.pop, 400, 2, algorithm=nsga, random_state=np.random.default_rng(1))
    points = nsga.pop.get("F") / np.ptp(nsga.pop.get("F"), axis=0)
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    at_random = np.linalg.norm(points[:, None] - points[None], axis=2).mean()
    assert (pairs[:, 0] != pairs[:, 1]).mean() > 0.99
    assert distance.mean() < 0.6 * at_random


def test_the_first_population_holds_uniform_and_random_networks() -> None:
    genomes = first_population(SPACE, np.random.default_rng(0), n_corners=200, n_random=30)
    assert len(genomes) == len({to_text(genome) for genome in genomes})
    kinds = [
        len(
            {
                (op.weight, op.act)
                for op in SPACE.decode(genome).ops
                if op.kind == "conv" and op.name not in ("stem", "classifier")
            }
        )
        for genome in genomes
    ]
    assert kinds[:100] == [1] * 100
    assert sum(kind > 1 for kind in kinds[100:]) > 25


def test_random_genomes_are_distinct_and_stop_when_the_space_is_small() -> None:
    one = ("binary",)
    small = CellSpace(
        (1, 4, 4),
        2,
        cells=("normal",),
        nodes=1,
        channels=2,
        ops=("skip", "conv_3x3"),
        weight_precisions=one,
        act_precisions=one,
        stem_precisions=("8-bit",),
        classifier_precisions=("8-bit",),
        expansions=(1.0,),
    )
    genomes = random_genomes(SPACE, np.random.default_rng(0), n=50)
    assert len({to_text(genome) for genome in genomes}) == 50
    assert len(random_genomes(small, np.random.default_rng(0), n=100)) == 4


@given(st.integers(0, 1000))
def test_crossover_keeps_every_gene_of_both_parents(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = rng.integers(0, 9, (2, 20))
    children = np.stack(uniform_crossover(*parents, rng))
    assert np.array_equal(np.sort(children, axis=0), np.sort(parents, axis=0))


@given(st.integers(0, 1000))
def test_mutation_stays_in_range_and_leaves_its_input_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genome = np.array([rng.integers(5), rng.integers(2), 0])
    before = genome.copy()
    mutant = mutate(genome, GENES, rng, rate=1.0)
    assert np.array_equal(genome, before)
    assert all(0 <= choice < len(gene.choices) for gene, choice in zip(GENES, mutant, strict=True))
    assert mutant[1] != genome[1]


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("choice", [0, 2, 4])
def test_mutation_rate_is_the_chance_a_gene(rate: float, choice: int) -> None:
    rng = np.random.default_rng(0)
    genome = np.array([choice, 1, 0])
    changed = np.mean([mutate(genome, GENES, rng, rate=rate)[:2] != genome[:2] for _ in range(4000)])
    assert abs(changed - rate) < 0.02
