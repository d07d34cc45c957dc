"""Runs of a user's own function: its values keep their types, sign and scale in all that people see."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evonas
from evonas.errors import RunFileError
from evonas.evaluation.measures import Measures
from evonas.run.stopping import FrontTracker
from objectives import Objective
from objectives.fronts.scaling import Scaling
from reports.comparison.attainment import attainment_table
from reports.comparison.comparison import comparable_runs
from reports.pages.page import run_page
from reports.run_folder.parameters import parameter_table
from reports.run_folder.schema import Evaluation
from reports.tables.convergence import convergence_table
from reports.tables.snapshot import Snapshot

SEARCH = {"budget": 24, "population": 8, "predictors": [], "has_baseline": False}
GENES: dict[str, Any] = {
    "use_bn": (True, False),
    "depth": (2, 4, 8),
    "lr": evonas.FloatRange(1e-4, 1e-1, 4, is_log=True),
    "op": ("conv", None),
}


def measured(chosen: Mapping[str, Any]) -> dict[str, float]:
    assert isinstance(chosen["use_bn"], bool)
    accuracy = 0.9 - 0.1 * (chosen["use_bn"] is False) - abs(np.log10(chosen["lr"]) + 2) / 8 + chosen["depth"] / 100
    return {"accuracy": float(accuracy), "cost": chosen["depth"] * 1e-5 + (chosen["op"] is not None) * 1e-6}


def go(out: Path, space: evonas.Space, **search: Any) -> evonas.Run:
    return evonas.search(out=out, space=space, overrides={"search": {**SEARCH, **search}, "compute": {"workers": 1}})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> evonas.Run:
    problem = evonas.Problem(GENES, measured, objectives={"accuracy": "max", "cost": "min"})
    return go(tmp_path_factory.mktemp("runs") / "run", problem, budget=48)


def test_a_problem_is_searched_for_its_own_objectives(run: evonas.Run) -> None:
    assert run.folder.objectives == ("accuracy", "cost")
    assert run.folder.settings["search"]["objectives"] == ["accuracy", "cost"]
    again = evonas.resume(run.path, space=run.space)
    assert again.front().equals(run.front())


def test_the_front_shows_what_was_chosen_in_its_own_types(run: evonas.Run) -> None:
    front = run.front()
    assert front.columns.tolist() == ["id", "genome", "use_bn", "depth", "lr", "op", "accuracy", "cost"]
    assert [front[name].dtype.kind for name in ("use_bn", "depth", "lr", "op")] == ["b", "i", "f", "O"]
    for row in front.to_dict("records"):
        found = measured({name: row[name] for name in GENES})
        assert found == {"accuracy": row["accuracy"], "cost": row["cost"]}
    every = parameter_table(run.folder, run.evaluations()["genome"])
    assert set(every["op"]) == {"conv", None}
    table = pd.read_csv(run.path / "front.csv", keep_default_na=False)
    assert table["use_bn"].tolist() == front["use_bn"].tolist()
    assert run.pick(str(front["id"].iloc[-1])).equals(front.tail(1).reset_index(drop=True))
    assert run.front(where="depth >= 4 and use_bn == 1")["depth"].min() == 4


def test_the_front_is_the_true_one_and_the_best_come_first(run: evonas.Run) -> None:
    front, table = run.front(), run.evaluations()
    assert len(table) == 48  # the whole space
    for row in table.itertuples():
        beats = (front["accuracy"] <= row.accuracy) & (front["cost"] >= row.cost)
        beats &= (front["accuracy"] < row.accuracy) | (front["cost"] > row.cost)
        assert not beats.any()
    assert front["accuracy"].is_monotonic_decreasing
    assert run.pick("best:accuracy")["accuracy"].iloc[0] == table["accuracy"].max()
    assert run.pick("best:cost")["cost"].iloc[0] == table["cost"].min()
    assert run.pick("cost < 1")["accuracy"].iloc[0] == table["accuracy"].max()


@pytest.mark.parametrize("predictors", [[], ["ridge"]])
@pytest.mark.parametrize("bound", [None, -3.0, 0.0, 4.0])
def test_to_maximise_is_to_minimise_the_negative(tmp_path: Path, predictors: list[str], bound: float | None) -> None:
    """The same networks in the same order, and the same hypervolumes; the user's columns have the other sign."""
    genes = {name: evonas.IntRange(0, 7) for name in "abc"}

    def values(chosen: Mapping[str, Any], sign: float) -> dict[str, float]:
        f = chosen["a"] - (chosen["b"] - 3) ** 2 / 2 + chosen["c"] / 8
        return {"f": sign * f, "size": float(chosen["a"] + 2 * chosen["c"])}

    runs = {}
    for way, sign in (("max", 1.0), ("min", -1.0)):
        objectives: Any = {"f": way, "size": "min"}
        problem = evonas.Problem(genes, lambda chosen, sign=sign: values(chosen, sign), objectives=objectives)
        bounds = {} if bound is None else {"f": sign * bound}
        search = {"budget": 24, "constraints": bounds, "predictors": predictors, "has_baseline": True}
        runs[way] = go(tmp_path / way, problem, **search)
    greater, less = runs["max"], runs["min"]
    for one, other in ((greater.evaluations(), less.evaluations()), (greater.front(), less.front())):
        assert one["genome"].tolist() == other["genome"].tolist()
        assert one["f"].tolist() == (-other["f"]).tolist()
        assert one["size"].tolist() == other["size"].tolist()
    assert len(greater.front()) > 1
    if bound is not None:
        assert greater.front()["f"].min() >= bound > greater.evaluations()["f"].min()
    assert greater.pick("knee")["genome"].tolist() == less.pick("knee")["genome"].tolist()
    assert len(comparable_runs([greater.folder, less.folder])) == 2  # one scale for both would mean nothing
    for cost, error, turned in (("size", "f", ["best", "median", "worst"]), ("f", "size", ["cost"])):
        found, other = (attainment_table([one.folder], cost=cost, error=error) for one in (greater, less))
        other[turned] = -other[turned]
        pd.testing.assert_frame_equal(found, other.sort_values("cost", ignore_index=True))
    assert convergence_table(greater.folder).equals(convergence_table(less.folder))


def test_what_stalls_is_seen_by_the_front_of_what_is_maximised() -> None:
    more = Objective("f", unit="", title="f", is_log=False, is_maximised=True)
    tracker = FrontTracker(Measures({"f": more}, ("f",), {"f": 0.0}), Scaling((more,), {"f": (0.0, 4.0)}))
    for value, volume in ((1.0, 0.25), (3.0, 0.75), (2.0, 0.75), (-1.0, 0.75)):
        tracker.add([Evaluation("search", 0, "0", {"f": value})])
        assert tracker.volume == volume


def test_a_lower_bound_refuses_before_an_evaluation(tmp_path: Path) -> None:
    problem = evonas.Problem(
        {name: evonas.IntRange(0, 7) for name in "ab"},
        lambda chosen: {"speed": chosen["a"], "error": chosen["a"] + chosen["b"]},
        objectives={"speed": "max", "error": "min"},
        count=lambda chosen: {"speed": chosen["a"]},
    )
    run = go(tmp_path / "run", problem, constraints={"speed": 4})
    assert run.evaluations()["speed"].min() >= 4
    assert run.folder.facts().rejections.keys() == {"speed below 4"}


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("unit", ["", "share"])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: -(a + 1) - 10 * abs(b - 3),
        lambda a, b: a * abs(b - 3) - 8,
        lambda a, b: 0.0 * a * b,
        lambda a, b: -5.0 + 0 * a * b,
        lambda a, b: 0.0 if b == 3 else a - 2,
    ],
)
def test_values_of_zero_and_below_keep_their_order(tmp_path: Path, f: Any, unit: str, is_log: bool) -> None:
    """The whole space is evaluated, so that its front is known; the search must keep all of it."""
    problem = evonas.Problem(
        {"a": evonas.IntRange(0, 5), "b": evonas.IntRange(0, 5)},
        lambda chosen: {"f": float(f(**chosen)), "a2": float(-chosen["a"])},
        objectives=[Objective("f", unit=unit, title="f", is_log=is_log), "a2"],
    )
    run = go(tmp_path / "run", problem, budget=36)
    table = run.evaluations()
    points = run.folder.scaling.log_transform(table[["f", "a2"]].to_numpy())
    assert np.array_equal(
        np.unique(points[:, 0], return_inverse=True)[1], np.unique(table["f"], return_inverse=True)[1]
    )
    is_best = [not (((table["f"] <= f) & (table["a2"] < a)) | ((table["f"] < f) & (table["a2"] <= a))).any()
               for f, a in zip(table["f"], table["a2"], strict=True)]  # fmt: skip
    assert set(run.front()["id"]) == set(table.loc[is_best, "id"])
    assert np.isfinite(run.folder.scaling.hypervolume(run.front()[["f", "a2"]].to_numpy()))


def test_the_guide_s_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "own.md").read_text(encoding="utf-8")
    code = guide.partition("## Any function")[2].partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    front = names["run"].front()
    assert front["accuracy"].min() >= 0.9
    assert {"use_bn", "depth", "lr", "op"} <= set(front)
    assert names["run"].path.parent == Path("runs")
    assert names["run"].path.name.startswith("Problem-")


@pytest.mark.parametrize("name", ["genome", "Cost", "ID", "reason"])
def test_a_gene_with_the_name_of_another_column_is_refused(tmp_path: Path, name: str) -> None:
    problem = evonas.Problem({name: (1, 2)}, lambda chosen: {"cost": chosen[name]}, objectives=["cost"])
    with pytest.raises(RunFileError, match="names of genes other than"):
        go(tmp_path / "run", problem)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("objectives", [[], "cost", {"cost": "least"}, [1], {}, None])
def test_objectives_that_are_none_are_explained(objectives: Any) -> None:
    with pytest.raises(RunFileError, match="objectives by name"):
        evonas.Problem({"a": (1, 2)}, dict, objectives=objectives)


def test_another_value_behind_the_same_label_is_another_problem(tmp_path: Path) -> None:
    def problem(values: tuple[Any, Any]) -> evonas.Problem:
        return evonas.Problem({"a": values}, lambda chosen: {"cost": len(str(chosen["a"]))}, objectives=["cost"])

    run = go(tmp_path / "run", problem((True, False)))
    with pytest.raises(evonas.EvonasError, match="the space that the run was started with"):
        evonas.resume(run.path, space=problem(("True", "False")))


def test_no_text_of_the_page_speaks_of_networks(run: evonas.Run) -> None:
    page = run_page(Snapshot(run.folder))
    text = re.sub(r"<(script|style|pre).*?</\1>|<(section|li)[^>]* hidden>.*?</\2>", "", page, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " ", text)
    assert "configurations" in words
    assert re.findall(r"network|image|held-out|test set|error|supernet", words) == []


def test_the_page_shows_parameters_and_values_in_their_own_scale(run: evonas.Run) -> None:
    page = run.report().read_text(encoding="utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert (
        data["networks"]["parameters"]["lr"]
        == run.evaluations()
        .set_index("id")
        .loc[data["networks"]["id"], "genome"]
        .map(lambda genome: [1e-4, 1e-3, 1e-2, 1e-1][int(genome.split("-")[2])])
        .tolist()
    )
    assert data["networks"]["texts"]["cost"][0].endswith("e-05")
    assert f"<b>{run.front()['accuracy'].max():.4g}</b><span>best accuracy</span>" in page
