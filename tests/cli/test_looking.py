"""Looking at a run, one's own or another's: nothing is written to it, nothing that it names is run."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

from evonas.workflows.run_handle import Run
from reports.run_folder.folder import RunFolder
from tests.cli.conftest import Here, check_three_parts
from tests.support.run_folders import copied

MANY = """
import json, sys
from evonas import cli
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["evonas", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        print("end of", arguments[0], end.code or 0)
"""
AS_OTHERS = ["setpriv", *(f"--{caps}=-dac_override,-dac_read_search" for caps in ("bounding-set", "inh-caps"))]
"""Before a command: root, too, may then only read what is read-only."""


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_that_may_only_be_read_is_looked_at_as_any_other(finished: Run, tmp_path: Path) -> None:
    before = AS_OTHERS if os.geteuid() == 0 else []
    if before and (shutil.which("setpriv") is None or subprocess.run([*before, "true"], check=False).returncode):
        # reports/test_archive.py asks the same of the archive alone, and needs no rights to be dropped
        pytest.skip("root may write everywhere here, and setpriv cannot take that right away")
    runs = [copied(finished.path, tmp_path / name) for name in ("one", "two")]
    entries = [entry for run in runs for entry in (run, *run.rglob("*"))]
    for entry in entries:
        entry.chmod(entry.stat().st_mode & ~0o222)
    run, other = map(str, runs)
    commands = [
        ["front", run, "--where", "error < 100%"],
        ["show", run, "--pick", "knee", "--out", "network.svg"],
        ["plot", run, "front", "--out", "front.pdf"],
        ["compare", run, other],
        ["report", run, "--out", "page.html"],
        ["report", run],
    ]
    was = [content(folder) for folder in runs]
    result = subprocess.run(
        [*before, sys.executable, "-c", MANY, json.dumps(commands)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    for entry in entries:
        entry.chmod(entry.stat().st_mode | 0o200)
    ends = [line.removeprefix("end of ") for line in result.stdout.splitlines() if line.startswith("end of ")]
    assert ends == ["front 0", "show 0", "plot 0", "compare 0", "report 0", "report 2"], result.stderr
    assert "to do:  name a file with --out" in result.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert [content(folder) for folder in runs] == was


# A run of somebody else's


class Foreign:
    """A copy of a run whose run file names a Python file for all that it can; the file leaves a trace when it runs."""

    def __init__(self, finished: Run, home: Path) -> None:
        self.path = copied(finished.path, home / "foreign")
        self.code, self.trace = home / "code.py", home / "trace"
        self.code.write_text(f"from pathlib import Path\nPath({str(self.trace)!r}).touch()\n", encoding="utf-8")
        settings = tomllib.loads((self.path / "run.toml").read_text(encoding="utf-8"))
        settings["space"] = {"kind": f"{self.code}:SPACE"}
        settings["search"]["objectives"].append(f"{self.code}:COST")
        settings["search"]["constraints"][f"{self.code}:COST"] = 5
        settings["quantizers"]["ternary_weight"] = f"{self.code}:METHOD"
        (self.path / "run.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")


@pytest.fixture
def foreign(finished: Run, tmp_path: Path) -> Foreign:
    return Foreign(finished, tmp_path)


def test_looking_runs_nothing_that_a_run_names(here: Here, foreign: Foreign, finished: Run, tmp_path: Path) -> None:
    for arguments in (
        ("front", foreign.path, "--where", "error < 100%"),
        ("show", foreign.path, "--pick", "knee"),
        ("report", foreign.path),
        ("report", foreign.path, finished.path, "--out", tmp_path / "both"),
        ("plot", foreign.path, "layers", "--out", tmp_path / "layers.svg"),
        ("compare", foreign.path, finished.path),
    ):
        result = here(*arguments)
        assert result.returncode == 0, result.stderr
    assert not foreign.trace.exists()


@pytest.mark.parametrize("option", ["--pick", "--genome"])
def test_code_runs_for_other_networks_only_if_the_command_says_so(
    here: Here, foreign: Foreign, finished: Run, option: str
) -> None:
    table = finished.evaluations()
    unknown = table[~table["genome"].isin(RunFolder(foreign.path).networks(table["genome"]))]  # by their layers
    which = (option, str(unknown["id"].min()) if option == "--pick" else "0-0")
    RunFolder(foreign.path).store(started_with={})  # all that is asked matches
    check_three_parts(here("show", foreign.path, *which), "add --trust-code")
    assert not foreign.trace.exists()
    here("show", foreign.path, *which, "--trust-code")
    assert foreign.trace.exists()


LOADING = [("resume",), ("train",), ("trust",), ("export",), ("show", "--genome", "0-0", "--trust-code")]
"""What cannot do without what a run names."""


@pytest.mark.parametrize("command", LOADING, ids=" ".join)
def test_settings_are_compared_before_what_they_name_is_run(
    here: Here, foreign: Foreign, command: tuple[str, ...]
) -> None:
    check_three_parts(here(command[0], foreign.path, *command[1:]), "the settings that the run was started with")
    assert not foreign.trace.exists()


@pytest.mark.parametrize("command", LOADING, ids=" ".join)
def test_files_are_compared_before_they_are_run(here: Here, foreign: Foreign, command: tuple[str, ...]) -> None:
    folder = RunFolder(foreign.path)
    folder.store(started_with={"settings": {}, "files": {str(foreign.code): "0" * 64}})
    check_three_parts(here(command[0], foreign.path, *command[1:]), f"another value for {foreign.code}")
    assert not foreign.trace.exists()


ASKING = [("resume",), ("train",), ("trust",), ("export",)]


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
@pytest.mark.parametrize("signed", ["", "0" * 64])
def test_a_run_of_unknown_origin_asks_before_its_code_runs(
    here: Here, foreign: Foreign, command: tuple[str, ...], signed: str
) -> None:
    RunFolder(foreign.path).store(started_with={}, signature=signed)  # a forger stores what matches
    check_three_parts(here(command[0], foreign.path, *command[1:]), "add --trust-code")
    assert not foreign.trace.exists()
    here(command[0], foreign.path, *command[1:], "--trust-code")
    assert foreign.trace.exists()


@pytest.mark.parametrize("changed", [{"data": {"source": "hf:name"}}, {"compute": {"scheduler": "tcp://a:1"}}], ids=str)
def test_nothing_is_fetched_for_a_run_of_unknown_origin(
    here: Here, finished: Run, tmp_path: Path, changed: dict[str, dict[str, str]]
) -> None:
    path = copied(finished.path, tmp_path / "foreign")
    settings = tomllib.loads((path / "run.toml").read_text(encoding="utf-8"))
    for section, keys in changed.items():
        settings[section] |= keys
    settings["compute"]["backend"] = "dask" if "compute" in changed else "loky"
    (path / "run.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    RunFolder(path).store(started_with={})
    for command in ("resume", "train", "export"):
        check_three_parts(here(command, path), "add --trust-code")


OWN = """
from evonas.spaces import Problem
OWN = Problem({"x": (1, 2, 3), "y": (1, 2)}, lambda own: {"a": own["x"], "b": -own["y"]}, objectives=["a", "b"])
"""
PLAN = {
    "run": {"space": {"kind": "own.py:OWN"}, "search": {"budget": 4, "population": 4, "predictors": []}},
    "grid": {"seed": [0, 1]},
    "compute": {"workers": 1},
}


def test_ones_own_runs_and_batches_are_resumed_without_a_question(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "run.toml").write_text(tomli_w.dumps(PLAN["run"]), encoding="utf-8")
    (tmp_path / "plan.toml").write_text(tomli_w.dumps(PLAN), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command, out in (("search", "run"), ("batch", "plan")):
        assert here(command, f"{out}.toml", "--out", tmp_path / out).returncode == 0
        assert here("resume", tmp_path / out).returncode == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of somebody else"))
    for out in ("run", "plan"):
        check_three_parts(here("resume", tmp_path / out), f"needs {tmp_path / 'own.py'}")
        assert here("resume", tmp_path / out, "--trust-code").returncode == 0
    assert not (tmp_path / "of somebody else").exists()


def test_without_a_place_for_a_key_runs_are_made_and_trusted_by_word_alone(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "run.toml").write_text(tomli_w.dumps(PLAN["run"]), encoding="utf-8")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert here("search", "run.toml", "--out", "run").returncode == 0
    check_three_parts(here("resume", "run"), "add --trust-code")
    assert here("resume", "run", "--trust-code").returncode == 0


# An archive of another version


def made_old(finished: Run, path: Path, *statements: str) -> Path:
    copied(finished.path, path)
    with sqlite3.connect(path / "archive.sqlite") as connection:
        connection.execute("PRAGMA user_version=0")  # no seal, or it would be told first that something was changed
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


OLD = {
    "version 4": (
        "DROP TABLE facts",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "INSERT INTO meta VALUES ('schema_version', '4')",
    ),
    "version None": ("DELETE FROM facts WHERE name = 'schema_version'",),
    "no such table: facts": ("DROP TABLE facts",),
}


@pytest.mark.parametrize("found", OLD)
def test_an_archive_of_another_version_is_refused(here: Here, finished: Run, tmp_path: Path, found: str) -> None:
    path = made_old(finished, tmp_path / "old", *OLD[found])
    before = (path / "archive.sqlite").read_bytes()
    for command in ("front", "show", "report", "resume", "train"):
        result = here(command, path)
        check_three_parts(result, found)
        assert "wanted: a run folder, as evonas search makes it" in result.stderr
        if found.startswith("version"):
            assert "to do:  start the run again, or read it with the version of evonas that made it" in result.stderr
    assert (path / "archive.sqlite").read_bytes() == before


def test_odd_facts_are_told_in_three_parts(here: Here, finished: Run, tmp_path: Path) -> None:
    path = made_old(finished, tmp_path / "odd", "UPDATE facts SET value = '7' WHERE name = 'genes'")
    check_three_parts(here("front", path), "odd facts")
