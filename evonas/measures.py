"""What a run measures of each network: the table of objectives, a user's own, or what a table space knows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from evonas.bounds import resolved
from evonas.config import RunConfig
from evonas.errors import RunFileError, nearest
from evonas.genome import Genome
from evonas.plugins import is_path, load_object
from evonas.spaces import Space, TableSpace
from objectives import LATENCY, OBJECTIVES, Layers, Objective

# columns of the archive
RESERVED = {"id", "origin", "generation", "genome", "reason", "seconds", "stage", "raw_error", "spread"}


LOST_WORKER = "its worker was killed, most likely for want of memory"
OUT_OF_TIME = "it took longer than it may"
OUT_OF_MEMORY = "there was not enough memory"
PASSING = (LOST_WORKER, OUT_OF_TIME, OUT_OF_MEMORY)  # reasons that may be others at the next try


class Outcome(NamedTuple):
    """What the evaluation of one genome gave: values by name, or the reason why there are none."""

    values: dict[str, float]
    reason: str
    seconds: float = 0.0


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

    def counted(self, layers: Layers) -> Outcome:
        """What is counted from a network's layers; a function of the user's that fails is the reason."""
        values: dict[str, float] = {}
        for name, objective in self.table.items():
            if objective.measure is None:
                continue
            try:
                value = objective.measure(layers)
                values[name] = value if isinstance(value, int) else float(value)
            except Exception as error:
                return Outcome({}, f"{name}: {type(error).__name__}: {error}")
        return checked(values, values)


def run_measures(config: RunConfig, space: Space) -> Measures:
    """Find out what a run measures.

    Raises:
        RunFileError: A name that nobody measures, or an objective of one's own that cannot be used.
    """
    table = dict(space.objectives if isinstance(space, TableSpace) else OBJECTIVES)
    if not isinstance(space, TableSpace) and LATENCY.name in {*config.search.objectives, *config.search.constraints}:
        table[LATENCY.name] = LATENCY  # what takes time to measure is measured only where it is asked for
    names = {}
    for path in (*config.search.objectives, *config.search.constraints):
        names[path] = _add_own(path, table, space) if is_path(path) else path
        if names[path] not in table:
            raise RunFileError(
                f"an objective among {', '.join(table)}", found=repr(path), remedy=f"{nearest(path, table)} in [search]"
            )
    _check_names(table)
    objectives = tuple(names[path] for path in config.search.objectives)
    if len(set(objectives)) < len(objectives):
        raise RunFileError("objectives that differ", found=", ".join(objectives), remedy="leave out what stands twice")
    constraints = config.search.constraints.items()
    bounds = {names[path]: resolved(bound, table[names[path]], space) for path, bound in constraints}
    return Measures(table, objectives, bounds)


def looked_up(space: TableSpace, genome: Genome) -> Outcome:
    """What a table says of a genome; a row that is missing, or not finite, is a failure with its reason."""
    try:
        found = space.look_up(genome)
        values = {name: float(found[name]) for name in space.objectives if name in found}
    except Exception as error:
        return Outcome({}, f"the table: {type(error).__name__}: {error}")
    return checked(values, space.objectives)


def counted_early(space: TableSpace, genome: Genome) -> dict[str, float]:
    """What a table or a formula counts of a genome without being evaluated; nothing where that fails."""
    try:
        return {name: float(value) for name, value in space.count(genome).items()}
    except Exception:  # the user's code: the evaluation will say what is wrong with that genome
        return {}


def checked(values: dict[str, float], names: Mapping[str, object]) -> Outcome:
    """Values, unless one that should be there is missing or not finite."""
    failed = [name for name in names if not math.isfinite(values.get(name, math.nan))]
    return Outcome({}, f"no finite value for {', '.join(failed)}") if failed else Outcome(values, "")


def _add_own(path: str, table: dict[str, Objective], space: Space) -> str:
    objective = load_object(path, Objective)
    wanted = "an objective of one's own, counted from a network's layers, with a name that is free"
    if isinstance(space, TableSpace):
        raise RunFileError(wanted, found="a search space that is a table", remedy="let the table look it up")
    if objective.measure is None:
        raise RunFileError(wanted, found=f"no measure in {path}", remedy="give it measure=function(layers)")
    if table.get(objective.name, objective) is not objective:
        raise RunFileError(wanted, found=f"the name {objective.name!r} of {path}", remedy="choose another name")
    table[objective.name] = objective
    return objective.name


def _check_names(table: Mapping[str, Objective]) -> None:
    """Names become columns of the archive, where case does not count."""
    taken = set(RESERVED)
    for key, objective in table.items():
        is_word = re.fullmatch(r"[A-Za-z]\w*", key, flags=re.ASCII)
        if not is_word or key != objective.name or key.lower() in taken:
            raise RunFileError(
                f"objectives named by letters, digits and _, not {', '.join(sorted(RESERVED))}, each once",
                found=f"the name {objective.name!r}" + (f" under {key!r}" if key != objective.name else ""),
                remedy="choose another name",
            )
        taken.add(key.lower())
