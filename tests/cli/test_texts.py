"""Text is text: neither a terminal nor rich nor a spreadsheet nor a shell obeys what stands in names and messages."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest

import evonas
from evonas.cli.options import say
from evonas.cli.print_tables import Texts, show_table
from evonas.config.load import load_config, parse_config
from evonas.errors import EvonasError, RunFileError, in_a_line
from evonas.workflows.run_handle import Run
from objectives.display import plain
from reports.run_folder.files import csv_text
from reports.run_folder.folder import RunFolder
from tests.cli.conftest import Here
from tests.support.run_folders import folder_at, row

ODD = "[/x] \x1b[2J \udcff \u202e :smile: $x^^$"
SEARCH = {"budget": 12, "population": 4, "has_baseline": False, "predictors": []}


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def odd_function(chosen: dict[str, str]) -> dict[str, float]:
    if chosen["[/x]"] == "=1+1":
        raise ValueError(ODD)
    if chosen["[/x]"] == "-5":
        raise MuteError
    return {"near": -float(len(chosen["[/x]"])), "far": float(chosen["y"])}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search whose gene, choices and failures have names that mean something to terminals and spreadsheets."""
    problem = evonas.Problem(
        {"[/x]": ("=1+1", "@SUM(A1)", "-5", "[bold]"), "y": (1, 2, 3)}, odd_function, objectives=["near", "far"]
    )
    out = tmp_path_factory.mktemp("odd") / "a run ($1)"
    return evonas.search(space=problem, out=out, overrides={"name": "odd", "search": SEARCH})


def test_names_with_markup_are_printed_as_they_are(here: Here, odd: Run) -> None:
    for command in (("front",), ("front", "--format", "markdown"), ("show",)):
        result = here(command[0], odd.path, *command[1:])
        assert result.returncode == 0, result.stderr
        assert "[/x]" in result.stdout
        assert "\x1b" not in result.stdout


def test_failures_whose_words_cannot_be_stored_stop_neither_search_nor_resume(odd: Run) -> None:
    reasons = set(odd.evaluations()["reason"]) - {""}
    assert reasons == {plain(f"ValueError: {ODD}"), "MuteError: it cannot say what"}
    problem = evonas.Problem(
        {"[/x]": ("=1+1", "@SUM(A1)", "-5", "[bold]"), "y": (1, 2, 3)}, odd_function, objectives=["near", "far"]
    )
    before = odd.evaluations()
    pd.testing.assert_frame_equal(evonas.resume(odd.path, space=problem).evaluations(), before)


def test_no_cell_of_a_csv_is_a_formula(here: Here, odd: Run) -> None:
    texts = [here("front", odd.path, "--format", "csv").stdout, csv_text(odd.front())]
    for text in texts:
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert "'@SUM(A1)" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_numbers_of_a_csv_stay_as_they_are() -> None:
    table = pd.DataFrame({"=x": [-1.5, 2.0], "text": ["-2", "-x"]})
    assert csv_text(table).splitlines() == ["'=x,text", "-1.5,-2", "2.0,'-x"]


def test_json_stays_json_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    value = "\x9b\\\u202e\udcff\x7f"
    say(json.dumps({"name": value}, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert plain(printed) == printed
    assert json.loads(printed) == {"name": value}


def test_a_table_obeys_no_cell(capsys: pytest.CaptureFixture[str]) -> None:
    table = Texts(title=f"title {ODD}")
    table.add_column(f"column {ODD}")
    table.add_row(ODD)
    show_table(table)
    printed = capsys.readouterr().out
    assert printed.count("[/x] \\u001b[2J \\udcff \\u202e :smile:") == 3


def test_an_error_holds_nothing_that_a_terminal_obeys_and_ends_somewhere() -> None:
    error = EvonasError(ODD, found="x" * 1_000_000, remedy=ODD)
    assert plain(str(error)) == str(error)
    assert len(str(error)) < 10_000
    assert "996,000 more letters" in error.found
    assert in_a_line(ValueError("one\ntwo\x07")) == "ValueError: one"


def test_a_terminal_without_the_letters_gets_others(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder_at(tmp_path / "run", row("search", 0.5, 200), row("search", 0.1, 1000))
    for encoding, spelled in {"ascii": "3x3 ? \\u6f22", "cp437": "3x3 ± \\u6f22", "utf-8": "3×3 ± 漢"}.items():
        printed = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding, write_through=True))
        assert here("front", run.path).returncode == 0
        say("3×3 ± 漢")
        assert printed.getvalue().decode(encoding).splitlines()[-1] == spelled.replace("?", "+-")


def test_printed_commands_can_be_pasted(here: Here, odd: Run) -> None:
    error = here("search", "--out", odd.path).stderr
    command = error.partition("or resume it: ")[2].splitlines()[0]
    assert shlex.split(command) == ["evonas", "resume", str(odd.path)]
    network = folder_at(odd.path.parent / "it's one", row("search", 0.1, 200))
    error = here("plot", network.path, "ranks", "--out", odd.path.parent / "x.pdf").stderr
    assert shlex.split(error.partition("to do:")[2]) == ["evonas", "trust", str(network.path)]


def test_a_figure_reads_no_name_as_a_formula(here: Here, tmp_path: Path) -> None:
    problem = evonas.Problem(
        {"$x^^$": ("$a^^$", "b$")},
        lambda chosen: {"cost": float(len(chosen["$x^^$"])), "gain": 1.0},
        objectives=[evonas.Objective("cost", unit="$^^$", title="$^^$"), evonas.Objective("gain", unit="", title="g")],
    )
    run = evonas.search(space=problem, out=tmp_path / "run", overrides={"search": SEARCH})
    for kind in ("genes", "front"):
        assert here("plot", run.path, kind, "--out", tmp_path / f"{kind}.svg").returncode == 0
    run.report()


# The run file


def test_a_run_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "marked"\r\n[search]\r\nbudget = 20\r\n')
    assert load_config(path).name == "marked"


def test_paths_that_no_run_file_can_hold_are_refused() -> None:
    with pytest.raises(RunFileError, match="paths that exist"):
        parse_config({"data": {"source": "images\udcff"}}, source="test")


def test_warnings_of_a_run_are_stored_whatever_they_say(tmp_path: Path) -> None:
    run = folder_at(tmp_path / "run")
    run.warn(ODD)
    assert RunFolder(run.path).facts().warnings == [plain(ODD)]
