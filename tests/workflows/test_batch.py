"""Batches: which runs a plan means, that stopping and resuming changes nothing, what the comparison says."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import evonas
from evonas.config.load import RunConfig, load_config
from evonas.errors import RunFileError, RunFolderError
from evonas.run import engine
from evonas.run.engine import search
from evonas.run.lock import alone_with
from evonas.workflows.batch import PLAN, Batch, resume_batch, run_batch
from evonas.workflows.batch_plan import read_plan
from reports.run_folder.folder import RunFolder
from tests.support.own_problem import BOWL
from tests.support.runs import WITHOUT_CLOCK, StopAfter


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("own") / "own.py"
    file.write_text(BOWL, encoding="utf-8")
    return {
        "name": "bowls",
        "compute": {"workers": 1},
        "run": {
            "space": {"kind": f"{file}:BOWL"},
            "search": {"objectives": ["near", "far"], "budget": 40, "population": 8, "predictors": []},
        },
        "grid": {"search": {"algorithm": ["nsga2", "random"]}, "seed": [0, 1, 2]},
    }


@pytest.fixture(scope="module")
def batch(plan: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """A finished batch. Do not change it."""
    return evonas.batch(plan, out=tmp_path_factory.mktemp("batches") / "whole")


def test_every_combination_of_the_grid_is_a_run(batch: Batch) -> None:
    assert [run.path.name for run in batch.runs] == [
        f"{algorithm}-seed{seed}" for algorithm in ("nsga2", "random") for seed in range(3)
    ]
    for run in batch.runs:
        assert run.path.name == f"{run.settings['search']['algorithm']}-seed{run.settings['seed']}"
        assert run.settings["search"]["budget"] == 40
        assert run.settings["compute"]["workers"] == 1


def test_a_batch_that_was_stopped_anywhere_ends_like_one_that_was_not(
    plan: dict[str, Any], batch: Batch, tmp_path: Path
) -> None:
    folder, configs = tmp_path / "stopped", read_plan(plan)[1]
    folder.mkdir()
    shutil.copy(batch.path / PLAN, folder / PLAN)
    shutil.copytree(batch.path / "nsga2-seed0", folder / "nsga2-seed0")  # done
    with pytest.raises(KeyboardInterrupt):  # in the middle
        search(configs["nsga2-seed1"], folder / "nsga2-seed1", observer=StopAfter(20))
    (folder / "random-seed0").mkdir()  # before there was an archive
    (folder / "random-seed0" / "archive.sqlite.partial").touch()
    before = (folder / "nsga2-seed0" / "archive.sqlite").stat().st_mtime_ns
    resumed = resume_batch(folder)
    assert (folder / "nsga2-seed0" / "archive.sqlite").stat().st_mtime_ns == before
    assert not resumed.failures
    columns = [name for name in WITHOUT_CLOCK if name in ("id", "origin", "generation", "genome", "reason")]
    for one, other in zip(batch.runs, resumed.runs, strict=True):
        pd.testing.assert_frame_equal(one.evaluations()[columns], other.evaluations()[columns])
        assert (one.path / "front.csv").read_bytes() == (other.path / "front.csv").read_bytes()
    for file in (batch.path / "comparison").iterdir():
        assert file.read_bytes() == (resumed.path / "comparison" / file.name).read_bytes()


@pytest.mark.usefixtures("pages")
def test_a_run_counts_as_done_once_its_page_is_whole(
    plan: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {**plan, "grid": {"seed": [0]}}

    def stopped(run: RunFolder) -> None:
        (run.path / "report.html").write_text("<!doctype html><ti", encoding="utf-8")  # as a lost disk may leave it
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "write_reports", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_batch(one, tmp_path / "batch")
    run = RunFolder(tmp_path / "batch" / "bowls-seed0")
    assert run.facts().stop_reason
    assert not run.facts().has_reports
    resume_batch(tmp_path / "batch")
    assert run.facts().has_reports
    assert (run.path / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    page = (run.path / "report.html").stat().st_mtime_ns
    resume_batch(tmp_path / "batch")
    assert (run.path / "report.html").stat().st_mtime_ns == page


def test_runs_side_by_side_are_the_same(plan: dict[str, Any], batch: Batch, tmp_path: Path) -> None:
    smaller = copy.deepcopy(plan)
    smaller["grid"]["seed"] = [0]
    other = evonas.batch(smaller, out=tmp_path / "two", workers=2)
    for run in other.runs:
        assert (run.path / "front.csv").read_bytes() == (batch.path / run.path.name / "front.csv").read_bytes()


def test_a_run_that_fails_keeps_no_other_from_being_made(plan: dict[str, Any], tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(BOWL.replace('"far": float', '"near ": float'), encoding="utf-8")
    mixed = copy.deepcopy(plan)
    kind = mixed["run"]["space"].pop("kind")
    mixed["grid"] = {"space.kind": [kind, f"{bad}:BOWL"], "seed": [0]}
    found = run_batch(mixed, tmp_path / "batch")
    assert len(found.runs) == len(found.failures) == 1
    assert "far" in next(iter(found.failures.values()))


def test_another_plan_does_not_go_on_with_a_batch(plan: dict[str, Any], batch: Batch) -> None:
    other = copy.deepcopy(plan)
    other["grid"]["seed"] = [0, 1]
    with pytest.raises(RunFolderError, match="runs that differ"):
        run_batch(other, batch.path)


def test_a_plan_tells_all_mistakes_of_its_runs_at_once(plan: dict[str, Any]) -> None:
    wrong = copy.deepcopy(plan)
    wrong["grid"] |= {"search.bugdet": [1], "search.population": [2, 8]}
    with pytest.raises(RunFileError) as caught:
        read_plan(wrong)
    assert "search.bugdet" in caught.value.found
    assert "search.population" in caught.value.found
    assert "budget" in caught.value.remedy


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"grids": {}}, "grid"),
        ({"compute": {"workers": -1}}, "workers"),
        ({"grid": {"seed": 3}}, r"seed = \[0"),
        ({"grid": {"seed": [1, 1]}}, "twice: seed"),
        ({"grid": {"seed": list(range(101)), "search.budget": list(range(1, 101))}}, "10,000 runs"),
        ({"run_file": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_a_bad_plan_says_where(part: dict[str, Any], message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        read_plan(part)


def test_run_files_can_be_what_runs_differ_in(tmp_path: Path) -> None:
    for name, budget in (("short", 20), ("long", 90)):
        (tmp_path / f"{name}.toml").write_text(f"[search]\nbudget = {budget}\n", encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text('[run.search]\npopulation = 10\n[grid]\nrun_file = ["short.toml", "long.toml"]\n', encoding="utf-8")
    found = read_plan(path)[1]
    assert {name: (run.search.budget, run.search.population) for name, run in found.items()} == {
        "short": (20, 10),
        "long": (90, 10),
    }


def test_presets_can_be_what_runs_differ_in_and_lie_under_everything_else(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[search]\nstall = 7\n[quantizers]\nternary_weight = 'twn'\n", encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(
        'run_file = "run.toml"\n[run.space]\nnodes = 2\n[grid]\npreset = ["tas", "ubnas"]\n', encoding="utf-8"
    )
    found = read_plan(path)[1]
    assert list(found) == ["tas", "ubnas"]
    assert [run.space.weight_precisions for run in found.values()] == [("ternary",), ("binary",)]
    for run in found.values():
        assert (run.space.nodes, run.search.stall, run.quantizers.ternary_weight) == (2, 7, "twn")
    assert found["tas"].quantizers.ternary_act == load_config(None, preset="tas").quantizers.ternary_act
    other = read_plan({"preset": "nce", "grid": {"space.kind": ["residual", "cells"]}})[1]
    assert other["residual"].space.widths == load_config(None, preset="nce").space.widths
    assert other["cells"].space == read_plan({})[1]["batch"].space  # of a space of another kind nothing is left
    with pytest.raises(RunFileError, match="did you mean 'nce'"):
        read_plan({"grid": {"preset": ["nec"]}})


def test_runs_keep_their_device_and_nothing_else_of_who_works() -> None:
    def devices(plan: dict[str, Any]) -> list[str]:
        return [run.compute.device for run in read_plan(plan)[1].values()]

    assert devices({}) == ["auto"]
    assert devices({"compute": {"device": "cpu"}}) == ["cpu"]
    assert devices({"compute": {"device": "cpu"}, "run": {"compute": {"device": "cuda"}}}) == ["cuda"]
    assert devices({"grid": {"compute.device": ["cpu", "cuda"]}}) == ["cpu", "cuda"]
    away = {"backend": "dask", "scheduler": "tcp://127.0.0.1:1"}
    (run,) = read_plan({"run": {"compute": {**away, "workers": 3}}})[1].values()
    assert (run.compute.workers, run.compute.backend, run.compute.scheduler) == (1, "loky", "")
    with pytest.raises(RunFileError, match="wokers"):
        read_plan({"run": {"compute": {"wokers": 3}}})


def test_keys_under_run_mean_what_they_mean_in_a_run_file() -> None:
    plan = {"preset": "nce", "run": {"search": {"constraints": {}}}}
    assert read_plan(plan)[1]["batch"].search.constraints == {}
    with pytest.raises(RunFileError, match="preset above it"):
        read_plan({"run": {"preset": "nce"}})
    with pytest.raises(RunFileError, match="seed is no section"):
        read_plan({"run": {"seed": 1}, "grid": {"seed.x": [1, 2]}})


@pytest.mark.parametrize("key", ["preset", "run_file", "data.source", "space.kind"])
def test_names_in_a_grid_must_be_names(key: str) -> None:
    with pytest.raises(RunFileError, match="which are no names"):
        read_plan({"grid": {key: [1]}})


def test_no_run_is_named_like_the_folder_above() -> None:
    assert not {".", ".."} & set(read_plan({"grid": {"data.source": ["..", ".", "digits"]}})[1])
    for name in (".", "..", "../x"):
        with pytest.raises(RunFileError, match="name = "):
            read_plan({"name": name})


def test_a_run_that_fails_of_anything_keeps_no_other_from_being_made(
    plan: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(config: RunConfig, *arguments: Any, **options: Any) -> Any:
        if config.seed == 1:
            raise MemoryError("too much\nof it")
        return search(config, *arguments, **options)

    monkeypatch.setattr("evonas.workflows.batch.search", failing)
    made = run_batch({**plan, "grid": {"seed": [0, 1, 2]}}, tmp_path / "batch")
    assert made.failures == {"bowls-seed1": "MemoryError: too much"}
    assert [run.path.name for run in made.runs] == ["bowls-seed0", "bowls-seed2"]


def test_names_of_runs_differ_even_where_their_values_read_alike() -> None:
    found = read_plan({"grid": {"search.objectives": [["error", "macs"], ["error_macs"], ["macs", "error"]][::2]}})[1]
    assert list(found) == ["error_macs", "macs_error"]
    same = read_plan({"grid": {"space.kind": ["cells"], "search.constraints": [{"macs": 1.5}, {"macs": 1.25}, {}]}})[1]
    assert list(same) == ["cells-macs1.5", "cells-macs1.25", "cells-no_constraints"]


def test_two_processes_do_not_work_in_one_folder(batch: Batch) -> None:
    file = batch.path / PLAN
    with alone_with(file), pytest.raises(RunFolderError, match="another process"), alone_with(file, patience=0.1):
        pass
    with alone_with(file, patience=0.1):
        pass


def test_comparing_takes_runs_and_batches_each_once(batch: Batch) -> None:
    (found,) = evonas.compare([batch.path, batch.runs[0].path])
    assert len(found.ends) == 6
    assert found.ranking["search"].tolist()[0] in found.verdict
    with pytest.raises(RunFolderError, match="two runs or more"):
        evonas.compare([batch.runs[0].path])
