"""Whole searches on digits, tiny: what they leave, that they repeat, that stopping and going on changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evonas.config.load import RunConfig, load_config
from evonas.errors import EvaluationError, RunFolderError, SelectionError
from evonas.evaluation import scorers
from evonas.evaluation.costs import Costs
from evonas.evaluation.estimator import Estimator, evaluate
from evonas.evaluation.job import Outcome
from evonas.evaluation.scoring_context import Checkpoint, open_scoring_context
from evonas.files import file_hash
from evonas.run.context import RunContext, open_context
from evonas.run.engine import resume, search
from evonas.run.stages.supernet_store import SUPERNET
from evonas.run.stopping import StopReason
from evonas.spaces.genome import Genomes, from_text
from evonas.training.network_training import as_exported
from evonas.workflows import run_handle
from evonas.workflows.run_handle import Run, open_run
from objectives import OBJECTIVES
from objectives.fronts.pareto import is_nondominated
from reports.pages.page import run_page
from reports.run_folder.folder import RunFolder
from reports.tables.snapshot import Snapshot
from tests.support.run_folders import copied
from tests.support.runs import StopAfter, assert_same_result, with_, write_front


def test_a_run_leaves_what_it_promises(finished: Run, tiny_config: RunConfig) -> None:
    for name in ("run.toml", "archive.sqlite", SUPERNET, "front.csv", "report.html", "figures/front.png"):
        assert (finished.path / name).stat().st_size > 0
    front = pd.read_csv(finished.path / "front.csv")
    assert list(front.columns) == ["id", "genome", *OBJECTIVES, "fidelity", "error_low", "error_high"]
    table = finished.evaluations()
    searched = table[table["origin"] == "search"]
    assert len(searched) == searched["genome"].nunique() == tiny_config.search.budget
    assert len(table[table["origin"] == "random"]) == tiny_config.search.budget
    assert finished.folder.facts().stop_reason == StopReason.BUDGET_SPENT.value
    assert StopReason.BUDGET_SPENT.value in (finished.path / "report.html").read_text()


def test_the_front_is_not_dominated_and_complete(finished: Run, tiny_config: RunConfig) -> None:
    names = ["error", "model_size", "bitops"]
    front = pd.read_csv(finished.path / "front.csv")[names].to_numpy(dtype=float)
    assert is_nondominated(front).all()
    table = finished.evaluations()
    measured = table[table["origin"].isin(["search", "anchor"]) & (table["fidelity"] == "trained")]
    assert len(measured) == tiny_config.estimate.anchors + tiny_config.search.trainings
    of_use = measured[measured["error"] <= 0.9]  # what is worse than guessing is on no front
    assert len(of_use) > 2
    for point in of_use[names].to_numpy(dtype=float):
        assert ((front <= point).all(axis=1)).any()


def test_the_archive_holds_what_the_network_measures(finished: Run, tiny_config: RunConfig) -> None:
    space = open_context(tiny_config).network_space
    for record in finished.front().to_dict("records"):
        layers = space.decode(from_text(record["genome"], space.genes)).layers
        for name, objective in OBJECTIVES.items():
            if objective.measure:
                assert record[name] == objective.measure(layers)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    small: Run, small_config: RunConfig, tmp_path: Path
) -> None:
    assert_same_result(search(small_config, tmp_path / "again"), small.folder)
    other = search(small_config.model_copy(update={"seed": 1}), tmp_path / "other")
    assert (other.path / "front.csv").read_bytes() != (small.path / "front.csv").read_bytes()


def test_two_workers_find_what_one_finds(small: Run, small_config: RunConfig, tmp_path: Path) -> None:
    assert_same_result(search(with_(small_config, "compute", workers=2), tmp_path / "two"), small.folder)


@pytest.mark.parametrize("signs", [2, 14, 45, 60])
def test_a_run_that_was_stopped_ends_like_one_that_never_was(
    small: Run, small_config: RunConfig, tmp_path: Path, signs: int
) -> None:
    """Stopped in supernet training, among the anchors, in the search, in the baseline."""
    assert small.folder.facts().predictors
    with pytest.raises(KeyboardInterrupt):
        search(small_config, tmp_path / "stopped", observer=StopAfter(signs))
    stopped = RunFolder(tmp_path / "stopped")
    assert_same_result(resume(stopped), small.folder)


def test_resuming_a_finished_run_changes_nothing_and_evaluates_nothing(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(estimator: Estimator, genomes: Genomes, *, costs: Costs) -> Iterator[Outcome]:
        asked.append(len(genomes))
        return evaluate(estimator, genomes, costs=costs)

    for module in ("evonas.evaluation.evaluator", "evonas.run.trainings.scoring"):
        monkeypatch.setattr(f"{module}.evaluate", counted)
    copied(finished.path, tmp_path / "copy")
    assert_same_result(resume(RunFolder(tmp_path / "copy")), finished.folder)
    assert sum(asked) == 0


def test_constraints_bound_the_front(small_config: RunConfig, finished: Run, tmp_path: Path) -> None:
    bound = float(finished.evaluations()["model_size"].median())
    config = with_(small_config, "search", constraints={"model_size": bound}, budget=40, has_baseline=False)
    front = Run(search(config, tmp_path / "bounded")).front()
    assert len(front) > 0
    assert front["model_size"].max() <= bound


def test_bounds_that_nothing_meets_leave_an_empty_front(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.run.stopping.BARREN_GENERATIONS", 10)
    config = with_(small_config, "search", constraints={"model_size": 1.0})
    run = Run(search(config, tmp_path / "impossible"))
    assert run.front().empty
    assert "0 networks on the Pareto front" in run_page(Snapshot(run.folder))


def test_a_small_space_is_searched_to_its_end(small_config: RunConfig, tmp_path: Path) -> None:
    one = {"weight_precisions": ("ternary",), "act_precisions": ("2-bit",), "expansions": (1.0,), "cells": ("normal",)}
    config = with_(small_config, "space", **one, nodes=1, stem_precisions=("8-bit",), ops=("skip", "conv_3x3"))
    run = Run(search(with_(config, "search", budget=40), tmp_path / "small"))
    assert run.folder.facts().stop_reason == StopReason.SPACE_EXHAUSTED.value
    searched = run.evaluations().query("origin == 'search'")
    assert len(searched) == 2 * 2 * 3  # an operation for each edge, a precision for the classifier


def test_a_failed_evaluation_is_recorded_and_never_scored(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def failing(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise RuntimeError("broken on purpose")
        return true_score(*args, **kwargs)  # type: ignore[arg-type]

    true_score = scorers.score_subnet
    monkeypatch.setattr(scorers, "score_subnet", failing)
    run = Run(search(small_config, tmp_path / "failing"))
    table = run.evaluations()
    failed = table[table["reason"] != ""]
    assert len(failed) > 10
    assert failed["reason"].unique().tolist() == ["RuntimeError: broken on purpose"]
    assert failed["error"].isna().all()
    assert not set(failed["genome"]) & set(run.front()["genome"])


def test_a_first_generation_that_fails_altogether_is_explained(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, (error, reason) in enumerate(((RuntimeError("no luck"), "no luck"), (MemoryError(), "enough memory"))):

        def failing(*args: object, error: Exception = error, **kwargs: object) -> object:
            raise error

        monkeypatch.setattr(scorers, "score_subnet", failing)
        with pytest.raises(EvaluationError, match=reason):
            search(small_config, tmp_path / f"hopeless{index}")


def test_a_diverging_supernet_is_explained(tiny_config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="lower learning_rate"):
        search(with_(tiny_config, "supernet", learning_rate=1e30), tmp_path / "diverging")


def test_a_folder_in_use_is_refused_and_kept(finished: Run, tiny_config: RunConfig) -> None:
    before = (finished.path / "front.csv").read_bytes()
    with pytest.raises(RunFolderError, match="evonas resume"):
        search(tiny_config, finished.path)
    assert (finished.path / "front.csv").read_bytes() == before


def test_a_damaged_supernet_is_refused(finished: Run, tiny_config: RunConfig, tmp_path: Path) -> None:
    copied(finished.path, tmp_path / "copy")
    path = tmp_path / "copy" / SUPERNET
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    space = open_context(tiny_config).network_space
    with pytest.raises(RunFolderError, match="as the run wrote it"):
        open_scoring_context(tmp_path / "copy", Checkpoint(SUPERNET, file_hash(finished.path / SUPERNET)), space)
    path.write_bytes(bytes(data[:100]))
    with pytest.raises(RunFolderError, match="weights of this network"):
        open_scoring_context(tmp_path / "copy", Checkpoint(SUPERNET, file_hash(path)), space)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be looked at" * 40])
def test_a_folder_without_a_readable_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RunFolderError, match="holds no archive"):
        open_run(tmp_path)
    (tmp_path / "archive.sqlite").write_bytes(content)
    with pytest.raises(RunFolderError, match=r"holds no run\.toml"):
        open_run(tmp_path)
    (tmp_path / "run.toml").write_text("")
    with pytest.raises(RunFolderError, match=r"archive.sqlite"):
        open_run(tmp_path)


def tampered(finished: Run, path: Path, old: str, new: str) -> RunFolder:
    copied(finished.path, path)
    text = (path / "run.toml").read_text()
    assert old in text
    (path / "run.toml").write_text(text.replace(old, new))
    return RunFolder(path)


@pytest.mark.parametrize(
    ("old", "new", "key"), [("seed = 0", "seed = 1", "seed"), ("budget = 40", "budget = 50", "budget")]
)
def test_resuming_with_other_settings_is_refused(finished: Run, tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(RunFolderError, match=rf"another value for [\w.]*{key}"):
        resume(tampered(finished, tmp_path / "copy", old, new))


def test_resuming_with_other_images_is_refused(finished: Run, tmp_path: Path) -> None:
    folder = tampered(finished, tmp_path / "copy", "workers = 1", "workers = 1")
    folder.store(started_with=folder.facts().started_with | {"images": {"images": "others"}})
    with pytest.raises(RunFolderError, match="the images that the run was started with"):
        resume(folder)


def test_training_from_a_changed_run_is_refused(finished: Run, tmp_path: Path) -> None:
    """Another split would let the test set hold images that scored the search."""
    folder = tampered(finished, tmp_path / "copy", "split_seed = 0", "split_seed = 7")
    with pytest.raises(RunFolderError, match=r"another value for data\.split_seed"):
        Run(folder).train("knee", workers=1)


def test_a_changed_file_of_the_user_s_is_noticed(small_config: RunConfig, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    imports = "from evonas.architecture.methods import Method\nfrom evonas.nets.quant.weights.twn import Twn\n"
    text = f"{imports}MINE = Method(Twn, 'weight', ('ternary',))\n"
    mine.write_text(text)
    config = with_(small_config, "quantizers", ternary_weight=f"{mine}:MINE")
    run = search(with_(config, "search", budget=4), tmp_path / "run")
    mine.write_text(text + "# changed\n")
    with pytest.raises(RunFolderError, match=r"another value for .*mine\.py"):
        resume(run)


def test_another_number_of_workers_may_go_on(finished: Run, tmp_path: Path) -> None:
    assert_same_result(resume(tampered(finished, tmp_path / "copy", "workers = 1", "workers = 2")), finished.folder)


def test_a_lost_supernet_is_not_replaced_by_another(finished: Run, tmp_path: Path) -> None:
    copied(finished.path, tmp_path / "copy")
    (tmp_path / "copy" / SUPERNET).unlink()
    folder = RunFolder(tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / "archive.sqlite") as connection:
        connection.execute("DELETE FROM evaluations WHERE id > 60")
    connection.close()
    with pytest.raises(RunFolderError, match="weights of this network"):
        resume(folder)


@pytest.fixture
def quick_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings write no page."""
    monkeypatch.setattr(run_handle, "write_reports", write_front)


@pytest.mark.usefixtures("quick_reports")
def test_a_trained_network_is_loaded_as_it_was(finished: Run, tmp_path: Path) -> None:
    copied(finished.path, tmp_path / "copy")
    run = open_run(tmp_path / "copy")
    (training,) = run.train("knee", workers=1)
    test = open_context(load_config(run.path / "run.toml")).dataset.test
    network = run.load(training.evaluation)
    assert as_exported(network, test) == training.test
    with pytest.raises(SelectionError, match="evonas train"):
        run.load(training.evaluation, seed=7)


@pytest.mark.usefixtures("quick_reports")
def test_a_training_is_never_repeated_nor_counted_twice(finished: Run, tmp_path: Path) -> None:
    copied(finished.path, tmp_path / "copy")
    run = open_run(tmp_path / "copy")
    first = run.train("knee", workers=1)
    both = run.train("knee", seeds=(0, 1, 1), workers=1)
    assert both[0] == first[0]
    longer = run.train("knee", epochs=3, workers=1)
    assert run.folder.trainings()["epochs"].tolist() == [2, 2, 3]
    assert longer[0].weights != first[0].weights


def test_a_diverging_training_is_explained(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(RunFolder(copied(finished.path, tmp_path / "copy")))
    steep = with_(run.context.config, "training", learning_rate=1e30)  # which no run file may say
    context = RunContext(run.context.problem.configured(steep))
    monkeypatch.setattr(RunContext, "overridden", lambda *arguments: context)
    with pytest.raises(EvaluationError, match=r"under \[training\]"):
        run.train("knee", workers=1)


def test_torch_s_threads_are_the_user_s_again_after_a_search(small_config: RunConfig, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    try:
        search(with_(small_config, "search", budget=4), tmp_path / "run")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_training_touches_the_test_set_once_and_says_so(finished: Run, tmp_path: Path) -> None:
    copied(finished.path, tmp_path / "copy")
    run = open_run(tmp_path / "copy")
    assert "not touched" in (run.path / "report.html").read_text()
    trainings = run.train("knee", seeds=(0, 1), workers=1)
    table = run.folder.trainings()
    assert table["seed"].tolist() == [0, 1]
    assert table["test_error"].tolist() == [training.test.error for training in trainings]
    assert (table["test_images"] == 359).all()
    assert all((run.path / weights).stat().st_size > 0 for weights in table["weights"])
    assert "touched by evonas train only" in (run.path / "report.html").read_text()
    assert trainings[0].test != trainings[1].test


def test_picks(finished: Run) -> None:
    front = finished.front()
    assert finished.pick("best:model_size")["model_size"].item() == front["model_size"].min()
    assert len(finished.pick("all")) == len(front)
    assert len(finished.pick("knee")) == 1
    bound = int(front["model_size"].median())
    within = front[front["model_size"] <= bound]
    assert finished.pick(f"model_size <= {bound}")["error"].item() == within["error"].min()
    assert len(finished.pick("error < 9.5e-1")) == 1
    both = front[(front["model_size"] <= bound) & (front["error"] < 0.95)]
    assert finished.pick(f"model_size <= {bound} and error < 95 %")["error"].item() == both["error"].min()
    objectives = dict.fromkeys(finished.folder.objectives, 1)
    even = ",".join(f"{name}={weight}" for name, weight in objectives.items())
    assert finished.pick(f"balanced:{even}").equals(finished.pick("knee"))
    assert finished.pick("balanced:model_size=1")["model_size"].item() == front["model_size"].min()
    costs = [finished.pick(f"balanced:error=1,model_size={w}")["model_size"].item() for w in (0.1, 1, 10, 1000)]
    assert costs == sorted(costs, reverse=True)
    ids = front["id"].iloc[:2].tolist()
    assert finished.pick(f"{ids[0]}, {ids[1]}")["id"].tolist() == ids


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("model_size<1", "choose a bound within that range"),
        ("best:eror", "did you mean 'error'"),
        ("999999", "999999"),
        ("nee", "did you mean 'knee'"),
        ("model_size<1.2.3", "'1.2.3' at character 12"),
        ("model_size<1 and error<0", "choose bounds within these ranges"),
        ("balanced:error=0", "a positive weight"),
        ("balanced:eror=1", "did you mean 'error'"),
        ("best", "knee, all, best:MEASURE"),
        ("model_sise<1", "did you mean 'model_size'"),
    ],
)
def test_picks_that_name_nothing_are_explained(finished: Run, which: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        finished.pick(which)


def test_the_search_learns_something_on_real_images(tiny_config: RunConfig, tmp_path: Path) -> None:
    """A hundred and fifty steps bring the supernet far above chance: one in ten."""
    config = with_(with_(tiny_config, "data", limit=0), "supernet", steps=150, learning_rate=0.02)
    config = with_(config, "space", channels=4, ops=("conv_3x3",), expansions=(1.0,), act_precisions=("4-bit",))
    config = with_(config, "estimate", anchors=0)
    run = Run(search(with_(config, "search", budget=16, has_baseline=False, trainings=0), tmp_path / "learning"))
    assert run.front()["error"].min() < 0.5
    assert np.isfinite(run.evaluations()["scored_loss"]).all()
