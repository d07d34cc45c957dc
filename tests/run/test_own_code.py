"""Code of a user's own fails in its own name: it ends no search in silence, and none runs that nobody named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import evonas
from evonas.errors import RunFileError

ROOT = Path(__file__).parents[2]
SEARCH = {"budget": 8, "population": 4, "predictors": [], "has_baseline": False}
ENDING = """
import os, sys, time, evonas

def measure(chosen):
    if chosen["x"] == 2:
        sys.exit()
    if chosen["x"] == 3:
        raise SystemExit("done")
    time.sleep(WAIT)
    return {"near": float(chosen["x"]), "far": float(chosen["y"]) - chosen["x"]}

ENDING = evonas.Problem({"x": (1, 2, 3, 4), "y": (1, 2)}, measure, objectives=["near", "far"], is_slow=True)
"""
RUN_FILE = """
[space]
kind = "own.py:ENDING"
[search]
budget = 8
population = 4
predictors = []
has_baseline = false
[compute]
workers = WORKERS
"""
COMMAND = [sys.executable, "-P", "-m", "evonas"]


def written(folder: Path, *, workers: int, wait: float = 0.0) -> None:
    (folder / "own.py").write_text(ENDING.replace("WAIT", str(wait)), encoding="utf-8")
    (folder / "run.toml").write_text(RUN_FILE.replace("WORKERS", str(workers)), encoding="utf-8")


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_a_function_that_ends_python_is_a_failed_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, workers=1)
    monkeypatch.chdir(tmp_path)
    run = evonas.search("run.toml", out="run")
    reasons = run.evaluations().set_index("genome")["reason"]
    assert len(reasons) == 8
    assert dict(reasons[reasons != ""]) == {
        "1-0": "SystemExit: ",
        "1-1": "SystemExit: ",
        "2-0": "SystemExit: done",
        "2-1": "SystemExit: done",
    }


@pytest.mark.parametrize("code", ["import sys; sys.exit()", "import sys; OWN = lambda **options: sys.exit(3)"])
def test_a_file_that_ends_python_is_told(tmp_path: Path, code: str) -> None:
    (tmp_path / "own.py").write_text(code, encoding="utf-8")
    with pytest.raises(RunFileError):
        evonas.search(out=tmp_path / "run", overrides={"space": {"kind": f"{tmp_path}/own.py:OWN"}})
    assert not (tmp_path / "run").exists()


def test_no_module_of_the_working_folder_runs_in_workers_and_none_outlives_a_killed_search(tmp_path: Path) -> None:
    written(tmp_path, workers=2, wait=30)
    for name in ("joblib", "pickle", "signal", "threading", "numpy", "cloudpickle", "evonas"):
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'trace')!r}, 'a').write({name!r})", encoding="utf-8"
        )
    search = subprocess.Popen(
        [*COMMAND, "search", "run.toml", "--out", "run"], cwd=tmp_path, env=environment(), start_new_session=True
    )
    until = time.monotonic() + 60
    while len(others := of_session(search.pid) - {search.pid}) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(others) >= 3  # two workers, and what watches them
    time.sleep(1.0)
    search.send_signal(signal.SIGKILL)
    search.wait()
    until = time.monotonic() + 20
    while of_session(search.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert of_session(search.pid) == set()
    assert not (tmp_path / "trace").exists()


def of_session(leader: int) -> set[int]:
    """Living processes of a session."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, _, session = rest.split()[:4]
        if int(session) == leader and state != "Z":
            found.add(int(name.split()[0]))
    return found
