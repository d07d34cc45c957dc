"""NSGA-II and NSGA-III on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.algorithms.nsga2 import Nsga, _NearMates
from evonas.spaces import CellSpace, Problem, ResidualSpace
from evonas.spaces.genome import Gene, to_text
from evonas.spaces.sampling import first_population, random_genomes
from objectives.fronts.pareto import hypervolume

SPACE = CellSpace.of((1, 8, 8), 10)


def nsga2(seed: int = 0, **changed: float) -> Nsga:
    first = first_population(SPACE, np.random.default_rng(seed), n_corners=10, n=20)
    settings = {"crossover_rate": 0.9, "mutation_rate": 0.05} | changed
    return Nsga(SPACE, first=first, n_objectives=2, n_constraints=1, population=12, seed=seed, **settings)  # type: ignore[arg-type]


def toy(genomes: np.ndarray) -> np.ndarray:
    """Two objectives in conflict: the sum of the choices, and its shortfall from the largest."""
    total = genomes.sum(axis=1)
    return np.stack([total, 200 - total + 3 * (genomes[:, ::2] == 1).sum(axis=1)], axis=1).astype(float)


def explore(algorithm: Nsga, generations: int, *, failing: float = 0.0) -> list[np.ndarray]:
    asked = []
    rng = np.random.default_rng(0)
    for _ in range(generations):
        genomes = algorithm.ask()
        told = genomes[rng.random(len(genomes)) >= failing]
        algorithm.tell(told, toy(told), np.full((len(told), 1), -1.0))
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
        algorithm.tell(genomes, toy(genomes), (40 - total)[:, None].astype(float))
    assert (total >= 40).mean() > 0.8


RESIDUAL = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=8)
GROWN = "stage1/block0/width"


def nsga2_of_widths() -> Nsga:
    first = RESIDUAL.sample(np.random.default_rng(0), 12)
    return Nsga(
        RESIDUAL,
        first=first,
        n_objectives=2,
        n_constraints=0,
        population=12,
        crossover_rate=0.9,
        mutation_rate=0.2,
        seed=0,
    )


def widths_asked(algorithm: Nsga, generations: int) -> np.ndarray:
    """The largest choice of every gene that was asked for."""
    largest = np.zeros(len(RESIDUAL.genes), dtype=np.int64)
    for _ in range(generations):
        genomes = algorithm.ask()
        algorithm.tell(genomes, toy(genomes), np.empty((len(genomes), 0)))
        largest = np.maximum(largest, genomes.max(axis=0))
    return largest


def test_offspring_reach_a_new_width_once_it_is_unlocked_and_never_before() -> None:
    algorithm = nsga2_of_widths()
    n_open = np.array([gene.n_open for gene in RESIDUAL.genes])
    assert (widths_asked(algorithm, 40) < n_open).all()
    algorithm.change_space(RESIDUAL.unlock(GROWN))
    asked = widths_asked(algorithm, 40)
    grown = [gene.name for gene in RESIDUAL.genes].index(GROWN)
    assert asked[grown] == n_open[grown]
    assert (np.delete(asked, grown) < np.delete(n_open, grown)).all()


def fitness(algorithm: Nsga) -> tuple[np.ndarray, ...]:
    genomes, found = algorithm.population(), algorithm._algorithm.pop
    assert np.array_equal(genomes, found.get("X"))
    return genomes, found.get("F"), found.get("CV")[:, 0], found.get("rank"), found.get("crowding")


@pytest.mark.parametrize("bound", [-1.0, 1.0])
def test_reassessed_survivors_are_ranked_by_their_new_values_alone(bound: float) -> None:
    """As a new algorithm ranks them that never heard of the old ones; failed ones are gone, bounds are new as well."""
    algorithm, rng = nsga2(), np.random.default_rng(0)
    explore(algorithm, 6)
    before = algorithm.population()
    points = rng.permutation(toy(before)) * [1.0, -1.0] + rng.random((12, 2))
    violations = bound * rng.choice([-1.0, 2.0], (12, 1))
    is_ok = np.arange(12) % 4 > 0
    algorithm.reassess(before[is_ok], points[is_ok], violations[is_ok])

    fresh = Nsga(
        SPACE,
        first=before,
        n_objectives=2,
        n_constraints=1,
        population=12,
        crossover_rate=0.9,
        mutation_rate=0.05,
        seed=0,
    )
    assert np.array_equal(fresh.ask(), before)
    fresh.tell(before[is_ok], points[is_ok], violations[is_ok])
    for found, wanted in zip(fitness(algorithm), fitness(fresh), strict=True):
        assert np.array_equal(found, wanted)
    genomes, values, violation, rank, _ = fitness(algorithm)
    assert {to_text(genome) for genome in genomes} == {to_text(genome) for genome in before[is_ok]}
    told = {to_text(genome): point for genome, point in zip(before, points, strict=True)}
    assert all(np.array_equal(told[to_text(genome)], point) for genome, point in zip(genomes, values, strict=True))
    feasible = values[violation <= 0]
    is_best = ~((feasible[:, None] <= feasible).all(axis=2) & (feasible[:, None] < feasible).any(axis=2)).any(axis=0)
    assert np.array_equal(rank[violation <= 0] == 0, is_best)


def test_nsga3_forgets_the_best_of_the_old_values() -> None:
    """Directions lie between the best values that are known: those of before must not count any more."""

    def told_twice(first: float) -> np.ndarray:
        algorithm = nsga2(is_third=True)
        genomes = algorithm.ask()
        algorithm.tell(genomes, toy(genomes) + first, np.full((len(genomes), 1), -1.0))
        algorithm.reassess(genomes, toy(genomes), np.full((len(genomes), 1), -1.0))
        return np.asarray(algorithm._algorithm.survival.norm.ideal_point)

    assert np.array_equal(told_twice(-100.0), told_twice(0.0))


def test_selection_and_survival_use_the_new_values() -> None:
    """The worst becomes the best: it wins tournaments, and it alone of the population outlives good offspring."""
    algorithm = nsga2()
    explore(algorithm, 4)
    worst = algorithm.population()[-1]
    points = np.full((12, 2), 1000.0) + np.arange(12)[:, None]
    points[-1] = 0.0
    algorithm.reassess(algorithm.population(), points, np.full((12, 1), -1.0))
    nsga = algorithm._algorithm
    pairs = nsga.mating.selection._do(
        nsga.problem, nsga.pop, 120, 2, algorithm=nsga, random_state=np.random.default_rng(0)
    )
    winners = nsga.pop.get("X")[pairs[:, 0]]
    assert (winners == worst).all(axis=1).mean() > 1.5 / 12
    genomes = algorithm.ask()
    algorithm.tell(genomes, np.full((12, 2), 10.0), np.full((12, 1), -1.0))
    survivors = {to_text(genome) for genome in algorithm.population()}
    assert to_text(worst) in survivors
    assert len(survivors - {to_text(genome) for genome in genomes}) == 1


def test_a_search_that_grows_is_the_same_again_for_the_same_answers() -> None:
    def asked(shift: float) -> list[np.ndarray]:
        algorithm, found = nsga2_of_widths(), []
        for step in range(8):
            widths_asked(algorithm, 2)
            genomes = algorithm.population()
            if step == 3:
                algorithm.change_space(RESIDUAL.unlock(GROWN))
                points = toy(genomes) + shift * np.arange(len(genomes))[:, None]
                algorithm.reassess(genomes, points, np.empty((len(genomes), 0)))
            found.append(algorithm.population())
        return found

    first, same, other = asked(0.0), asked(0.0), asked(30.0)
    assert all(np.array_equal(one, two) for one, two in zip(first, same, strict=True))
    assert not np.array_equal(first[-1], other[-1])


def test_the_population_is_empty_before_the_first_answer_and_never_again() -> None:
    algorithm = nsga2()
    algorithm.ask()
    assert algorithm.population().shape == (0, len(SPACE.genes))
    algorithm = nsga2()
    explore(algorithm, 2)
    with pytest.raises(ValueError, match="no network of the population"):
        algorithm.reassess(algorithm.population()[:0], np.empty((0, 2)), np.empty((0, 1)))
    assert len(algorithm.population()) == 12


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
    genomes = first_population(SPACE, np.random.default_rng(0), n_corners=200, n=130)
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


@pytest.mark.parametrize(("least_bits", "n_expected"), [(2, 10), (4, 4)])
def test_uniform_networks_beyond_bounds_come_only_where_others_are_too_few(least_bits: int, n_expected: int) -> None:
    """Of 4 widths, 5 weight and 5 activation precisions: 36 corners lie from the third of each on, 4 at the fifth."""
    genes = [gene.name for gene in SPACE.genes]
    columns = [genes.index("cell0/in0/weight"), genes.index("cell0/in0/act")]

    def is_within(genomes: np.ndarray) -> np.ndarray:
        within: np.ndarray = (genomes[:, columns] >= least_bits).all(axis=1)
        return within

    genomes = first_population(SPACE, np.random.default_rng(0), n_corners=10, n=10, is_within=is_within)
    assert len(genomes) == 10
    assert is_within(genomes).sum() == n_expected


def test_the_first_population_is_spread_over_the_space() -> None:
    """No two are as close as random ones are, neighbours in an ordered gene count as close, and there are ``n``."""
    genes = (*(Gene(f"kind{i}", tuple("abcd")) for i in range(4)), Gene("width", tuple("12345678"), is_ordered=True))
    space = Problem(genes, lambda chosen: {"error": 0.0}, objectives=["error"])

    def least_gap(genomes: np.ndarray) -> float:
        gaps = np.abs(genomes[:, None] - genomes[None])
        gap = (gaps[..., :4] > 0).sum(axis=2) + gaps[..., 4] / 7
        return float(gap[np.triu_indices(len(genomes), 1)].min())

    first = first_population(space, np.random.default_rng(0), n=20, n_corners=2)
    at_random = [random_genomes(space, np.random.default_rng(seed), n=20) for seed in range(20)]
    assert len(first) == len(np.unique(first, axis=0)) == 20
    assert least_gap(first) > max(map(least_gap, at_random))
    few = Problem(genes[:1], lambda chosen: {"error": 0.0}, objectives=["error"])
    assert len(first_population(few, np.random.default_rng(0), n=20, n_corners=10)) == 4


def test_random_genomes_are_distinct_and_stop_when_the_space_is_small() -> None:
    one = ("binary",)
    small = CellSpace.of(
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
