"""Figures for papers: every kind in every format, data beside it, fonts embedded, at the width that was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from evonas.workflows.run_handle import Run
from reports.figures.paper_figures import DRAWINGS, WIDTHS, plot
from reports.figures.plots import QUESTIONS, asked
from reports.run_folder.folder import RunFolder
from reports.tables.query import QueryError
from tests.support.run_folders import copied


@pytest.fixture(scope="module")
def trusted(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose estimates were held against trainings; one copy for all figures."""

    folder = RunFolder(copied(finished.path, tmp_path_factory.mktemp("plots") / "run"))
    for genome in finished.front()["genome"]:
        for seed in range(2):
            folder.append_truth(genome=genome, seed=seed, recipe="r", quality=0.5 + seed / 10, loss=1.0, seconds=1.0)
    return folder


def test_every_question_has_a_drawing() -> None:
    assert list(QUESTIONS) == list(DRAWINGS)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_every_kind_is_drawn_and_its_data_stand_beside_it(kind: str, trusted: RunFolder, tmp_path: Path) -> None:
    question = asked([trusted, trusted] if kind in ("attainment", "runs") else [trusted])
    data = plot(kind, question, tmp_path / "figure.pdf", width=WIDTHS["ieee-column"])
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)
    assert box
    assert float(box[1]) == pytest.approx(72 * 3.5)
    table = QUESTIONS[kind](question).reset_index(drop=True)
    stored = pd.read_csv(data, dtype={"choice": str})
    pd.testing.assert_frame_equal(stored, table, check_dtype=False, check_exact=False, rtol=1e-12)


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_same_figure_is_the_same_file(suffix: str, trusted: RunFolder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        plot("front", asked([trusted]), tmp_path / f"{name}.{suffix}", width=3.5)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    if suffix == "svg":
        assert "<text" not in (tmp_path / "a.svg").read_text()  # letters are outlines


def test_layers_are_those_of_the_pick(trusted: RunFolder) -> None:
    small = QUESTIONS["layers"](asked([trusted], pick="best:model_size"))
    front = Run(trusted).front()
    assert small["bytes"].sum() <= front["model_size"].min()
    assert set(small["weight_bits"]) <= {1, 2, 4, 8}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("front", {"x": "modelsize"}, "did you mean 'model_size'"),
        ("layers", {"pick": "all"}, "one network"),
        ("ranks", {}, "evonas trust"),
    ],
)
def test_what_a_run_does_not_hold_is_said(kind: str, options: dict[str, str], message: str, finished: Run) -> None:
    with pytest.raises(QueryError, match=message):
        QUESTIONS[kind](asked([finished.folder], **options))
