"""Search spaces, one a file. ``SPACES`` is the table that the run file's ``[space] kind`` refers to."""

from evonas.spaces.cells import CellSpace
from evonas.spaces.space import NetworkSpace, Space, TableSpace

SPACES: dict[str, type[NetworkSpace]] = {"cells": CellSpace}

__all__ = ["SPACES", "CellSpace", "NetworkSpace", "Space", "TableSpace"]
