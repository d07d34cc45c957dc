"""Search spaces, one a file. ``SPACES`` is the table that the run file's ``[space] kind`` refers to."""

from evonas.spaces.cells import CellSpace
from evonas.spaces.space import Space

SPACES: dict[str, type[Space]] = {"cells": CellSpace}

__all__ = ["SPACES", "CellSpace", "Space"]
