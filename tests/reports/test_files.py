"""Files are complete or not there, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import evonas.files
import reports.run_folder.files
from reports.figures.paper_figures import plot
from reports.figures.plots import asked
from reports.pages.page import write_reports
from reports.run_folder.folder import RunFolder
from tests.support.run_folders import folder_at, row

WRITERS = [evonas.files.write_atomically, reports.run_folder.files.write_atomically]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return folder_at(tmp_path / "run", row("search", 0.5, 200), row("search", 0.1, 1000), row("random", 0.01, 150))


def fails_halfway(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], *, name: str = "") -> None:
    """Writing a file whose name begins so ends in the middle, as with a full disk."""
    write_bytes = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        if not self.name.startswith(name):
            return write_bytes(self, data)
        write_bytes(self, data[: len(data) // 2])
        raise error("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_file_is_the_old_one_or_the_new_one(
    write: Callable[[Path, str | bytes], None],
    error: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "old.txt", "as it was")
    with monkeypatch.context() as patch:
        fails_halfway(patch, error)
        for name in ("old.txt", "new.txt"):
            with pytest.raises(error):
                write(tmp_path / name, "as it shall be")
    assert names(tmp_path) == {"old.txt"}
    assert (tmp_path / "old.txt").read_text() == "as it was"
    write(tmp_path / "old.txt", b"as it shall be")
    assert (tmp_path / "old.txt").read_text() == "as it shall be"


@pytest.mark.parametrize("write", WRITERS)
def test_two_processes_that_write_one_file_leave_one_of_their_files(
    write: Callable[[Path, str | bytes], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write_bytes = tmp_path / "page.html", Path.write_bytes

    def meanwhile(self: Path, data: bytes) -> int:
        monkeypatch.setattr(Path, "write_bytes", write_bytes)
        with self.open("wb") as file:
            file.write(data[:3])
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: 1)
                write(path, "the other's")
                assert path.read_text() == "the other's"
            return file.write(data[3:])

    monkeypatch.setattr(Path, "write_bytes", meanwhile)
    write(path, "this one's")
    assert path.read_text() == "this one's"
    assert names(tmp_path) == {"page.html"}


@pytest.mark.parametrize("name", ["front.csv", "hypervolume.png", "front.png", "report.html"])
def test_reports_that_are_stopped_anywhere_leave_whole_files(
    folder: RunFolder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_reports(folder)
    before = {path: path.read_bytes() for path in folder.path.rglob("*.*") if "archive" not in path.name}
    folder.append(row("search", 0.05, 9000))
    with monkeypatch.context() as patch:
        fails_halfway(patch, KeyboardInterrupt, name=name)
        with pytest.raises(KeyboardInterrupt):
            write_reports(folder)
    assert not any("partial" in found for found in names(folder.path))
    (same,) = (path for path in before if path.name == name)
    assert same.read_bytes() == before[same]
    assert not folder.facts().has_reports  # that is for whoever writes them to say, once they are written


@pytest.mark.parametrize("name", ["figure.pdf", "figure.csv"])
def test_a_figure_for_a_paper_and_its_data_are_whole(
    folder: RunFolder, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "figures" / "figure.pdf"
    with monkeypatch.context() as patch:
        fails_halfway(patch, OSError, name=name)
        with pytest.raises(OSError, match="no space"):
            plot("front", asked([folder]), out, width=3.5)
    assert name not in names(out.parent)
    assert not any("partial" in found for found in names(out.parent))
