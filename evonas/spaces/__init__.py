"""Search spaces, one a file. ``SPACES`` is the table that the run file's ``[space] kind`` refers to.

The spaces of networks load when they are first asked for: a search over a table or a formula needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evonas.spaces.problem import Problem
from evonas.spaces.space import NetworkSpace, Space, TableSpace

if TYPE_CHECKING:
    from evonas.spaces.cells import CellSpace
    from evonas.spaces.inverted import InvertedResidualSpace
    from evonas.spaces.residual import ResidualSpace

    SPACES: dict[str, type[NetworkSpace]]

_KINDS = {
    "cells": ("evonas.spaces.cells", "CellSpace"),
    "residual": ("evonas.spaces.residual", "ResidualSpace"),
    "inverted_residual": ("evonas.spaces.inverted", "InvertedResidualSpace"),
}

__all__ = [
    "SPACES",
    "CellSpace",
    "InvertedResidualSpace",
    "NetworkSpace",
    "Problem",
    "ResidualSpace",
    "Space",
    "TableSpace",
]


def __getattr__(name: str) -> Any:
    classes = {kind: getattr(import_module(module), found) for kind, (module, found) in _KINDS.items()}
    globals().update({found.__name__: found for found in classes.values()}, SPACES=classes)
    if name not in globals():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]
