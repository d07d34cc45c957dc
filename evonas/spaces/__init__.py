"""Search spaces: what genomes are, and what they mean. No torch.

May import ``architecture`` and the small root files. The run file's ``[space] kind`` names a row of ``SPACES``.

- ``genome``: genes with named choices, the integer vector, its text form.
- ``space``: what a search space is.
- ``problem``: a space of plain parts, for a user's own function; ``choices``: as Python values, and ranges of numbers.
- ``settings``: settings as validated data; ``window_settings``: kernels and strides among them;
  ``stem_settings``: those of the first convolution.
- ``configured``: spaces that the run file can name.
- ``sampling``: random genomes, first populations, networks of every size.
- ``cells``: a normal and a reduction cell, stacked.
- ``staged``: residual and inverted residual blocks in stages, and fully connected layers.
"""

from __future__ import annotations

from typing import Any

from evonas.spaces.cells.cell_space import CellSpace
from evonas.spaces.configured import ConfiguredSpace
from evonas.spaces.problem import Problem
from evonas.spaces.space import NetworkSpace, Space, TableSpace
from evonas.spaces.staged.dense import DenseSpace
from evonas.spaces.staged.inverted_residual import InvertedResidualSpace
from evonas.spaces.staged.residual import ResidualSpace

SPACES: dict[str, type[ConfiguredSpace[Any]]] = {
    "cells": CellSpace,
    "residual": ResidualSpace,
    "inverted_residual": InvertedResidualSpace,
    "dense": DenseSpace,
}

__all__ = [
    "SPACES",
    "CellSpace",
    "DenseSpace",
    "InvertedResidualSpace",
    "NetworkSpace",
    "Problem",
    "ResidualSpace",
    "Space",
    "TableSpace",
]
