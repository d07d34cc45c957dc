"""Canonical forms are found on integer vectors; networks say what they should be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from evonas.spaces import CellSpace, NetworkSpace
from evonas.spaces.genome import Genome, Genomes
from tests.support.spaces import EVERY_SPACE
from tests.twins.cell_build import build, without_equal_ops

SHORTCUTS = ("norm-quant-conv", "norm-quant-conv-norm-shortcut-prelu", "norm-quant-conv-relu")
CONSTANT_CELLS = {  # an edge may live in one cell and be constant in the next of its kind, or in all that are needed
    f"{', '.join(cells)}, precisions per {scope}{', residual' * residual}": CellSpace.of(
        (1, 8, 8),
        3,
        cells=cells,
        nodes=3,
        channels=4,
        ops=("none", "skip", "conv_3x3", "max_pool_3x3"),
        modules=SHORTCUTS,
        precision_scope=scope,
        has_residual=residual,
        residual_downsamplings=("free", "ternary"),
    )
    for cells in (("normal", "reduction", "normal", "normal"), ("reduction", "normal"))
    for scope, residual in product(("layer", "cell"), (False, True))
}
SPACES = {**EVERY_SPACE, **CONSTANT_CELLS}


def raw_genomes(space: NetworkSpace, n: int) -> np.ndarray:
    """In range; the genome's place decides how many of its edges carry nothing, or hand on what they read."""
    rng = np.random.default_rng(0)
    genomes = rng.integers([gene.n_open for gene in space.genes], size=(n, len(space.genes)))
    for index, gene in enumerate(space.genes):
        if gene.name.endswith("/op"):
            idle = [gene.choices.index(op) for op in ("none", "none", "skip") if op in gene.choices]
            genomes[:, index] = np.where(rng.random(n) < np.linspace(0, 1, n), rng.choice(idle, n), genomes[:, index])
        if gene.name.startswith("reduction") and gene.choices[0] == "none":
            genomes[::3, index] = 0  # a whole cell that carries nothing
    return genomes


def by_network(space: NetworkSpace, genome: Genome) -> Genome:
    """Build the network, and read the genes off it, until that changes nothing; of a dead one, too."""
    if not isinstance(space, CellSpace):
        return space.encode(space.decode(genome))
    read = space._read(build(space.layout, without_equal_ops(space.layout, space.describe(genome))))
    return read if np.array_equal(read, genome) else by_network(space, read)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_canonical_form_is_what_its_network_is_read_as(space: NetworkSpace) -> None:
    genomes = raw_genomes(space, 60)
    repaired = space.repair_all(genomes)
    for genome, found in zip(genomes, repaired, strict=True):
        expected = by_network(space, genome)
        assert np.array_equal(space.canonical(genome), expected)
        if space.decode(genome).dead_reason is None:
            assert np.array_equal(found, expected)
        else:
            assert np.array_equal(found, by_network(space, space.make_alive(genome)))
            assert space.decode(found).dead_reason is None


@pytest.mark.parametrize("scope", ["layer", "cell"])
def test_an_edge_that_is_left_alone_takes_its_precisions_along(scope: str) -> None:
    """The reduction cell carries nothing, so node 1 of the cell behind it does not, and node 2 reads node 0 alone."""
    space = CONSTANT_CELLS[f"reduction, normal, precisions per {scope}"]
    fixed = {f"reduction/node{node}/edge{edge}/op": "none" for node in range(3) for edge in range(2)}
    for node, inputs, *ops in (
        (0, "0,1", "conv_3x3", "none"),
        (1, "1,2", "max_pool_3x3", "none"),
        (2, "2,3", "conv_3x3", "max_pool_3x3"),
    ):
        fixed |= {f"normal/node{node}/inputs": inputs}
        fixed |= {f"normal/node{node}/edge{edge}/op": op for edge, op in enumerate(ops)}
    for genome in raw_genomes(space, 20):
        for index, gene in enumerate(space.genes):
            if gene.name in fixed:
                genome[index] = gene.choices.index(fixed[gene.name])
        found = space.canonical(genome)
        assert space.describe(found)["normal/node2/inputs"] == "0,2"
        assert np.array_equal(found, by_network(space, genome))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_many_are_repaired_as_each_alone(space: NetworkSpace) -> None:
    genomes = raw_genomes(space, 30) + np.arange(30)[:, None] % 7 - 3  # some out of range
    assert np.array_equal(space.repair_all(genomes), [space.repair(genome) for genome in genomes])
    assert space.repair_all(genomes[:0]).shape == (0, len(space.genes))


def test_a_space_that_repairs_in_its_own_way_does_so_wherever_genomes_are_repaired() -> None:
    class Pinned(CellSpace):
        def repair_all(self, genomes: Genomes) -> Genomes:
            pinned = np.array(genomes)
            pinned[:, -1] = 0
            return super().repair_all(pinned)

    space, plain = Pinned.of((1, 8, 8), 10), CellSpace.of((1, 8, 8), 10)
    assert (space.sample(np.random.default_rng(0), 20)[:, -1] == 0).all()
    drawn = plain.sample(np.random.default_rng(0), 20)
    assert (drawn[:, -1] > 0).any()
    assert all(space.repair(genome)[-1] == 0 for genome in drawn)


def test_a_canonical_genome_needs_no_reading_to_be_decoded(network_space: NetworkSpace) -> None:
    for genome in network_space.sample(np.random.default_rng(0), 20):
        assert network_space.decode_canonical(genome) == network_space.decode(genome)
