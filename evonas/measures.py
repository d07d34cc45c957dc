"""What a run measures of each network: the table of objectives, a user's own, or what a table space knows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evonas.config import RunConfig
from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path, load_object
from evonas.spaces import Space, TableSpace
from objectives import LATENCY, OBJECTIVES, Objective

RESERVED = {"id", "origin", "generation", "genome", "reason", "seconds", "loss"}  # columns of the archive


@dataclass(frozen=True)
class Measures:
    """What is measured, what of it is minimised, what of it is bounded.

    Attributes:
        table: Everything measured, by name.
        objectives: Names of what is minimised together.
        bounds: Upper bounds by name.
    """

    table: dict[str, Objective]
    objectives: tuple[str, ...]
    bounds: dict[str, float]


def run_measures(config: RunConfig, space: Space) -> Measures:
    """Find out what a run measures.

    Raises:
        RunFileError: A name that nobody measures, or an objective of one's own that cannot be used.
    """
    table = dict(space.objectives if isinstance(space, TableSpace) else OBJECTIVES)
    if not isinstance(space, TableSpace) and LATENCY.name in {*config.search.objectives, *config.search.constraints}:
        table[LATENCY.name] = LATENCY  # what takes time to measure is measured only where it is asked for
    names = {}
    for name in (*config.search.objectives, *config.search.constraints):
        if is_path(name):
            objective = load_object(name, Objective)
            _check_own(objective, name, table)
            table[objective.name] = objective
            names[name] = objective.name
        elif name not in table:
            raise RunFileError(
                f"an objective among {', '.join(table)}", found=repr(name), remedy=f"{nearest(name, table)} in [search]"
            )
        else:
            names[name] = name
    bounds = {names[name]: bound for name, bound in config.search.constraints.items()}
    return Measures(table, tuple(names[name] for name in config.search.objectives), bounds)


def _check_own(objective: Objective, path: str, table: dict[str, Objective]) -> None:
    wanted = "an objective of one's own with a name of letters, digits and _, not taken yet, that counts from layers"
    if not re.fullmatch(r"[A-Za-z]\w*", objective.name) or objective.name in RESERVED | set(table) - {path}:
        if table.get(objective.name) is objective:
            return
        raise RunFileError(wanted, found=f"the name {objective.name!r} of {path}", remedy="choose another name")
    if objective.measure is None:
        raise RunFileError(wanted, found=f"no measure in {path}", remedy="give it measure=function(layers)")
