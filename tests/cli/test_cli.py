"""The command as a user runs it: output, exit codes, interruption."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from evonas import cli
from evonas.config.load import parse_config
from evonas.errors import RunFolderError
from evonas.run import engine
from evonas.workflows.run_handle import Run
from reports.run_folder.folder import RunFolder
from tests.cli.conftest import Here
from tests.conftest import TINY
from tests.support.runs import assert_same_result


@pytest.mark.usefixtures("pages")
def test_search_on_a_users_own_images_then_front_train_and_report(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, image_file: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = TINY | {"data": {"source": image_file.name}, "supernet": {"steps": 3}}
    (tmp_path / "own.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    result = here("search", "own.toml", "--out", "out", "--budget", 12, "--seed", 5, "--workers", 1)
    assert result.returncode == 0, result.stderr
    assert "Pareto front" in result.stdout
    assert "evonas export out --pick knee" in result.stdout
    run = tmp_path / "out"
    assert {"run.toml", "archive.sqlite", "supernet.safetensors", "front.csv", "figures", "report.html"} <= {
        entry.name for entry in run.iterdir()
    }
    assert "seed = 5" in (run / "run.toml").read_text()
    assert "Pareto front" in here("front", "out").stdout
    trained = here("train", "out", "--pick", "best:model_size", "--seeds", 2, "--epochs", 1, "--workers", 1)
    assert re.search(r"bytes, test accuracy [\d.]+ ± [\d.]+ % \(2 seeds\)", trained.stdout), trained.stderr
    settings = ("--set", "training.optimizer=sgd", "--set", "training.epochs=1", "--inherit")
    trained = here("train", "out", "--pick", "best:model_size", *settings, "--workers", 1)
    assert "trained with: weights inherited from the run's supernet" in trained.stdout, trained.stderr
    for wrong, message in (("epochs=1", "SECTION.KEY=VALUE"), ("training.epoch=1", "did you mean 'epochs'")):
        assert message in here("train", "out", "--set", wrong).stderr
    (run / "report.html").unlink()
    assert here("report", "out").returncode == 0
    assert (run / "report.html").is_file()


def n_searched(archive: Path) -> int:
    """Evaluations of a search that is running; 0 before its archive is there."""
    if not archive.is_file():
        return 0
    with closing(sqlite3.connect(archive, timeout=30)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM evaluations WHERE origin = 'search'").fetchone()[0])


def test_ctrl_c_keeps_everything_and_says_how_to_resume(tmp_path: Path) -> None:
    settings = TINY | {"supernet": {"steps": 2}, "estimate": {"anchors": 0, "scoring_images": 50}}
    settings["search"] = {"budget": 40, "population": 8, "predictors": [], "trainings": 0}
    (tmp_path / "tiny.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "evonas", "search", "tiny.toml", "--out", "out"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background job ignores Ctrl-C, and its children with it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # one thread only
    )
    for _ in range(6000):
        if n_searched(tmp_path / "out" / "archive.sqlite") >= 3 or process.poll() is not None:
            break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "evonas resume out" in errors
    assert "Traceback" not in errors
    engine.resume(RunFolder(tmp_path / "out"))
    whole = engine.search(parse_config(settings, source="tests"), tmp_path / "whole")
    assert_same_result(RunFolder(tmp_path / "out"), whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[serch]\n", "did you mean 'search'"),
        ("[search]\nbudget = 0\n", "search.budget = 0"),
        ("[space]\nweight_precisions = ['3-bits']\n", "did you mean '3-bit'"),
        ("[data]\nsource = 'nowhere'\n", "nothing of the kind at"),
        ("[data]\nsource = 'nan.npz'\n", "NaN or infinite in 1 of"),
        ("[data]\nsource = 'labels.npz'\n", "labels down to -1"),
    ],
)
def test_bad_input_exits_with_2_in_three_parts_and_makes_nothing(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels = np.zeros((20, 4, 4)), np.arange(20) % 2
    images[3, 1, 2] = np.nan
    np.savez(tmp_path / "nan.npz", images=images, labels=labels)
    np.savez(tmp_path / "labels.npz", images=np.zeros((20, 4, 4)), labels=labels - 1)
    (tmp_path / "run.toml").write_text(content)
    result = here("search", "run.toml", "--out", "out")
    assert result.returncode == 2
    assert re.search(r"wanted: .+\nfound:  .+\nto do:  .+", result.stderr)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_a_run_is_refused(here: Here, finished: Run, run_file: Path) -> None:
    result = here("search", run_file, "--out", finished.path)
    assert result.returncode == 2
    assert f"evonas resume {finished.path}" in result.stderr


def test_debug_shows_the_traceback_and_may_stand_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "evonas", "front", tmp_path, "--debug"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode != 0
    assert "Traceback" in result.stderr
    monkeypatch.setattr(sys, "argv", ["evonas", "--debug", "front", str(tmp_path)])
    with pytest.raises(RunFolderError):  # which Python shows with its traceback
        cli.main()


def test_ctrl_c_before_anything_began_says_so(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "search", interrupted)
    result = here("search", "--out", tmp_path / "out")
    assert result.returncode == 130
    assert "nothing had begun" in result.stderr


def test_a_fault_of_our_own_is_told_without_a_traceback(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def faulty(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(engine, "search", faulty)
    result = here("search", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert re.search(r"wanted: .+\nfound:  ZeroDivisionError: on purpose\nto do:  .+--debug", result.stderr)


def test_a_folder_that_cannot_be_made_is_explained(here: Here, run_file: Path) -> None:
    result = here("search", run_file, "--out", "/dev/null/out")
    assert result.returncode == 2
    assert "a folder that can be written to" in result.stderr


def test_a_run_on_a_relative_path_is_resumed_from_anywhere(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, image_file: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = TINY | {"data": {"source": image_file.name}, "supernet": {"steps": 2}}
    (tmp_path / "own.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    assert here("search", "own.toml", "--out", "out", "--budget", 4).returncode == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    result = here("resume", "../out")
    assert result.returncode == 0, result.stderr


def test_quiet_prints_nothing(here: Here, run_file: Path, tmp_path: Path) -> None:
    result = here("search", run_file, "--out", tmp_path / "out", "--budget", 8, "--quiet")
    assert result == (0, "", "")


@pytest.mark.parametrize("command", ["search", "resume", "front", "train", "report"])
def test_every_subcommand_has_help_with_an_example(here: Here, command: str) -> None:
    result = here(command, "--help")
    assert result.returncode == 0
    assert f"Example: evonas {command}" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'pymoo', 'matplotlib', 'sklearn'}"
    code = f"import sys, evonas.cli; print(*{heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_a_users_file_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "objectives.py").write_text("")
    result = subprocess.run(
        [sys.executable, "-c", "import evonas"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Rename that file" in result.stderr
    assert "objectives.py" in result.stderr
