"""`evonas report` and `evonas plot` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evonas.workflows.run_handle import Run
from reports.run_folder.folder import RunFolder
from tests.cli.conftest import Here, check_three_parts
from tests.support.run_folders import copied


def test_a_stopped_run_on_a_machine_without_its_images_has_a_page_too(
    here: Here, finished: Run, tmp_path: Path
) -> None:
    stopped = RunFolder(copied(finished.path, tmp_path / "stopped"))
    with stopped.archive.writing() as connection:
        connection.execute("DELETE FROM networks")  # layers are stored at a run's end
    stopped.store(stop_reason=None, has_reports=False)
    settings = (stopped.path / "run.toml").read_text()
    (stopped.path / "run.toml").write_text(settings.replace('"digits"', '"/nowhere/images.npz"'))
    (stopped.path / "report.html").unlink()
    front = (stopped.path / "front.csv").read_bytes()
    assert here("report", stopped.path).stdout.strip() == str(stopped.path / "report.html")
    assert '"drawings":{}' in (stopped.path / "report.html").read_text()
    assert (stopped.path / "front.csv").read_bytes() == front
    refused = here("plot", stopped.path, "layers", "--out", tmp_path / "layers.pdf")
    check_three_parts(refused, f"evonas resume {stopped.path}")


def test_several_runs_are_compared(here: Here, finished: Run, tmp_path: Path) -> None:
    other = copied(finished.path, tmp_path / "other")
    out = tmp_path / "new" / "both"
    assert here("report", finished.path, other, "--out", out).stdout.splitlines()[-1] == f"page: {out / 'compare.html'}"
    assert "Settings that differ" in (out / "compare.html").read_text()


def test_a_figure_and_its_data(here: Here, finished: Run, tmp_path: Path) -> None:
    out = tmp_path / "figures" / "front.svg"
    result = here("plot", finished.path, "front", "--x", "energy", "--out", out, "--width", "ieee-column")
    assert result.stdout.splitlines() == [str(out), f"data: {out.with_suffix('.csv')}"]
    assert out.read_text().startswith("<?xml")
    assert out.with_suffix(".csv").read_text().startswith("kind,id,error,energy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "frnt", "--out", "a.pdf"], "did you mean 'front'"),
        (["RUN", "front", "--out", "a.gif"], ".pdf, .svg, .png"),
        (["RUN", "front", "--out", "a.pdf", "--width", "iee"], "ieee-column"),
        (["RUN", "front", "--out", "a.pdf", "--x", "sise"], "'sise'"),
        (["RUN", "ranks", "--out", "a.pdf"], "evonas trust"),
        (["RUN", "front", "--out", "/dev/null/a.pdf"], "a place to write"),
        (["nowhere", "front", "--out", "a.pdf"], "nowhere holds no archive"),
    ],
)
def test_mistakes_exit_with_2_in_three_parts(
    here: Here, finished: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [str(finished.path) if each == "RUN" else each for each in arguments]
    check_three_parts(here("plot", *asked), message)
    assert not list(tmp_path.iterdir())
