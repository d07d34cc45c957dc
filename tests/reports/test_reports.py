"""Tables, figures and the page, from archives written by hand: no search, no torch."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from reports.pages.page import write_reports
from reports.run_folder.archive import NotARunFolderError
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation
from reports.tables.convergence import convergence_table
from reports.tables.front import front_table, knee_id
from tests.support.run_folders import folder_at, row


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return folder_at(
        tmp_path / "run",
        row("search", 0.5, 200),
        row("search", 0.1, 1000),
        row("search", 0.2, 1100),  # dominated
        row("search", 0.05, 9000),
        Evaluation("search", 1, "9-9", reason="RuntimeError: too large", seconds=2.0),
        row("random", 0.01, 150),  # the baseline's, so not on the front
    )


def test_the_front_holds_the_searchs_own_undominated_networks(folder: RunFolder) -> None:
    assert front_table(folder)["model_size"].tolist() == [9000, 1000, 200]
    assert front_table(folder, origin="random")["model_size"].tolist() == [150]
    assert knee_id(folder, front_table(folder)) == 2


def test_constraints_cut_the_front(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, row("search", 0.1, 500), row("search", 0.5, 200), constraints={"model_size": 300})
    assert front_table(folder)["model_size"].tolist() == [200]


def test_an_evaluation_is_stored_once_an_origin(folder: RunFolder) -> None:
    folder.append(row("search", 0.9, 200))
    table = folder.evaluations()
    assert len(table) == 6
    assert table["error"].iloc[0] == 0.5


def test_rows_come_back_as_they_were(folder: RunFolder) -> None:
    rows = folder.rows()
    assert rows[1] == row("search", 0.1, 1000)
    assert not rows[4].is_ok
    assert rows[4].reason == "RuntimeError: too large"


def test_convergence_never_falls_and_counts_failures(folder: RunFolder) -> None:
    table = convergence_table(folder)
    search = table[table["origin"] == "search"]
    assert search["evaluations"].tolist() == [1, 2, 3, 4, 5]
    assert search["hypervolume"].is_monotonic_increasing
    assert search["hypervolume"].iloc[3] == search["hypervolume"].iloc[4] > search["hypervolume"].iloc[0] > 0


def test_front_csv_equals_the_archive_to_the_digit(folder: RunFolder) -> None:
    write_reports(folder)
    pd.testing.assert_frame_equal(
        pd.read_csv(folder.path / "front.csv", dtype={"genome": str}), front_table(folder), check_dtype=False
    )


def test_text_from_a_user_is_shown_never_run(tmp_path: Path) -> None:
    nasty = "<script>alert('x')</script>\n\"quotes\" 🦊"
    strange = folder_at(tmp_path / "genome", row("search", 0.1, 500, genome="<i>0</i>"), name=nasty)
    folder = folder_at(tmp_path / "genes", row("search", 0.1, 500, genome="0-1"), name=nasty)
    folder.append(Evaluation("search", 0, "1-0", reason=nasty))
    folder.store(genes=[{"name": nasty, "choices": ["<i>0</i>", nasty]}, {"name": "b", "choices": ["0", "1"]}])
    folder.store(warnings=[nasty])
    for page in (write_reports(one).read_text(encoding="utf-8") for one in (strange, folder)):
        assert page.count("<script") == 3  # data, plotly, ours
        assert "<i>0</i>" not in page
        assert "🦊" in page
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page


def test_a_run_without_a_baseline_or_a_front_still_has_a_page(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, Evaluation("search", 0, "1", reason="failed"))
    assert "1 failed (" in write_reports(folder).read_text()
    assert pd.read_csv(tmp_path / "front.csv").empty


def test_a_damaged_run_toml_does_not_keep_the_report_away(folder: RunFolder) -> None:
    (folder.path / "run.toml").write_text("x =")
    assert len(front_table(RunFolder(folder.path))) == 3


def test_an_archive_of_another_version_is_refused(folder: RunFolder) -> None:
    folder.store(schema_version=99)
    with pytest.raises(NotARunFolderError, match="version 99") as caught:
        RunFolder(folder.path)
    assert "start the run again" in caught.value.remedy


def test_the_archive_can_be_read_while_it_is_written(folder: RunFolder) -> None:
    with folder.opened():
        connection = sqlite3.connect(folder.path / "archive.sqlite")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute("BEGIN IMMEDIATE")
        assert len(folder.evaluations()) == 6
        assert len(RunFolder(folder.path).evaluations()) == 6
        connection.rollback()
        connection.close()


def test_reports_load_neither_torch_nor_pymoo() -> None:
    code = "import sys, reports.pages.page; print(*{'torch', 'pymoo', 'evonas'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
