"""Pools and skips on the edges of cells: how they are counted, and when a front of them is told."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.spaces import CellSpace, NetworkSpace
from evonas.spaces.cells.collapse import EXCESS, LIMIT, collapse_warning, parameter_free_share
from tests.support.spaces import random_architectures


def network(n_free: int, n_convs: int) -> Architecture:
    """Edges of one node; stem, sum and classifier beside them."""
    free = [Op(f"cell0/node0/from0/skip{n}", "skip", ("stem",), 4) for n in range(n_free)]
    convs = [Op(f"cell0/node0/from0/conv{n}", "conv", ("stem",), 4) for n in range(n_convs)]
    node = Op("cell0/node0", "add", tuple(op.name for op in free + convs), 4)
    classifier = Op("classifier", "conv", (node.name,), 3, steps=("pool", "conv"))
    return Architecture((1, 4, 4), (Op("stem", "conv", (INPUT,), 4), *free, *convs, node, classifier))


@pytest.mark.parametrize(("n_free", "n_convs", "share"), [(0, 2, 0.0), (1, 3, 0.25), (3, 1, 0.75), (2, 0, 1.0)])
def test_the_share_counts_edges_and_nothing_else(n_free: int, n_convs: int, share: float) -> None:
    assert parameter_free_share(network(n_free, n_convs)) == share


@pytest.mark.parametrize(("ops", "share"), [(("none", "conv_1x1"), 0.0), (("none", "skip", "max_pool_3x3"), 1.0)])
def test_a_space_of_one_kind_of_operation_has_one_share(ops: tuple[str, ...], share: float) -> None:
    space = CellSpace.of((1, 8, 8), 10, ops=ops)
    genomes = space.sample(np.random.default_rng(0), 20)
    assert {parameter_free_share(space.decode(genome)) for genome in genomes} == {share}


def test_every_space_has_a_share_and_stages_have_none(network_space: NetworkSpace) -> None:
    shares = [parameter_free_share(one) for seed in range(10) for one in random_architectures(network_space, seed)]
    assert all(0 <= share <= 1 for share in shares)
    assert (max(shares) > 0) == isinstance(network_space, CellSpace)


def test_a_front_without_convolutions_is_told() -> None:
    front, random = [network(9, 1), network(10, 0)], [network(5, 5), network(6, 4)]
    warning = collapse_warning(front, random)
    assert warning is not None
    assert "95%" in warning
    assert "55%" in warning


@pytest.mark.parametrize(
    ("front", "random"),
    [
        ([network(9, 1)], [network(7, 3)]),  # much, but so it is at random
        ([network(5, 5)], [network(0, 10)]),  # far more than at random, but half are convolutions
        ([network(3, 2)], [network(0, 10)]),  # at the limit, not above
        ([network(3, 1)], [network(2, 2)]),  # at the excess, not above
        ([], [network(0, 10)]),
        ([network(10, 0)], []),
    ],
)
def test_a_healthy_front_is_not(front: list[Architecture], random: list[Architecture]) -> None:
    assert collapse_warning(front, random) is None


def test_both_conditions_can_be_met_in_the_default_space() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    usual = np.mean([parameter_free_share(space.decode(one)) for one in space.sample(np.random.default_rng(0), 200)])
    assert usual + EXCESS < 1
    assert LIMIT < 1
