"""Genomes and networks of the spaces in stages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evonas.architecture.graph import Architecture
from evonas.spaces.genome import Genome
from evonas.spaces.staged.staged_space import StagedSpace
from tests.support.spaces import STAGED_SPACES

every_space = pytest.mark.parametrize("space", STAGED_SPACES.values(), ids=STAGED_SPACES)


def raw_genome(space: StagedSpace, seed: int) -> Genome:
    """Any genome in range, locked choices included."""
    return np.random.default_rng(seed).integers([len(gene.choices) for gene in space.genes])


def raw_architecture(space: StagedSpace, seed: int) -> Architecture:
    return space.decode(raw_genome(space, seed))


def images_of(space: StagedSpace, n: int = 16) -> torch.Tensor:
    return torch.rand(n, *space.input_shape, generator=torch.Generator().manual_seed(0))
