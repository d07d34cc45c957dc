"""Every way a search can end, each on a search that ends so."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from evonas.config.load import parse_config
from evonas.run.engine import resume, search
from evonas.run.stopping import StopReason
from evonas.spaces import Problem
from objectives import Objective
from reports.pages.page import run_page
from reports.run_folder.folder import RunFolder
from reports.tables.front import front_table
from reports.tables.snapshot import Snapshot

CHOICES = {name: tuple("012345") for name in "abcd"}
OBJECTIVES = [Objective(name, unit="", title=name, is_log=False) for name in ("near", "far")]


def bowl(chosen: dict[str, str]) -> dict[str, float]:
    values = [int(label) for label in chosen.values()]
    return {"near": float(sum((value - 2) ** 2 for value in values)), "far": float(40 - sum(values))}


def flat(chosen: dict[str, str]) -> dict[str, float]:
    return {"near": 1.0, "far": 1.0 + 1e-9 * int(chosen["a"])}


def slow(chosen: dict[str, str]) -> dict[str, float]:
    time.sleep(0.02)
    return bowl(chosen)


def explored(folder: Path, evaluate: object = bowl, **settings: object) -> RunFolder:
    problem = Problem(CHOICES, evaluate, objectives=OBJECTIVES)  # type: ignore[arg-type]
    raw = {"objectives": ["near", "far"], "population": 8, "predictors": [], "has_baseline": False, **settings}
    return search(parse_config({"search": raw}, source="tests", given_space="Problem"), folder, space=problem)


CASES = {
    StopReason.BUDGET_SPENT: {"budget": 30},
    StopReason.GENERATIONS_DONE: {"generations": 3},
    StopReason.STALLED: {"stall": 24, "evaluate": flat},
    StopReason.SPACE_EXHAUSTED: {"algorithm": "exhaustive", "budget": 5000},
    StopReason.TIME_SPENT: {"seconds": 0.5, "evaluate": slow},
    StopReason.NOTHING_FEASIBLE: {"constraints": {"far": 1e-6}, "budget": 6000, "count": True},
}


@pytest.mark.parametrize("reason", CASES)
def test_the_run_says_why_it_ended(reason: StopReason, tmp_path: Path) -> None:
    settings = dict(CASES[reason])
    if settings.pop("count", False):
        problem = Problem(
            {name: tuple(map(str, range(30))) for name in "abcdefgh"},
            lambda chosen: {"near": 1.0, "far": 1.0},
            objectives=OBJECTIVES,
            count=lambda chosen: {"far": 1.0},
        )
        raw = {"objectives": ["near", "far"], "population": 8, "predictors": [], **settings}
        config = parse_config({"search": raw}, source="tests", given_space="Problem")
        run = search(config, tmp_path / "run", space=problem)
    else:
        run = explored(tmp_path / "run", **settings)
    assert run.facts().stop_reason == reason.value
    assert reason.value in run_page(Snapshot(run))


def test_every_reason_has_its_case() -> None:
    assert set(CASES) == set(StopReason)


def test_generations_are_counted(tmp_path: Path) -> None:
    run = explored(tmp_path / "run", generations=3)
    assert sorted(run.evaluations()["generation"].unique()) == [0, 1, 2]


def test_a_search_that_gains_goes_on(tmp_path: Path) -> None:
    run = explored(tmp_path / "run", stall=16, budget=80)
    stalled = explored(tmp_path / "stalled", flat, stall=16, budget=80)
    assert len(run.evaluations()) > len(stalled.evaluations())


def test_an_exhaustive_search_finds_the_true_front(tmp_path: Path) -> None:
    run = explored(tmp_path / "run", algorithm="exhaustive", budget=5000)
    assert len(run.evaluations()) == 6**4
    best: dict[float, float] = {}
    for labels in itertools.product("012345", repeat=4):
        found = bowl(dict(zip("abcd", labels, strict=True)))
        best[found["far"]] = min(best.get(found["far"], 1e9), found["near"])
    front = front_table(run)
    assert all(best[far] == near for near, far in zip(front["near"], front["far"], strict=True))
    assert front["near"].min() == 0


def test_more_time_goes_on_where_less_ended(tmp_path: Path) -> None:
    """A run that time cut short holds what it evaluated; its resumption repeats nothing, and evaluates no more."""
    run = explored(tmp_path / "run", slow, seconds=0.4)
    before = run.evaluations()
    assert 0 < len(before) < 600
    again = resume(run, space=Problem(CHOICES, slow, objectives=OBJECTIVES))  # type: ignore[arg-type]
    assert again.evaluations()[["id", "genome"]].equals(before[["id", "genome"]])
    assert again.facts().stop_reason == StopReason.TIME_SPENT.value


def test_a_search_that_time_ended_stays_ended_whatever_else_was_evaluated(tmp_path: Path) -> None:
    """The baseline's evaluations answer for the search's, and must not make it longer; refusals count for nothing."""

    def count(chosen: dict[str, str]) -> dict[str, float]:
        return {"far": bowl(chosen)["far"]}

    problem = Problem(CHOICES, slow, objectives=OBJECTIVES, count=count)  # type: ignore[arg-type]
    raw = {"objectives": ["near", "far"], "population": 8, "predictors": [], "seconds": 0.6, "constraints": {"far": 26}}
    run = search(parse_config({"search": raw}, source="tests", given_space="Problem"), tmp_path / "run", space=problem)
    before = run.evaluations()
    assert run.facts().rejections
    resume(run, space=problem)
    assert run.evaluations()[["id", "origin", "genome"]].equals(before[["id", "origin", "genome"]])


def test_a_killed_run_remembers_its_time(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class Dies:
        def phase(self, title: str, *, total: int) -> None:
            del title, total

        def advance(self, done: int, *, note: str = "") -> None:
            del note
            if done == 30:
                raise Killed

    problem = Problem(CHOICES, slow, objectives=OBJECTIVES)  # type: ignore[arg-type]
    raw = {"objectives": ["near", "far"], "population": 8, "predictors": [], "has_baseline": False, "seconds": 60}
    config = parse_config({"search": raw}, source="tests", given_space="Problem")
    with pytest.raises(Killed):
        search(config, tmp_path / "run", space=problem, observer=Dies())
    assert RunFolder(tmp_path / "run").facts().seconds > 0.4


def test_an_evaluation_that_takes_too_long_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    def uneven(chosen: dict[str, str]) -> dict[str, float]:
        time.sleep(5.0 if chosen["a"] == "5" else 0.0)
        return bowl(chosen)

    problem = Problem(CHOICES, uneven, objectives=OBJECTIVES)  # type: ignore[arg-type]
    raw = {
        "search": {
            "objectives": ["near", "far"],
            "population": 8,
            "predictors": [],
            "budget": 30,
            "has_baseline": False,
        },
        "estimate": {"seconds_per_network": 0.05, "retries": 0},
    }
    run = search(parse_config(raw, source="tests", given_space="Problem"), tmp_path / "run", space=problem)
    table = run.evaluations()
    is_slow = table["genome"].str.startswith("5-")
    assert is_slow.any()
    assert (table.loc[is_slow, "reason"] == "it took longer than it may").all()
    assert (table.loc[~is_slow, "reason"] == "").all()
