"""The archive under load: what is stored stays, what is read fast is what was stored."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from objectives import OBJECTIVES, Objective
from reports.run_folder import archive
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import SCHEMA_VERSION, Evaluation
from reports.tables.convergence import convergence_table
from reports.tables.front import front_table
from tests.support.run_folders import folder_at, row

NAMES = ["error", "model_size", "bitops"]


def random_rows(seed: int, *, n: int = 120) -> list[Evaluation]:
    """Few distinct values, so that ties and dominance are common; the last stage may hold failures only, and for some
    seeds stages do not rise with time."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        origin, stage = rng.choice(["search", "search", "random", "uniform"]), 3 * i // n
        stage = rng.randrange(3) if seed % 5 == 4 and rng.random() < 0.3 else stage
        genome = f"{rng.randrange(n)}"
        if rng.random() < (0.9 if stage == 2 and seed % 3 == 0 else 0.15):
            rows.append(Evaluation(origin, i, genome, reason="failed", stage=stage))
        else:
            values = {
                "error": rng.randrange(1, 9) / 10,
                "size": rng.randrange(1, 9) * 100,
                "bitops": rng.randrange(1, 9),
            }
            rows.append(row(origin, **values, genome=genome, stage=stage))  # type: ignore[arg-type]
    return rows


def by_hand(table: pd.DataFrame, run: RunFolder, *, origin: str) -> pd.DataFrame:
    """What a front is made of, said once more and plainly."""
    table = table[table["origin"] == origin]
    last = table["stage"].max()
    keep = [
        record["reason"] == ""
        and record["stage"] == last
        and all(record[name] <= bound for name, bound in run.constraints.items())
        for record in table.to_dict("records")
    ]
    return table[np.array(keep, dtype=bool)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("origin", ["search", "random", "uniform"])
def test_the_front_is_that_of_every_pair_compared(tmp_path: Path, seed: int, origin: str) -> None:
    run = folder_at(tmp_path, *random_rows(seed), constraints={"model_size": 600, "bitops": 7.5} if seed % 2 else {})
    chosen = by_hand(run.evaluations(), run, origin=origin)
    points = chosen[NAMES].to_numpy(dtype=float)
    beaten = [any((other <= point).all() and (other < point).any() for other in points) for point in points]
    expected = chosen[~np.array(beaten, dtype=bool)].sort_values([*NAMES, "id"])
    front = front_table(run, origin=origin)
    assert front.columns.tolist() == ["id", "genome", *OBJECTIVES, "fidelity", "error_low", "error_high"]
    assert front["id"].tolist() == expected["id"].tolist()
    assert front["genome"].tolist() == expected["genome"].tolist()
    np.testing.assert_array_equal(front[[*OBJECTIVES]].astype(float), expected[[*OBJECTIVES]].astype(float))


@pytest.mark.parametrize("seed", range(6))
def test_convergence_is_the_volume_of_every_prefix_by_the_last_values(tmp_path: Path, seed: int) -> None:
    run = folder_at(tmp_path, *random_rows(seed), constraints={"model_size": 600} if seed % 2 else {})
    everything, expected = run.evaluations(), []
    for origin in ("search", "random"):
        table = everything[everything["origin"] == origin]
        order = list(dict.fromkeys(table["genome"]))
        last = by_hand(table, run, origin=origin)
        for count in range(1, len(order) + 1):
            so_far = last[last["genome"].isin(order[:count])]
            expected.append((origin, count, run.scaling.hypervolume(so_far[NAMES].to_numpy(dtype=float))))
    found = convergence_table(run, n_points=len(everything))
    assert found[["origin", "evaluations"]].values.tolist() == [[origin, count] for origin, count, _ in expected]
    assert found["hypervolume"].tolist() == pytest.approx([volume for *_, volume in expected], rel=1e-12)
    assert found["hypervolume"].gt(0).any() or seed == 3  # whose last stages hold failures only


def test_what_was_appended_outlives_a_killed_process(tmp_path: Path) -> None:
    folder_at(tmp_path / "run")
    code = (
        "import os, signal, sys; from pathlib import Path; from reports.run_folder.folder import RunFolder\n"
        "from reports.run_folder.schema import Evaluation\n"
        "run = RunFolder(Path(sys.argv[1]))\n"
        "with run.opened():\n"
        "    for i in range(30): run.append(Evaluation('search', i, str(i), {'error': 0.5}))\n"
        "    run.store(stop_reason='killed')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    run = RunFolder(tmp_path / "run")
    assert [one.genome for one in run.rows()] == [str(i) for i in range(30)]
    assert run.facts().stop_reason == "killed"


def test_a_context_keeps_one_connection_and_may_be_nested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = folder_at(tmp_path)
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    made: list[sqlite3.Connection] = []
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: made.append(connect(*args, **kwargs)) or made[-1])
    with run.opened():
        run.append(row("search", 0.1, 100))
        with run.opened():
            run.append(row("search", 0.1, 200))
        run.append(row("search", 0.1, 300))
        assert [one.genome for one in run.rows()] == ["100", "200", "300"]
        assert run.facts().schema_version == SCHEMA_VERSION
        assert len(front_table(run)) == 1
    assert len(made) == 1
    run.append(row("search", 0.1, 400))
    assert len(run.rows()) == 4
    assert len(made) == 3


def test_a_reader_sees_what_is_appended_at_once(tmp_path: Path) -> None:
    run = folder_at(tmp_path)
    reader = RunFolder(tmp_path)
    with run.opened(), reader.opened():
        for n in range(1, 5):
            run.append(row("search", 0.1, n))
            assert len(reader.evaluations(origin="search")) == n
            assert len(RunFolder(tmp_path).evaluations(origin="search")) == n
            reader.append(row("random", 0.1, n))  # and writers take turns
            assert len(run.evaluations(origin="random")) == n


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_context_closes_whatever_happens(tmp_path: Path, error: type[BaseException]) -> None:
    run = folder_at(tmp_path)

    def stopped() -> None:
        with run.opened():
            run.append(row("search", 0.1, 100))
            raise error

    with pytest.raises(error):
        stopped()
    assert not (tmp_path / "archive.sqlite-wal").exists()  # the last connection takes it along
    assert len(run.rows()) == 1


def test_an_append_that_fails_leaves_the_context_usable(tmp_path: Path) -> None:
    run = folder_at(tmp_path)
    with run.opened():
        with pytest.raises(Exception, match="no column"):
            run.append(Evaluation("search", 0, "1", {"unheard_of": 1.0}))
        run.append(row("search", 0.1, 100))
    assert [one.genome for one in run.rows()] == ["100"]


def test_other_threads_and_processes_do_not_use_the_kept_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder_at(tmp_path)
    with run.opened():
        thread = threading.Thread(target=run.append, args=[row("search", 0.1, 100)])
        thread.start()
        thread.join()
        with run.archive.writing() as kept:
            pass
        monkeypatch.setattr(os, "getpid", lambda: 0)  # as a fork would find it
        with run.archive.writing() as other:
            assert other is not kept
        monkeypatch.undo()
        with run.archive.writing() as mine:
            assert mine is kept
        assert [one.genome for one in run.rows()] == ["100"]


def test_only_the_columns_and_the_origin_asked_for_are_read(tmp_path: Path) -> None:
    run = folder_at(tmp_path, *random_rows(0))
    everything = run.evaluations()
    expected = everything.loc[everything["origin"] == "random", ["id", "error"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(run.evaluations(origin="random", columns=["id", "error"]), expected)
    ids = [7, 3, 90, 10_000]
    assert run.evaluations_of(ids)["id"].tolist() == [i for i in sorted(ids) if i <= len(everything)]


# Making one


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_that_holds_a_run_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    folder_at(tmp_path, row("search", 0.1, 100), name="first")
    before = content(tmp_path)
    with pytest.raises(FileExistsError, match="holds a run"):
        folder_at(tmp_path, name="second")
    assert content(tmp_path) == before
    assert RunFolder(tmp_path).settings["name"] == "first"


def test_of_two_that_make_one_folder_at_once_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists

    def meanwhile(self: Path, **options: Any) -> bool:
        found = exists(self, **options)
        if self.name == "archive.sqlite":
            monkeypatch.setattr(Path, "exists", exists)
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: 1)
                folder_at(tmp_path / "run", row("search", 0.1, 100), name="first")
        return found

    monkeypatch.setattr(Path, "exists", meanwhile)
    with pytest.raises(FileExistsError):
        folder_at(tmp_path / "run", name="second")
    run = RunFolder(tmp_path / "run")
    assert run.settings["name"] == "first"
    assert 'name = "first"' in (run.path / "run.toml").read_text(encoding="utf-8")
    assert len(run.rows()) == 1
    assert sorted(content(run.path)) == ["archive.sqlite", "run.toml"]


def test_a_folder_whose_making_failed_holds_no_archive(tmp_path: Path) -> None:
    bad = {'a"b': Objective('a"b', "", title="no column")}
    with pytest.raises(sqlite3.Error):
        RunFolder.create(tmp_path, run_toml="", measures=bad, objectives=[], constraints={})
    assert content(tmp_path) == {}


# Looking at one that may only be read


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], RunFolder]:
    """Opens a folder as one that may not be written to; root may write everywhere, so this is only said."""

    def opened(path: Path) -> RunFolder:
        monkeypatch.setattr(os, "access", lambda asked, mode: mode != os.W_OK or Path(asked) != path)
        return RunFolder(path)

    return opened


def test_a_folder_to_read_only_is_read_and_nothing_else(
    tmp_path: Path, reader: Callable[[Path], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_at(tmp_path / "run", *random_rows(0), name="read")
    before = content(tmp_path / "run")
    run = reader(tmp_path / "run")
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    asked: list[str] = []
    monkeypatch.setattr(sqlite3, "connect", lambda at, **options: asked.append(str(at)) or connect(at, **options))
    assert len(run.rows()) == len(run.evaluations()) > 100
    assert run.facts().settings["name"] == "read"
    assert len(front_table(run))
    assert all("immutable" in address for address in asked)
    assert content(tmp_path / "run") == before


def test_a_disk_without_room_for_the_files_of_readers_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder_at(tmp_path / "run")
    with run.opened():
        run.append(row("search", 0.1, 100))
        shutil.copytree(run.path, tmp_path / "left")
    monkeypatch.setattr(archive, "_is_open", lambda connection: False)  # what SQLite says where it can make no file
    assert [one.genome for one in RunFolder(tmp_path / "left").rows()] == ["100"]


def test_what_a_killed_process_left_beside_the_archive_is_read_too(
    tmp_path: Path, reader: Callable[[Path], RunFolder]
) -> None:
    run = folder_at(tmp_path / "run")
    with run.opened():
        run.append(row("search", 0.1, 100))
        shutil.copytree(run.path, tmp_path / "left")  # as it is while someone writes
    before = content(tmp_path / "left")
    assert "archive.sqlite-wal" in before
    assert [one.genome for one in reader(tmp_path / "left").rows()] == ["100"]
    assert content(tmp_path / "left") == before
