"""A correction that learns on from what the search comes to: in rounds, from what is stored, resumed like any run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evonas.config import RunConfig, parse_config
from evonas.costs import COSTS
from evonas.engine import resume, search
from evonas.exploration import Exploration
from evonas.run import Run
from evonas.stopping import Stopping, StopReason
from reports.convergence import convergence_table
from reports.page import run_page
from reports.page_data import page_data
from reports.plots import asked, front_points
from reports.run_folder import RunFolder
from surrogates.correction import fit_correction
from tests.evonas.test_engine import StopAfter
from tests.evonas.test_expanding_search import COLUMNS, SMALL

BUDGET, AT_FIRST = 36, 10
SETTINGS = {
    **SMALL,
    "space": {**SMALL["space"], "expansions": []},
    "estimate": {**SMALL["estimate"], "correction_networks": AT_FIRST, "tuning_steps": 1, "tuning_networks": 4},
    "search": {"budget": BUDGET, "population": 6, "predictors": ["ridge"], "has_baseline": False},
}


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return parse_config(SETTINGS, source="tests")


@pytest.fixture(scope="module")
def learned(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search(config, tmp_path_factory.mktemp("runs") / "learned")


def searched(run: RunFolder) -> pd.DataFrame:
    table = run.evaluations()
    return table[table["origin"] == "search"]


def test_rounds_come_at_equal_parts_of_the_budget_and_bring_networks_of_the_front(learned: RunFolder) -> None:
    log = learned.meta("correction rounds")
    assert [entry["stage"] for entry in log] == [1, 2]
    table = searched(learned)
    first = table.drop_duplicates("genome")
    for number, entry in enumerate(log, start=1):
        before = first[first["stage"] < entry["stage"]]
        assert number * BUDGET / 3 <= len(before) <= number * BUDGET / 3 + 6
    brief = learned.evaluations(origin="brief")
    joined = brief.iloc[AT_FIRST:]
    assert len(joined) == sum(entry["networks"] for entry in log) > 0
    assert all(entry["networks"] <= AT_FIRST // 2 for entry in log)
    assert set(joined["genome"]) <= set(first["genome"])
    assert (np.diff(joined["model_size"].iloc[: log[0]["networks"]]) >= 0).all()
    at_first = table[table["stage"] == 0]
    points = at_first.set_index("genome")[["error", "model_size", "bitops"]]
    for genome in joined["genome"].iloc[: log[0]["networks"]]:
        better = (points <= points.loc[genome]).all(axis=1) & (points < points.loc[genome]).any(axis=1)
        assert not better.any()


def test_what_is_known_is_not_scored_again(learned: RunFolder) -> None:
    table = searched(learned)
    last = table[table["stage"] == 2].set_index("genome")
    early = table[table["stage"] == 0].set_index("genome")
    assert set(early.index) <= set(last.index)  # all of them, not only the survivors
    assert (last.loc[early.index, "seconds"] == 0).all()
    assert (last.loc[early.index, "loss"] == early["loss"]).all()
    assert table["genome"].nunique() == BUDGET


def test_each_network_keeps_the_generation_that_found_it(learned: RunFolder) -> None:
    generations = searched(learned).groupby("genome")["generation"]
    assert (generations.nunique() == 1).all()
    assert generations.first().min() == 0


def test_reports_take_each_network_once_and_curves_never_fall(learned: RunFolder) -> None:
    page = page_data(learned)
    assert len(page["points"]["search"]["id"]) == BUDGET
    cloud = front_points(asked([learned])).query("kind == 'evaluated'")
    assert len(cloud) == BUDGET
    volumes = convergence_table(learned)["hypervolume"]
    assert volumes.is_monotonic_increasing
    assert "front trained briefly" in run_page(learned)


def test_the_most_accurate_join_whatever_the_order_of_objectives(config: RunConfig, tmp_path: Path) -> None:
    chosen = config.search.model_copy(update={"objectives": ("model_size", "bitops", "error"), "budget": 13})
    estimate = config.estimate.model_copy(update={"tuning_steps": 0})
    run = search(config.model_copy(update={"search": chosen, "estimate": estimate}), tmp_path / "run")
    n = run.meta("correction rounds")[0]["networks"]
    joined = run.evaluations(origin="brief")["genome"].iloc[AT_FIRST : AT_FIRST + n]
    known = searched(run).query("stage == 0").set_index("genome")
    assert known["error"].loc[joined].min() == known["error"].min()


def test_time_that_ends_after_a_round_ends_there_again(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round is gone through once more by a run that is resumed, and none is begun when time is up."""
    chosen = config.search.model_copy(update={"seconds": 3600.0})
    entered, is_up = Exploration._enter, []

    def enter(exploration: Exploration, *given: Any) -> None:
        entered(exploration, *given)
        is_up.append(True)

    with monkeypatch.context() as patch:
        patch.setattr(Exploration, "_enter", enter)
        patch.setattr(Stopping, "is_time_up", property(lambda stopping: bool(is_up)))
        run = search(config.model_copy(update={"search": chosen}), tmp_path / "run")
    assert run.meta("stop_reason") == StopReason.TIME_SPENT.value
    assert [entry["stage"] for entry in run.meta("correction rounds")] == [1]
    before, front = run.evaluations()[COLUMNS], (run.path / "front.csv").read_bytes()
    monkeypatch.setattr(Stopping, "is_time_up", property(lambda stopping: True))
    again = resume(RunFolder(run.path))
    pd.testing.assert_frame_equal(again.evaluations()[COLUMNS], before)
    assert (again.path / "front.csv").read_bytes() == front


def test_no_round_begins_when_time_is_up(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = config.search.model_copy(update={"seconds": 3600.0})
    keep, is_up = Exploration._keep_facts, []

    def keep_facts(exploration: Exploration) -> None:
        keep(exploration)
        if len(exploration.rows) >= BUDGET / 3:  # which earns a round
            is_up.append(True)

    monkeypatch.setattr(Exploration, "_keep_facts", keep_facts)
    monkeypatch.setattr(Stopping, "is_time_up", property(lambda stopping: bool(is_up)))
    run = search(config.model_copy(update={"search": chosen}), tmp_path / "run")
    assert run.meta("stop_reason") == StopReason.TIME_SPENT.value
    assert run.meta("correction rounds") is None


def test_errors_come_from_the_last_correction(learned: RunFolder) -> None:
    table = learned.evaluations()
    known = table[(table["origin"] == "inherited") & (table["stage"] == 2)]
    pairs = known.merge(table[table["origin"] == "brief"], on="genome", suffixes=("", "_true"))
    assert len(pairs) == len(table[table["origin"] == "brief"])
    correction = fit_correction(
        pairs["loss"].to_numpy(),
        pairs[list(COSTS)].to_numpy(dtype=float),
        names=COSTS,
        true_losses=pairs["loss_true"].to_numpy(),
        true_errors=pairs["error_true"].to_numpy(),
    )
    assert learned.meta("correction of inherited") == (correction and correction.facts)
    last = searched(learned).query("stage == 2")
    if correction is None:
        assert last["raw_error"].isna().all()
    else:
        wanted, _ = correction.predict(last["loss"].to_numpy(), last[list(COSTS)].to_numpy(dtype=float))
        measured = dict(zip(pairs["genome"], correction.errors_of(pairs["loss_true"].to_numpy()), strict=True))
        of_trained = last["genome"].map(measured)
        assert of_trained.notna().any()
        assert last["error"].to_numpy() == pytest.approx(of_trained.fillna(pd.Series(wanted, last.index)).to_numpy())
    assert set(Run(learned).front()["genome"]) <= set(last["genome"])


@pytest.mark.parametrize("at", [22, 50])
def test_an_interrupted_search_that_learns_ends_the_same(
    learned: RunFolder, config: RunConfig, tmp_path: Path, at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "run", observer=StopAfter(at))
    resumed = resume(RunFolder(tmp_path / "run"))
    pd.testing.assert_frame_equal(resumed.evaluations()[COLUMNS], learned.evaluations()[COLUMNS])
    assert resumed.meta("correction rounds") == learned.meta("correction rounds")
    assert (resumed.path / "front.csv").read_bytes() == (learned.path / "front.csv").read_bytes()


def test_a_search_without_generations_learns_on_and_is_replayed(config: RunConfig, tmp_path: Path) -> None:
    chosen = config.search.model_copy(update={"mode": "asynchronous"})
    run = search(config.model_copy(update={"search": chosen}), tmp_path / "run")
    assert [entry["stage"] for entry in run.meta("correction rounds")] == [1, 2]
    before = run.evaluations()[COLUMNS]
    pd.testing.assert_frame_equal(resume(run).evaluations()[COLUMNS], before)


def test_no_rounds_leave_the_first_correction(config: RunConfig, tmp_path: Path) -> None:
    estimate = config.estimate.model_copy(update={"correction_rounds": 0})
    run = search(config.model_copy(update={"estimate": estimate}), tmp_path / "run")
    assert run.meta("correction rounds") is None
    assert (run.evaluations()["stage"] == 0).all()
    assert len(run.evaluations(origin="brief")) == AT_FIRST
