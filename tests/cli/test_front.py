"""`evonas front` as a user runs it: parts of a front, in four formats."""

from __future__ import annotations

import csv
import io
import json

import pytest

from evonas.workflows.run_handle import Run
from tests.cli.conftest import Here, check_three_parts


def test_csv_and_json_hold_every_digit(here: Here, finished: Run) -> None:
    front = finished.front()
    rows = list(csv.DictReader(io.StringIO(here("front", finished.path, "--format", "csv").stdout)))
    assert [row["genome"] for row in rows] == front["genome"].tolist()
    numbers = front.drop(columns=["genome", "fidelity", "error_low", "error_high"])
    assert {row["fidelity"] for row in rows} == {"trained"}
    assert {row["error_low"] for row in rows} == {""}
    assert [[float(row[name]) for name in numbers] for row in rows] == numbers.to_numpy(dtype=float).tolist()
    records = json.loads(here("front", finished.path, "--format", "json").stdout)
    assert records == front.astype(object).where(front.notna(), None).to_dict("records")


def test_a_part_of_a_front(here: Here, finished: Run) -> None:
    front = finished.front()
    bound = int(front["model_size"].median())
    condition = f"model_size <= {bound} and error < 95 %"
    asked = ("--where", condition, "--sort", "-model_size", "--columns", "id,energy", "--format", "csv")
    expected = front[(front["model_size"] <= bound) & (front["error"] < 0.95)]
    expected = expected.sort_values("model_size", ascending=False)
    shown = csv.DictReader(io.StringIO(here("front", finished.path, *asked).stdout))
    assert [(int(row["id"]), float(row["energy"])) for row in shown] == list(
        expected[["id", "energy"]].itertuples(index=False, name=None)
    )
    assert finished.front(where=condition, sort="-model_size")["id"].tolist() == expected["id"].tolist()


def test_markdown_is_a_table_of_what_people_read(here: Here, finished: Run) -> None:
    best = finished.pick("best:error").iloc[0]
    text = here("front", finished.path, "--pick", "best:error", "--format", "markdown", "--columns", "id,error").stdout
    head, rule, row = text.splitlines()
    assert (head, rule) == ("| id | held-out error |", "| ---: | ---: |")
    assert row.replace("*", "") == f"| {best['id']} | {100 * best['error']:.2f} % |"


def test_the_knee_is_marked_and_nothing_is_said_plainly(here: Here, finished: Run) -> None:
    assert f"*{finished.pick('knee')['id'].item()} " in here("front", finished.path).stdout
    assert "satisfies the condition" in here("front", finished.path, "--where", "error < 0").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "error << 1"], "'<' at character 8"),
        (["--where", "eror < 1"], "did you mean 'error'"),
        (["--sort", "eror"], "did you mean 'error'"),
        (["--columns", "id,siez"], "'siez'"),
        (["--pick", "kne"], "did you mean 'knee'"),
        (["--format", "cvs"], "did you mean 'csv'"),
    ],
)
def test_mistakes_exit_with_2_in_three_parts(here: Here, finished: Run, arguments: list[str], message: str) -> None:
    check_three_parts(here("front", finished.path, *arguments), message)
