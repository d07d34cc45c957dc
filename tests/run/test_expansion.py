"""Which genes a front asks to expand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.run.expansion import LEAST, Expansion, elite, genes_to_expand
from evonas.spaces import CellSpace, InvertedResidualSpace, ResidualSpace
from tests.support.spaces import STAGED_SPACES

SPACE = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=16)
POSITION = {gene.name: index for index, gene in enumerate(SPACE.genes)}
GENE = "stage1/block0/width"
LARGEST = SPACE.genes[POSITION[GENE]].n_open - 1


def front_of(n_largest: int, n: int, space: ResidualSpace = SPACE) -> np.ndarray:
    """Genomes of the narrowest networks, some of which have one layer at its largest open width."""
    front = np.zeros((n, len(space.genes)), dtype=np.int64)
    front[:n_largest, POSITION[GENE]] = space.genes[POSITION[GENE]].n_open - 1
    return front


@pytest.mark.parametrize(
    ("n_largest", "threshold", "expands"),
    [
        (3, 0.5, True),
        (2, 0.5, False),
        (1, 0.5, False),
        (4, 0.99, True),
        (4, 1.0, False),
        (1, 0.0, True),
        (0, 0.0, False),
    ],
)
def test_the_share_must_exceed_the_threshold(n_largest: int, threshold: float, expands: bool) -> None:
    found = genes_to_expand(SPACE, front_of(n_largest, 4), threshold=threshold)
    assert found == ((Expansion(GENE, n_largest / 4, "1.25"),) if expands else ())


def test_only_the_largest_open_choice_counts() -> None:
    front = front_of(4, 4)
    front[:, POSITION[GENE]] -= 1
    assert genes_to_expand(SPACE, front, threshold=0.0) == ()
    more = SPACE.unlock(GENE)
    assert genes_to_expand(more, front_of(4, 4), threshold=0.0) == ()
    assert genes_to_expand(more, front_of(4, 4, more), threshold=0.5) == (Expansion(GENE, 1.0, "1.5"),)


# where every gene means something in every network
FIXED_DEPTH = [space for space in STAGED_SPACES.values() if isinstance(space, (ResidualSpace, InvertedResidualSpace))]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(FIXED_DEPTH), st.floats(0, 1))
def test_what_is_named_can_be_unlocked_and_has_the_share_that_is_told(
    seed: int, space: ResidualSpace, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    space = space.unlock("stage1/width") if rng.random() < 0.5 else space
    front = space.sample(rng, int(rng.integers(1, 9)))
    front = np.stack([space.repair(np.where(rng.random(front.shape[1]) < 0.5, 99, genome)) for genome in front])
    found = genes_to_expand(space, front, threshold=threshold)
    named = {expansion.gene: expansion for expansion in found}
    labels = [space.decode(genome) for genome in front]
    for index, gene in enumerate(space.genes):
        widest = front.copy()
        widest[:, index] = gene.n_open - 1
        share = np.mean([space.decode(genome) == label for genome, label in zip(widest, labels, strict=True)])
        assert (gene.name in named) == (gene.n_locked > 0 and share > threshold)
        if gene.name in named:
            assert named[gene.name] == Expansion(gene.name, float(share), gene.choices[gene.n_open])
            assert space.unlock(gene.name).genes[index].n_open == gene.n_open + 1


def test_widths_of_equal_channels_count_as_the_largest() -> None:
    """Factors 0.9 and 1.0 of three channels are one network, whose canonical genome holds 0.9."""
    space = STAGED_SPACES["residual, odd sides"]
    index = [gene.name for gene in space.genes].index("stage0/width")
    largest = space.repair(np.array([gene.n_open - 1 for gene in space.genes]))
    assert largest[index] < space.genes[index].n_open - 1
    found = genes_to_expand(space, largest[None], threshold=0.9)
    assert {expansion.gene for expansion in found} == {gene.name for gene in space.genes if gene.n_locked}


def test_nothing_expands_without_a_front_or_without_locks() -> None:
    assert genes_to_expand(SPACE, np.empty((0, len(SPACE.genes)), dtype=np.int64), threshold=0.0) == ()
    open_space = SPACE.fully_unlocked()
    widest = open_space.repair(np.array([len(gene.choices) - 1 for gene in open_space.genes]))
    assert genes_to_expand(open_space, widest[None], threshold=0.0) == ()
    cells = CellSpace.of((1, 8, 8), 10)
    assert genes_to_expand(cells, cells.sample(np.random.default_rng(0), 5), threshold=0.0) == ()
    assert cells.fully_unlocked() is cells


def test_a_width_that_rounds_to_the_same_channels_is_passed_over() -> None:
    """At two channels, 1.25 is two again; 1.5 is three."""
    space = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=2, widths=(0.5, 1.0), locked_widths=(1.25, 1.5))
    widest = space.repair(np.array([gene.n_open - 1 for gene in space.genes]))
    found = {one.gene: one for one in genes_to_expand(space, widest[None], threshold=0.5)}
    assert found["stage0/width"].opens == "1.5"
    assert found["stage0/width"].unlocks == 2
    same = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=1, widths=(0.5, 1.0), locked_widths=(1.25,))
    widest = same.repair(np.array([gene.n_open - 1 for gene in same.genes]))
    assert "stage0/width" not in {one.gene for one in genes_to_expand(same, widest[None], threshold=0.5)}


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (4, 0), (5, 5), (19, 5), (20, 5), (24, 6), (101, 25)])
def test_the_elite_is_the_first_quarter_of_a_front_that_is_large_enough(n: int, expected: int) -> None:
    front = np.arange(3 * n).reshape(n, 3)
    assert np.array_equal(elite(front), front[:expected])


def test_small_networks_do_not_outvote_the_accurate_ones() -> None:
    """A front of which only the accurate fifth uses the largest width."""
    front = np.concatenate([front_of(LEAST, LEAST), front_of(0, 4 * LEAST)])
    assert genes_to_expand(SPACE, front, threshold=0.3) == ()
    assert [one.gene for one in genes_to_expand(SPACE, elite(front), threshold=0.3)] == [GENE]
