"""Estimates and measurements: which is which, what replaces what, and what is compared with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.comparison.comparison import comparable_runs, compare
from reports.run_folder.schema import Belief, Evaluation, NetworkScore
from reports.tables.estimates import error_texts, expectations_sentence, expectations_table, how_errors_came
from reports.tables.front import compared_table, estimates_table, front_history, front_table, front_volume
from tests.support.run_folders import folder_at, row


def estimated(error: float, size: int, **changed: Any) -> Evaluation:
    """A row as a search makes it before anything of it is trained."""
    one = row("search", error, size, fidelity="inherited", **changed)
    return replace(one, values={**one.values, "error_low": error / 2, "error_high": 2 * error})


def anchor(error: float, size: int) -> Evaluation:
    return row("anchor", error, size, fidelity="trained", genome=f"{size} anchor")


def test_it_is_said_what_errors_are(tmp_path: Path) -> None:
    run = folder_at(tmp_path / "estimates", estimated(0.5, 200), anchor(0.6, 300))
    assert how_errors_came(run) == (
        "Errors are estimates of what training by the whole recipe would reach on held-out images; nothing was trained "
        "that they could rest on."
    )
    run.store(estimates={"inherited": {"n": 9, "is_used": True}})
    assert how_errors_came(run).endswith("; they rest on 9 whole trainings.")
    run.believe({"200": Belief("trained", 0.4)})
    run.store(trainings={"search": 1})
    assert how_errors_came(run).startswith("Errors are measured: each network was trained by the whole recipe")
    table = folder_at(tmp_path / "table", row("search", 0.5, 200))
    table.store(is_table=True)
    assert how_errors_came(table) == "Values are looked up or computed: nothing was trained."


def test_beliefs_replace_estimates_and_never_what_the_search_went_by(tmp_path: Path) -> None:
    run = folder_at(tmp_path / "run", estimated(0.5, 200), estimated(0.2, 400))
    before = run.rows()
    run.believe({"200": Belief("trained", 0.4), "400": Belief("brief", 0.3, 0.25, 0.35)})
    assert run.rows() == before
    table = run.evaluations()
    assert table["error"].tolist() == [0.4, 0.3]
    assert table["fidelity"].tolist() == ["trained", "brief"]
    assert table["error_low"].isna().tolist() == [True, False]
    assert error_texts(run, table) == ["40.00 %", "≈ 30.00 % (25.00 % to 35.00 %)"]
    assert run.feasible(origin="search", as_searched=True)["error"].tolist() == [0.5, 0.2]
    assert front_history(run)["id"].tolist() == [1, 2]
    run.believe({})
    assert run.evaluations()["error"].tolist() == [0.5, 0.2]


def test_what_was_measured_is_compared_with_what_was_measured(tmp_path: Path) -> None:
    """An estimate that promises more hides nothing that was measured, and is on no front of measurements."""
    rows = [estimated(0.1, 150), estimated(0.5, 200), estimated(0.4, 400), estimated(0.3, 300)]
    run = folder_at(tmp_path / "run", *rows, anchor(0.6, 100), anchor(0.7, 500))
    assert set(front_table(run)["genome"]) == {"150"}
    assert front_volume(run) is None
    run.believe({"200": Belief("trained", 0.45), "400": Belief("trained", 0.5)})
    assert set(front_table(run)["genome"]) == {"150"}  # they may be anchors, and no front of this search
    run.store(trainings={"search": 2})
    front, others, estimates = front_table(run), compared_table(run), estimates_table(run)
    assert set(front["genome"]) == {"200", "100 anchor"}
    assert set(front["fidelity"]) == {"trained"}
    assert set(others["genome"]) == {"200", "400", "100 anchor", "500 anchor"}
    assert set(estimates["genome"]) == {"150", "300"}
    assert set(front_table(run, is_estimated=True)["genome"]) == {"150"}
    names = list(run.objectives)
    drawn, kept = others[names].to_numpy(dtype=float), front[names].to_numpy(dtype=float)
    dominates = (drawn[:, None] <= kept).all(axis=2) & (drawn[:, None] < kept).any(axis=2)
    assert not dominates.any()
    volume = front_volume(run)
    assert volume is not None
    assert volume > 0


def test_what_was_expected_is_told_beside_what_was_measured(tmp_path: Path) -> None:
    run = folder_at(tmp_path / "run", estimated(0.5, 200), estimated(0.4, 400))
    for genome, expected, error in (("200", 0.4, 0.5), ("400", 0.3, 0.3)):
        score = NetworkScore(genome, "trained", 0, 9, quality=error, loss=1.0, expected=expected)
        run.append_score(replace(score, expected_low=expected - 0.05, expected_high=expected + 0.05))
    table = expectations_table(run)
    assert table["id"].tolist() == [1, 2]
    assert table["measured"].tolist() == [0.5, 0.3]
    assert expectations_sentence(run) == (
        "Of 2 networks that were trained in the end, half were estimated within a factor of 1.12 just before, and 1 "
        "were measured inside their interval."
    )
    assert run.scores()[0].expected == 0.4
    run.append_score(NetworkScore("200", "trained", 0, 9, quality=0.9))
    assert run.scores()[0].quality == 0.5  # what was measured stays


def test_runs_of_estimates_and_of_measurements_are_not_compared(tmp_path: Path) -> None:
    first, second, third = (folder_at(tmp_path / str(n), estimated(0.5, 200), seed=n) for n in range(3))
    for run in (first, second):
        run.believe({"200": Belief("trained", 0.4)})
        run.store(trainings={"search": 1})
    groups = comparable_runs([first, second, third])
    assert [len(group.runs) for group in groups] == [2, 1]
    assert "estimated" in groups[1].title
    found = compare(groups[0])
    assert found.ends["hypervolume"].tolist() == pytest.approx([front_volume(first), front_volume(second)])


def test_what_is_worse_than_guessing_is_on_no_measured_front(tmp_path: Path) -> None:
    run = folder_at(tmp_path / "run", estimated(0.5, 200), estimated(0.6, 300), estimated(0.8, 100))
    run.store(trainings={"search": 3})
    run.believe({"200": Belief("trained", 0.4), "100": Belief("trained", 0.93)})
    assert front_table(run)["error"].tolist() == [0.4]
    run.believe({"200": Belief("trained", 0.95), "100": Belief("trained", 0.93)})
    assert front_table(run)["error"].tolist() == [0.93], "something must be delivered"
