"""Mates, crossover and mutation of whole populations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.algorithms.operators import crossover, mutate, near_mates
from evonas.spaces.genome import Gene

GENES = (
    Gene("a/one", tuple("01234"), is_ordered=True, n_locked=1),
    Gene("a/two", ("x", "y")),
    Gene("b/one", ("only",)),
    Gene("b/two", tuple("0123456789")),
)
THREE_CELLS = tuple(Gene(f"cell{index // 4}/gene{index}", tuple("abc")) for index in range(12))


def test_children_have_genes_of_their_parents_by_gene_or_by_part() -> None:
    first, second = np.zeros((4000, 4), dtype=np.int64), np.ones((4000, 4), dtype=np.int64)
    children, _ = crossover(first, second, GENES, np.random.default_rng(0), rate=0.8)
    assert np.allclose(children.mean(axis=0), 0.4, atol=0.03)  # half of those that are mixed
    is_whole = (children[:, 0] == children[:, 1]) & (children[:, 2] == children[:, 3])
    assert is_whole.mean() == pytest.approx(0.2 + 0.8 * (0.5 + 0.5 / 4), abs=0.03)


def test_mutation_changes_as_many_genes_as_wanted_and_keeps_to_open_choices() -> None:
    genomes = np.tile([1, 0, 0, 4], (4000, 1))
    mutants = mutate(genomes, GENES, np.random.default_rng(0), rate=0.25)
    is_changed = mutants != genomes
    assert is_changed[:, [0, 1, 3]].mean() == pytest.approx(0.25, abs=0.02)
    assert not is_changed[:, 2].any()
    assert (mutants >= 0).all()
    assert (mutants < [4, 2, 1, 10]).all()
    moved = mutants[is_changed[:, 0], 0]
    assert np.bincount(moved, minlength=4) / len(moved) == pytest.approx([5 / 12, 0, 5 / 12, 1 / 6], abs=0.05)
    assert len(set(mutants[is_changed[:, 3], 3])) == 9


@given(st.integers(0, 1000), st.floats(0, 1))
def test_crossover_keeps_every_gene_of_both_parents(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    parents = rng.integers(0, 9, (2, 20, 12))
    children = np.stack(crossover(*parents, THREE_CELLS, rng, rate=rate))
    assert np.array_equal(np.sort(children, axis=0), np.sort(parents, axis=0))


def test_crossover_mixes_genes_and_cells() -> None:
    """Half of the pairs swap whole cells, each of them or not; the others seldom do."""
    rng = np.random.default_rng(0)
    parents = np.zeros((2000, 12), dtype=np.int64), np.ones((2000, 12), dtype=np.int64)
    children, _ = crossover(*parents, THREE_CELLS, rng, rate=1.0)
    cells = children.reshape(-1, 3, 4)
    is_whole = (cells == cells[:, :, :1]).all(axis=(1, 2))
    assert is_whole.mean() == pytest.approx(0.5, abs=0.04)
    kinds, counts = np.unique(cells[is_whole, :, 0], axis=0, return_counts=True)
    assert len(kinds) == 8
    assert counts / is_whole.sum() == pytest.approx(np.full(8, 1 / 8), abs=0.04)


@given(st.integers(0, 1000))
def test_mutation_stays_in_range_and_leaves_its_input_alone(seed: int) -> None:
    rng, n_choices = np.random.default_rng(seed), [len(gene.choices) for gene in GENES]
    genomes = rng.integers(n_choices, size=(10, len(GENES)))
    before = genomes.copy()
    mutants = mutate(genomes, GENES, rng, rate=1.0)
    assert np.array_equal(genomes, before)
    assert ((mutants >= 0) & (mutants < n_choices)).all()
    assert (mutants[:, 1] != genomes[:, 1]).all()


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("choice", [0, 2, 3])
def test_mutation_rate_is_the_chance_a_gene(rate: float, choice: int) -> None:
    genomes = np.tile([choice, 1, 0, choice], (4000, 1))
    is_changed = mutate(genomes, GENES, np.random.default_rng(0), rate=rate) != genomes
    assert is_changed[:, [0, 1, 3]].mean(axis=0) == pytest.approx(np.full(3, rate), abs=0.025)


def test_mates_are_two_and_the_nearest_of_a_few() -> None:
    """Objectives count alike, whatever their units."""
    rng = np.random.default_rng(0)
    points = rng.random((50, 2))
    first = rng.integers(50, size=2000)
    mates = near_mates(first, points * [1.0, 1e6], np.random.default_rng(1))
    assert np.array_equal(mates, near_mates(first, points, np.random.default_rng(1)))
    distance = np.linalg.norm(points[first] - points[mates], axis=1)
    assert (first != mates).mean() > 0.99
    assert distance.mean() < 0.6 * np.linalg.norm(points[:, None] - points[None], axis=2).mean()
