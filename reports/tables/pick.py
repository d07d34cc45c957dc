"""Picks from a front: the knee, the best by one measure, a balance of several, the best within bounds; or any ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from shlex import quote

import pandas as pd

from reports.run_folder.folder import RunFolder
from reports.tables.front import best_first, knee_id, shown
from reports.tables.query import QueryError, closest, where

WAYS = "knee, all, best:MEASURE, balanced:error=2,bitops=1, a bound such as 'model_size<4000', or ids such as 17,42"


def picked(run: RunFolder, front: pd.DataFrame, which: str) -> pd.DataFrame:
    """Choose networks of a front.

    Args:
        run: Whose front it is.
        front: As :func:`reports.tables.front.front_table` gives it.
        which: ``"knee"``; ``"all"``; ``"best:MEASURE"``; ``"balanced:MEASURE=WEIGHT,…"``, see
            :func:`reports.tables.front.knee_id`; a condition such as ``"model_size < 8KiB and error < 5%"``,
            which picks the smallest error (the first objective) within it; or ids of evaluations, on the front or
            not, such as ``"17,42"``.

    Returns:
        The chosen rows; columns as in ``front``.

    Raises:
        QueryError: It names no network, and why.
    """
    which = which.strip()
    if front.empty:
        raise QueryError(
            "a front to pick from",
            found="no feasible evaluation",
            remedy="resume the run, or loosen constraints",
        )
    if which == "all":
        return front
    if which == "knee":
        return front.loc[front["id"] == knee_id(run, front)]
    way, _, detail = which.partition(":")
    if way == "best" and detail:
        return best_first(run, front, _measure(detail.strip(), which, run.measures)).head(1)
    if way == "balanced":
        return front.loc[front["id"] == knee_id(run, front, weights=_weights(detail, which, run))]
    if re.fullmatch(r"\d+(\s*,\s*\d+)*", which):
        return _by_ids(run, [int(part) for part in which.split(",")])
    if re.search(r"[<>=]", which):
        return _best_within(run, front, which)
    raise QueryError(WAYS, found=repr(which), remedy=closest(which, ["knee", "all", "best:error", "balanced:error=1"]))


def _by_ids(run: RunFolder, ids: Sequence[int]) -> pd.DataFrame:
    """Any networks that were evaluated, on the front or not."""
    rows = run.evaluations_of(ids)
    if missing := sorted(set(ids) - set(rows["id"])):
        count = len(run.evaluations(columns=["id"]))
        raise QueryError(
            f"ids of evaluations, from 1 to {count}",
            found=", ".join(map(str, missing)),
            remedy=f"take ids from evonas front {quote(str(run.path))}",
        )
    failed = rows[rows["reason"] != ""]
    if len(failed):
        raise QueryError(
            "evaluations that succeeded",
            found=f"{failed['id'].iloc[0]}: {failed['reason'].iloc[0]}",
            remedy="take other ones",
        )
    return shown(run, rows.set_index("id", drop=False).loc[list(dict.fromkeys(ids))])


def _best_within(run: RunFolder, front: pd.DataFrame, condition: str) -> pd.DataFrame:
    within = where(front, condition)
    if within.empty:
        named = [name for name in run.measures if re.search(rf"\b{re.escape(name)}\b", condition)]
        ranges = [
            f"{name} from {run.measures[name].display(float(front[name].min()))} "
            f"to {run.measures[name].display(float(front[name].max()))}"
            for name in named
        ]
        raise QueryError(
            f"a {run.facts().noun} of the front with {condition}",
            found=", ".join(ranges) or "none",
            remedy="choose a bound within that range" if len(ranges) == 1 else "choose bounds within these ranges",
        )
    return best_first(run, within, run.objectives[0]).head(1)


def _weights(detail: str, which: str, run: RunFolder) -> dict[str, float]:
    weights = {}
    for part in detail.split(","):
        name, _, weight = part.partition("=")
        if not re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*", weight) or float(weight) <= 0:
            raise QueryError(
                "a positive weight a measure, such as balanced:error=2,bitops=1",
                found=f"{part!r} in {which!r}",
                remedy="write MEASURE=WEIGHT, joined by commas",
            )
        weights[_measure(name.strip(), which, run.measures)] = float(weight)
    return weights


def _measure(name: str, which: str, known: Iterable[str]) -> str:
    known = list(known)
    if name not in known:
        raise QueryError("a known measure", found=f"{name!r} in {which!r}", remedy=closest(name, known))
    return name
