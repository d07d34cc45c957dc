"""Upper bounds of a search: numbers, or shares of what the base network of the search space has."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from evonas.errors import RunFileError
from evonas.spaces import NetworkSpace
from objectives import Objective

BASE = re.compile(r"(?:(\d+(?:\.\d+)?) )?base")


def _is_bound(bound: float | str) -> float | str:
    share = BASE.fullmatch(bound) if isinstance(bound, str) else None
    if share is None and isinstance(bound, str):
        raise ValueError('a number, or a share of the base network such as "base" or "0.5 base"')
    if not math.isfinite(_share(bound) if isinstance(bound, str) else bound):
        raise ValueError("must be a finite number")
    if isinstance(bound, str) and not _share(bound) > 0:
        raise ValueError("must be greater than 0")
    return bound


# infinite numbers are let through to the validator, which says it once and not once per kind of bound
Bound = Annotated[Annotated[float, Field(allow_inf_nan=True)] | str, AfterValidator(_is_bound)]


def resolved(bound: float | str, objective: Objective, *, space: NetworkSpace) -> float:
    """A bound as a number in the objective's unit.

    Args:
        bound: A number; or a share of what the space's base network has, such as ``"base"`` or ``"0.5 base"``.
        objective: What is bounded.
        space: Knows its base network; see :meth:`evonas.spaces.NetworkSpace.base`.

    Raises:
        RunFileError: A share, where the space has no base network or nothing is counted from layers.
    """
    if not isinstance(bound, str):
        return bound
    base = space.base()
    if base is None or objective.measure is None:
        what = "space has no base network" if base is None else f"{objective.name} is not counted from layers"
        raise RunFileError(
            f"a number under search.constraints for {objective.name}",
            found=f"{bound!r}, but this {what}",
            remedy="set a number; residual, inverted_residual and dense have a base network",
        )
    return _share(bound) * float(objective.measure(base.layers))


def _share(bound: str) -> float:
    found = BASE.fullmatch(bound)
    return float(found[1] or 1) if found else 0.0
