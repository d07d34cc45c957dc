"""Values at the edge of what a float holds are searched and drawn; a report that fails is no failed search."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evonas
from evonas.run import engine
from objectives.fronts.scaling import HUGE, tamed
from reports.pages import page as page_of_runs
from reports.pages.page import write_reports

VALUES = (1e308, -1e308, 5e-324, 0.0, 1.0, 1.7e308, -1.7e308, 1e-300)
PAGES = ["archive.sqlite", "figures/front.png", "figures/hypervolume.png", "front.csv", "report.html", "run.toml"]


def searched(out: Path, objectives: Any, **search: Any) -> evonas.Run:
    problem = evonas.Problem(
        {"x": tuple(range(8)), "y": tuple(range(8))},
        lambda chosen: {"a": VALUES[chosen["x"]], "b": VALUES[chosen["y"]]},
        objectives=objectives,
    )
    settings = {"budget": 24, "population": 8, "has_baseline": False, "predictors": ["ridge"], **search}
    return evonas.search(space=problem, out=out, overrides={"search": settings})


def files(run: evonas.Run) -> list[str]:
    return sorted(path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file())


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("is_log", [False, True])
def test_huge_values_are_searched_and_drawn(tmp_path: Path, is_log: bool) -> None:
    objectives = [
        evonas.Objective("a", unit="bytes", title="a", is_log=is_log),
        evonas.Objective("b", unit="share", title="b", is_maximised=is_log),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = searched(tmp_path / "run", objectives, constraints={"a": 1e308, "b": -1e308})
    assert files(run) == PAGES
    assert run.folder.facts().warnings == []
    assert len(run.front())


def test_taming_keeps_the_order_and_leaves_the_others_alone() -> None:
    values = np.sort(np.concatenate([np.logspace(-300, 308, 500), -np.logspace(-300, 308, 500), [0.0]]))
    near = tamed(values)
    assert (np.diff(near) > 0).all()
    assert np.isfinite(near**2).all()
    is_plain = np.abs(values) <= HUGE
    np.testing.assert_array_equal(near[is_plain], values[is_plain])
    np.testing.assert_array_equal(tamed([np.nan, np.inf]), [np.nan, np.inf])


@pytest.mark.usefixtures("pages")
def test_a_figure_that_fails_is_one_figure_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("so it is")

    monkeypatch.setattr(page_of_runs, "draw_front", fails)
    run = searched(tmp_path / "run", ["a", "b"])
    assert files(run) == [name for name in PAGES if name != "figures/front.png"]
    (warning,) = run.folder.facts().warnings
    assert "figures/front.png could not be drawn (ZeroDivisionError: so it is)" in warning
    assert warning in (run.path / "report.html").read_text(encoding="utf-8")
    assert run.folder.facts().has_reports


def test_a_page_that_fails_is_no_failed_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(run: object) -> None:
        raise ZeroDivisionError("so it is")

    monkeypatch.setattr(engine, "write_reports", fails)
    run = searched(tmp_path / "run", ["a", "b"])
    (warning,) = run.folder.facts().warnings
    assert "ZeroDivisionError: so it is" in warning
    assert f"evonas report {run.path}" in warning
    assert not run.folder.facts().has_reports
    monkeypatch.setattr(engine, "write_reports", write_reports)
    assert len(evonas.resume(run.path, space=run.space).front()) == len(run.front())
    assert run.folder.facts().has_reports
