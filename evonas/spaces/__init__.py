"""Search spaces, one a file. ``SPACES`` is the table that the run file's ``[space] kind`` refers to."""

from evonas.spaces.cells import CellSpace
from evonas.spaces.inverted import InvertedResidualSpace
from evonas.spaces.residual import ResidualSpace
from evonas.spaces.space import NetworkSpace, Space, TableSpace

SPACES: dict[str, type[NetworkSpace]] = {
    "cells": CellSpace,
    "residual": ResidualSpace,
    "inverted_residual": InvertedResidualSpace,
}

__all__ = ["SPACES", "CellSpace", "InvertedResidualSpace", "NetworkSpace", "ResidualSpace", "Space", "TableSpace"]
