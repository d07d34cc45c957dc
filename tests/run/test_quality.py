"""A run by balanced error: it is estimated, measured, drawn and told in the place of error, which no column names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from evonas.cli import app
from evonas.config.load import RunConfig, parse_config
from evonas.errors import DataWarning, RunFileError, SelectionError
from evonas.run import engine
from evonas.run.context import open_context
from evonas.workflows.run_handle import Run, open_run
from objectives.held_out import quality_value
from reports.comparison.runs import runs_table
from reports.pages.page import write_reports
from reports.run_folder.facts import Origin

NAMES = ("noise", "<wake>", "other")


def config_at(folder: Path, **search: Any) -> RunConfig:
    """A search of a second over 6x6 images, of which few are of the last classes."""
    rng, path = np.random.default_rng(0), folder / "images.npz"
    labels = np.repeat(NAMES, (88, 16, 8))
    np.savez(path, images=rng.integers(0, 256, (112, 6, 6), dtype=np.uint8), labels=labels)
    space = {"channels": 2, "stem_channels": 2, "cells": ["normal"], "nodes": 1, "ops": ["conv_1x1", "skip"]}
    sections = {
        "data": {"source": str(path)},
        "space": space,
        "supernet": {"steps": 2},
        "estimate": {"anchors": 2, "calibration_images": 16},
        "search": {"budget": 8, "population": 4, "predictors": [], "trainings": 1, "has_baseline": False} | search,
        "training": {"epochs": 1, "balance": "weights"},
        "compute": {"workers": 1, "device": "cpu"},
    }
    return parse_config(sections, source="tests")


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("quality")
    config = config_at(folder, objectives=["balanced_error", "model_size"])
    run = Run(engine.search(config, folder / "run"))
    run.train(str(run.front()["id"].iloc[0]))
    return run


def test_a_run_ends_with_measured_balanced_errors(balanced: Run) -> None:
    folder = balanced.folder
    table = pd.read_csv(balanced.path / "front.csv")
    assert [name for name in table if "error" in name] == [
        "balanced_error",
        "balanced_error_low",
        "balanced_error_high",
    ]
    measured = {score.genome: score for score in folder.scores() if score.fidelity == "trained"}
    assert len(table)
    for genome, error in zip(table["genome"], table["balanced_error"], strict=True):
        confusion = json.loads(measured[genome].confusion)
        assert error == measured[genome].quality == quality_value("balanced_error", confusion)
        assert np.sum(confusion, axis=1).tolist() == [3, 14, 1], "in the order of names"
    rows = folder.evaluations(origin=Origin.SEARCH)
    assert not {"error", "error_low", "scored_error"} & {*rows.columns}
    assert rows["scored_balanced_error"].notna().all()
    guessed = rows[rows["fidelity"] == "inherited"]
    assert (guessed["balanced_error_low"] <= guessed["balanced_error"]).all()
    assert (guessed["balanced_error"] <= guessed["balanced_error_high"]).all()
    facts = folder.facts()
    assert facts.bounds["balanced_error"] == (0.0, 1 - 1 / 3)
    assert facts.heldout_images == round(9 / (1 / 14 + 1 / 3 + 1 / 1))


def test_what_is_trained_later_is_measured_alike_and_told_class_by_class(balanced: Run) -> None:
    (row,) = balanced.folder.trainings().to_dict("records")
    confusion = json.loads(row["confusion"])
    assert row["test_balanced_error"] == quality_value("balanced_error", confusion)
    assert row["test_error"] == quality_value("error", confusion)
    table, counts = balanced.classes(str(row["evaluation"])), balanced.confusion(str(row["evaluation"]))
    assert table["class"].tolist() == counts.index.tolist() == counts.columns.tolist() == sorted(NAMES)
    assert counts.to_numpy().tolist() == confusion
    assert 1 - table["recall"].mean() == pytest.approx(row["test_balanced_error"])
    assert "test balanced error" in runs_table([balanced.folder])
    unknown = balanced.evaluations().query("fidelity == 'inherited'")
    trained = {score.genome for score in balanced.folder.scores() if score.fidelity == "trained"}
    left = unknown.loc[~unknown["genome"].isin(trained), "id"].iloc[0]
    with pytest.raises(SelectionError, match="was not"):
        balanced.classes(str(left))


def test_page_and_terminal_name_it(balanced: Run) -> None:
    page = write_reports(balanced.folder).read_text(encoding="utf-8")
    assert "held-out balanced error" in page
    assert "test balanced accuracy" in page
    assert "&lt;wake&gt;" in page
    assert "<wake>" not in page
    assert 'class="confusion"' in page
    front = CliRunner().invoke(app, ["front", str(balanced.path)]).output
    assert "balanced error" in front
    assert "Balanced errors are measured" in front
    shown = CliRunner().invoke(app, ["show", str(balanced.path)]).output
    assert "precision" in shown
    assert "<wake>" in shown


@pytest.mark.parametrize(
    "search",
    [
        {"objectives": ["error", "macro_f1_error"]},
        {"constraints": {"balanced_error": 0.2}},  # the objectives have error by default
    ],
)
def test_a_run_has_one_quality_measure(tmp_path: Path, search: dict[str, Any]) -> None:
    with pytest.raises(RunFileError, match=r"error and (macro_f1_error|balanced_error)"):
        config_at(tmp_path, **search)


def test_the_one_that_is_named_is_measured_and_unbalanced_images_are_told(tmp_path: Path) -> None:
    plain = config_at(tmp_path)
    plain = plain.model_copy(update={"training": plain.training.model_copy(update={"balance": "none"})})
    problem = open_context(plain).problem
    assert problem.measures.quality == "error"
    with pytest.warns(DataWarning, match="classes are unbalanced"):
        problem.decided()
    bounded = config_at(tmp_path, objectives=["model_size"], constraints={"macro_f1_error": 0.5})
    measures = open_context(bounded).problem.measures
    assert measures.quality == "macro_f1_error"
    assert not {"error", "balanced_error"} & {*measures.table}


def test_a_run_can_be_opened_again(balanced: Run) -> None:
    assert open_run(balanced.path).folder.quality == "balanced_error"
    before = (balanced.path / "front.csv").read_bytes()
    engine.resume(balanced.folder)
    assert (balanced.path / "front.csv").read_bytes() == before
