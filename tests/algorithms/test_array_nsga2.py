"""The search inside the search does what NSGA-II does, on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.algorithms.array_nsga2 import ArrayNsga2, best_first
from evonas.spaces import CellSpace
from evonas.spaces.genome import to_text
from objectives.fronts.pareto import hypervolume, is_nondominated

SPACE = CellSpace.of((1, 8, 8), 10)


def inner(seed: int = 0) -> ArrayNsga2:
    first = SPACE.sample(np.random.default_rng(seed), 20)
    return ArrayNsga2(SPACE, first=first, population=12, crossover_rate=0.9, mutation_rate=0.05, seed=seed)


def told(genomes: np.ndarray) -> np.ndarray:
    """Two objectives in conflict: the sum of the choices, and its shortfall from the largest."""
    total = genomes.sum(axis=1)
    return np.stack([total, 200 - total + 3 * (genomes[:, ::2] == 1).sum(axis=1)], axis=1).astype(float)


def explored(search: ArrayNsga2, generations: int, *, most: float = np.inf) -> list[np.ndarray]:
    asked = []
    for _ in range(generations):
        asked.append(search.ask())
        search.tell(asked[-1], told(asked[-1]), (asked[-1].sum(axis=1) - most)[:, None].astype(float))
    return asked


def test_it_asks_for_living_networks_none_twice_and_the_same_again() -> None:
    asked = explored(inner(), 10)
    together = np.concatenate(asked)
    assert len({to_text(genome) for genome in together}) == len(together) == 20 + 9 * 12
    assert np.array_equal(SPACE.repair_all(together), together)
    assert all(np.array_equal(one, two) for one, two in zip(asked, explored(inner(), 10), strict=True))
    assert not np.array_equal(asked[-1], explored(inner(1), 10)[-1])


def test_it_finds_more_than_as_many_random_networks() -> None:
    reference = np.array([300.0, 300.0])
    found, random = np.concatenate(explored(inner(), 20)), SPACE.sample(np.random.default_rng(5), 248)
    volumes = [hypervolume(told(genomes), reference_point=reference) for genomes in (found, random)]
    assert volumes[0] > 1.05 * volumes[1]


def test_it_finds_its_way_within_the_bounds() -> None:
    late = explored(inner(), 20, most=50)[-1]
    assert (late.sum(axis=1) <= 50).mean() > 0.5


def test_it_ends_when_nothing_is_left() -> None:
    first = SPACE.sample(np.random.default_rng(0), 3)
    search = ArrayNsga2(SPACE, first=first, population=4, crossover_rate=1.0, mutation_rate=0.0, seed=0)
    search.tell(search.ask()[:1], np.zeros((1, 2)), np.zeros((1, 0)))
    assert search.ask().shape == (0, len(SPACE.genes))


@given(st.integers(0, 200), st.integers(1, 30), st.integers(2, 4))
def test_survival_takes_feasible_ones_first_by_front_and_keeps_the_ends(seed: int, n: int, n_objectives: int) -> None:
    rng = np.random.default_rng(seed)
    points, excess = rng.integers(0, 6, (n, n_objectives)).astype(float), np.maximum(0, rng.normal(size=n))
    order = best_first(points, excess)
    assert sorted(order) == list(range(n))
    n_feasible = int((excess == 0).sum())
    assert (excess[order[:n_feasible]] == 0).all()
    assert (np.diff(excess[order[n_feasible:]]) >= 0).all()
    feasible = points[order[:n_feasible]]
    n_front = int(is_nondominated(feasible).sum())
    assert is_nondominated(feasible)[:n_front].all()
    if n_front:
        assert feasible[: 2 * n_objectives].min(axis=0) == pytest.approx(feasible.min(axis=0))
