"""Decoding builds from the canonical form; its slow twin finds constant edges and aliases by itself."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.spaces import CellSpace
from tests.spaces.test_canonical import CONSTANT_CELLS, by_network, raw_genomes
from tests.support.spaces import SMALL_SPACES
from tests.twins.cell_build import build

SPACES = {**SMALL_SPACES, **CONSTANT_CELLS}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_decoding_builds_what_its_slow_twin_builds(space: CellSpace) -> None:
    for genome in raw_genomes(space, 60):
        expected, found = build(space.layout, space.describe(by_network(space, genome))), space.decode(genome)
        if expected.dead_reason is None:
            assert found == expected
        else:
            assert found.dead_reason is not None


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_genome_and_its_canonical_form_are_one_network(space: CellSpace) -> None:
    for genome in raw_genomes(space, 60):
        canonical = space.canonical(genome)
        assert np.array_equal(space.canonical(canonical), canonical)
        assert space.decode(genome) == space.decode(canonical)
