"""What a run measures of each network: the table of objectives, a user's own, or what a table space knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evonas.config.sections import SearchConfig
from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path
from objectives import QUALITIES, Objective
from objectives.held_out import quality_among

# columns of the archive
RESERVED = {"id", "origin", "generation", "genome", "reason", "seconds", "stage", "fidelity"}
RESERVED |= {"scored_loss", *(form.format(name) for name in QUALITIES for form in ("scored_{}", "{}_low", "{}_high"))}


@dataclass(frozen=True)
class Measures:
    """What is measured, which part of it is minimised or maximised, and which part is bounded.

    Attributes:
        table: Everything measured, by name.
        objectives: Names of what is searched for together.
        bounds: Upper bounds by name; lower ones of what is maximised.
    """

    table: dict[str, Objective]
    objectives: tuple[str, ...]
    bounds: dict[str, float]

    @property
    def quality(self) -> str:
        """Name of what counts as error: the one quality measure of a run of networks, ``"error"`` if nothing is said.

        Tables may know several, or none; nothing is estimated of them.
        """
        return quality_among((*self.objectives, *self.bounds, *self.table)) or "error"

    @property
    def analytic(self) -> tuple[str, ...]:
        """Names of what is counted from a network's layers."""
        return tuple(name for name, objective in self.table.items() if objective.measure is not None)


def run_measures(
    search: SearchConfig,
    table: Mapping[str, Objective],
    *,
    load_own: Callable[[str], Objective],
    bound_of: Callable[[float | str, Objective], float],
) -> Measures:
    """Collect what a run measures.

    Args:
        search: The run file's ``[search]``.
        table: What the problem measures by itself.
        load_own: Loads an objective of the user's by its path.
        bound_of: A bound of the run file as a number in the objective's unit.

    Raises:
        RunFileError: An unknown name, or a user's objective that cannot be used.
    """
    measured, names = dict(table), {}
    for path in (*search.objectives, *search.constraints):
        names[path] = _add_own(path, measured, load_own) if is_path(path) else path
        if names[path] not in measured:
            raise RunFileError(
                f"an objective among {', '.join(measured)}",
                found=repr(path),
                remedy=f"{nearest(path, measured)} in [search]",
            )
    _check_names(measured)
    objectives = tuple(names[path] for path in search.objectives)
    if len(set(objectives)) < len(objectives):
        raise RunFileError("objectives that differ", found=", ".join(objectives), remedy="leave out what stands twice")
    bounds = {names[path]: bound_of(bound, measured[names[path]]) for path, bound in search.constraints.items()}
    return Measures(measured, objectives, bounds)


def _add_own(path: str, table: dict[str, Objective], load_own: Callable[[str], Objective]) -> str:
    objective = load_own(path)
    wanted = "an objective of one's own, counted from a network's layers, with a name that is free"
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
