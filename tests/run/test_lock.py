"""A run's folder belongs to one process, from before anything is loaded; a supernet's file belongs to one run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evonas
from evonas.config.load import RunConfig, parse_config
from evonas.errors import RunFileError, RunFolderError
from evonas.run import engine
from evonas.run.engine import resume, search
from evonas.run.lock import BEGUN, CLAIM, DATA, claimed, is_beginning, new_folder
from evonas.run.stages.supernet_store import SUPERNET
from evonas.run.stopping import StopReason
from evonas.workflows.run_handle import Run, open_run
from reports.run_folder.folder import RunFolder
from tests.support.runs import StopAfter

FORMULA = """
import time, evonas, evonas.run.engine
problem = evonas.Problem({"x": tuple("0123456789"), "y": tuple("0123456789")},
    lambda c: time.sleep(0.01) or {"near": float(c["x"]), "far": 9.0 - float(c["x"]) + float(c["y"])},
    objectives=["near", "far"])
def formula(path, name):
    search = {"objectives": ["near", "far"], "budget": 60, "population": 8, "has_baseline": False, "predictors": []}
    evonas.search(space=problem, out=path, overrides={"name": name, "search": search})
"""
ANOTHER = f"""{FORMULA}
import sys
print("ready", flush=True)
sys.stdin.readline()
try:
    formula(sys.argv[1], "another")
except evonas.EvonasError as error:
    sys.exit(str(error))
"""


def test_of_two_processes_that_search_in_one_folder_one_is_refused(tmp_path: Path) -> None:
    """Both begin at the same moment, when both have loaded what they need."""
    path, outcome = tmp_path / "run", {"this": ""}
    names: dict[str, Any] = {}
    exec(FORMULA, names)
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        try:
            names["formula"](path, "this")
        except RunFolderError as error:
            outcome["this"] = str(error)
        _, errors = other.communicate(timeout=120)
    outcome["another"] = errors if other.returncode else ""
    (winner,) = [name for name, refusal in outcome.items() if not refusal]
    (refusal,) = filter(None, outcome.values())
    assert "found:  another process at work there" in refusal or f"found:  files in {path}" in refusal
    run = RunFolder(path)
    assert run.settings["name"] == winner
    assert run.facts().stop_reason == StopReason.BUDGET_SPENT.value
    assert len(run.rows()) == 60


def test_a_folder_is_claimed_before_anything_is_loaded(
    tiny_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    monkeypatch.setattr(engine, "open_context", lambda *arguments: loaded.append(arguments))
    with claimed(tmp_path / "run"), pytest.raises(RunFolderError, match="another process at work there"):
        search(tiny_config, tmp_path / "run")
    assert not loaded
    assert not (tmp_path / "run").exists()


def searched(out: Path) -> Run:
    problem = evonas.Problem(
        {"x": (1, 2, 3), "y": (1, 2)}, lambda c: {"a": c["x"], "b": -c["y"]}, objectives=["a", "b"]
    )
    return evonas.search(space=problem, out=out, overrides={"search": {"budget": 4, "population": 4, "predictors": []}})


@pytest.mark.parametrize("files", [("run.toml",), ("run.toml", DATA, "archive.sqlite.7.partial"), ()])
def test_a_folder_that_holds_only_a_beginning_is_taken(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in files:  # as a kill leaves them
        (folder / name).write_text("half", encoding="utf-8")
    (folder / CLAIM).write_text(BEGUN, encoding="utf-8")
    assert is_beginning(folder)
    with pytest.raises(
        RunFolderError, match=r"only begun to make\nto do:  start it again: evonas search RUN_FILE --out"
    ):
        open_run(folder)
    assert searched(folder).front().shape[0] > 0
    assert not (folder / CLAIM).exists()
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("claim", [None, "", BEGUN])
def test_files_of_others_are_never_taken_for_a_beginning(tmp_path: Path, claim: str | None) -> None:
    (tmp_path / "run.toml").write_text("mine", encoding="utf-8")
    if claim == BEGUN:
        (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    if claim is not None:
        (tmp_path / CLAIM).write_text(claim, encoding="utf-8")
    with pytest.raises(RunFolderError, match="a new or empty folder"):
        searched(tmp_path)
    assert (tmp_path / "run.toml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / CLAIM).exists()


def test_a_path_that_sqlite_does_not_take_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="its whole path has more than 440 bytes"):
        searched(tmp_path.joinpath(*["d" * 100] * 5))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_refused_keeps_no_trace_of_it(tmp_path: Path) -> None:
    run = searched(tmp_path / "run")
    before = sorted(run.path.iterdir())
    with pytest.raises(RunFolderError, match="or resume it: evonas resume"):
        searched(run.path)
    assert sorted(run.path.iterdir()) == before


def test_default_folders_never_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20260101-000000")
    assert [new_folder("digits").name for _ in range(3)] == [f"digits-20260101-000000{end}" for end in ("", "-2", "-3")]


def test_a_supernet_of_another_run_is_not_used(small: Run, small_config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(small_config.model_copy(update={"seed": 1}), tmp_path / "run", observer=StopAfter(0))
    shutil.copy(small.path / SUPERNET, tmp_path / "run")
    with pytest.raises(RunFolderError, match="another run's\nto do:  delete that file"):
        resume(RunFolder(tmp_path / "run"))


@pytest.mark.parametrize(
    "compute", [{"backend": "threading"}, {"backend": "dask", "scheduler": "tcp://127.0.0.1:8786"}]
)
def test_a_time_limit_that_nobody_keeps_is_refused(compute: dict[str, str]) -> None:
    with pytest.raises(RunFileError, match=r'works with compute\.backend = "loky" alone'):
        parse_config({"estimate": {"seconds_per_network": 5.0}, "compute": compute}, source="run.toml")
