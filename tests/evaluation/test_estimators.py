from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evonas.config.load import RunConfig, dump_config
from evonas.errors import RunFolderError
from evonas.evaluation import scorers
from evonas.evaluation.costs import COSTS
from evonas.evaluation.estimator import Estimator, EvaluationPolicy, complete
from evonas.evaluation.job import LOST_WORKER, OUT_OF_MEMORY, OUT_OF_TIME, Job, Outcome
from evonas.evaluation.scoring_context import open_scoring_context
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.spaces.genome import Genome
from evonas.workflows.run_handle import Run
from reports.pages.page import run_page
from reports.run_folder.facts import CorrectionFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.tables.snapshot import Snapshot
from surrogates.correction import Correction
from tests.support.runs import WITHOUT_CLOCK, StopAfter, assert_same_result, with_


@pytest.fixture(scope="module")
def tuned(tiny_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = with_(with_(tiny_config, "estimate", tuning_steps=2), "search", has_baseline=False)
    return Run(search(config, tmp_path_factory.mktemp("runs") / "tuned"))


HALVING = Correction(
    costs=COSTS,
    has_costs=False,
    center=np.zeros(1),
    scale=np.ones(1),
    coefficients=np.ones(1),
    covariance=np.zeros((1, 1)),
    intercept=0.0,
    noise=0.3,
    error_slope=1.0,
    error_intercept=float(np.log(0.5)),
    error_noise=0.4,
    tau=0.9,
    raw_tau=0.8,
    n=10**9,
)
"""Makes of every loss an error of half as much."""


@pytest.fixture
def corrected(small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    given = []

    def fit(losses: np.ndarray, costs: np.ndarray, **more: np.ndarray) -> Correction:
        given.append((losses, costs, more))
        return HALVING

    monkeypatch.setattr("evonas.run.stages.supernet_stages.fit_correction", fit)
    config = with_(small_config, "search", budget=8, has_baseline=False)
    run = Run(search(config, tmp_path / "corrected"))
    table = run.evaluations()
    pairs = table[table["origin"] == "inherited"].merge(table[table["origin"] == "short_training"], on="genome")
    ((losses, costs, more),) = given
    assert losses == pytest.approx(pairs["loss_x"].to_numpy())
    assert costs == pytest.approx(pairs[[f"{name}_x" for name in COSTS]].to_numpy(dtype=float))
    assert more["true_losses"] == pytest.approx(pairs["loss_y"].to_numpy())
    assert more["true_errors"] == pytest.approx(pairs["error_y"].to_numpy())
    return run


def test_errors_are_what_the_correction_makes_of_inherited_losses(corrected: Run) -> None:
    table = corrected.evaluations().query("origin == 'search'")
    assert table["error"].to_numpy() == pytest.approx(np.minimum(table["loss"] / 2, 1))
    assert table["error_log_sd"].to_numpy() == pytest.approx(np.full(len(table), 0.5))
    assert table["raw_error"].between(0, 1).all()
    assert corrected.folder.facts().corrections == {Origin.INHERITED: CorrectionFacts(**HALVING.facts, is_used=True)}
    assert "corrected by 1000000000 short training runs" in run_page(Snapshot(corrected.folder))


def test_a_correction_of_no_use_is_left_out_and_said(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.run.stages.supernet_stages.fit_correction", lambda *given, **more: None)
    run = Run(search(with_(small_config, "search", budget=8, has_baseline=False), tmp_path / "run"))
    assert not run.folder.facts().corrections[Origin.INHERITED].is_used
    assert run.evaluations()["raw_error"].isna().all()
    assert any("were not corrected" in warning for warning in run.folder.facts().warnings)
    assert "corrected by" not in run_page(Snapshot(run.folder)).replace("not corrected by", "")


def test_without_correction_networks_errors_are_inherited(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(small_config, "estimate", correction_networks=0)
    run = Run(search(with_(config, "search", budget=8, has_baseline=False), tmp_path / "run"))
    table = run.evaluations()
    assert table["raw_error"].isna().all()
    assert set(table["origin"]) == {"search"}
    wrong = table["error"] * config.estimate.scoring_images
    assert wrong.to_numpy() == pytest.approx(wrong.round().to_numpy())


def test_candidates_of_the_front_are_tuned_and_make_the_front(tuned: Run) -> None:
    table = tuned.evaluations()
    rescored = table[table["origin"] == "tuned"]
    front = tuned.front()
    assert set(front["id"]) <= set(rescored["id"])
    assert set(rescored["genome"]) <= set(table.loc[table["origin"] == "search", "genome"])
    both = rescored.merge(table[table["origin"] == "search"], on="genome", suffixes=("", "_before"))
    assert (both["loss"] != both["loss_before"]).all()
    assert (both["model_size"] == both["model_size_before"]).all()
    assert {"inherited_tuned", "inherited", "short_training"} <= set(table["origin"])


def test_tuning_leaves_the_supernet_as_it_is(tuned: Run, finished: Run) -> None:
    first, second = (run.evaluations().query("origin == 'search'").reset_index() for run in (finished, tuned))
    pd.testing.assert_series_equal(first["loss"], second["loss"])


class StopIn(StopAfter):
    """Interrupts a run at the n-th sign of life of a phase."""

    def __init__(self, title: str, *, signs: int) -> None:
        super().__init__(10**6)
        self.title, self.signs = title, signs

    def phase(self, title: str, *, total: int) -> None:
        del total
        if title == self.title:
            self.left = self.signs


def test_an_interrupted_run_with_all_estimates_ends_the_same(small_config: RunConfig, tmp_path: Path) -> None:
    """Stopped while the front is tuned; other tests stop elsewhere."""
    config = with_(with_(small_config, "estimate", tuning_steps=2), "search", budget=16, has_baseline=False)
    whole = search(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "run", observer=StopIn("tuning the front", signs=1))
    assert not RunFolder(tmp_path / "run").facts().is_tuned
    assert (RunFolder(tmp_path / "run").evaluations()["origin"] == "tuned").any()
    resumed = resume(RunFolder(tmp_path / "run"))
    assert_same_result(resumed, whole)


def test_short_trainings_give_the_same_values_whatever_the_workers(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(with_(small_config, "estimate", method="short-training"), "search", budget=6)
    runs = [
        Run(search(with_(config, "compute", workers=workers), tmp_path / str(workers))).evaluations()
        for workers in (1, 2)
    ]
    pd.testing.assert_frame_equal(*(run[WITHOUT_CLOCK] for run in runs))
    assert runs[0]["raw_error"].isna().all()
    assert np.isfinite(runs[0]["loss"]).all()


def test_a_recipe_that_estimates_rest_on_may_not_change_before_the_run_is_complete(
    small_config: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(small_config, tmp_path / "run", observer=StopAfter(14))
    path = tmp_path / "run" / "run.toml"
    text = path.read_text()
    path.write_text(text.replace("epochs = 2", "epochs = 3"))
    path.write_text(path.read_text().replace("weight_decay = 0.0001", "weight_decay = 0.5"))
    with pytest.raises(RunFolderError):
        resume(RunFolder(tmp_path / "run"))
    head, _, recipe = text.partition("[training]")
    path.write_text(head + "[training]" + recipe.replace("learning_rate = 0.04", "learning_rate = 0.02"))
    with pytest.raises(RunFolderError, match="recipe"):
        resume(RunFolder(tmp_path / "run"))
    path.write_text(text.replace("epochs = 2", "epochs = 3"))
    resume(RunFolder(tmp_path / "run"))


def test_the_loss_can_be_an_objective(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(small_config, "search", objectives=("loss", "model_size"), budget=10, has_baseline=False)
    config = with_(config, "estimate", correction_networks=0)
    front = Run(search(config, tmp_path / "run")).front()
    assert front["loss"].is_monotonic_increasing
    assert front["model_size"].is_monotonic_decreasing


def test_a_tuned_front_that_is_not_complete_does_not_hide_the_search_s(tuned: Run, tmp_path: Path) -> None:
    shutil.copytree(tuned.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    of_search = set(folder.evaluations().query("origin == 'search'")["id"])
    assert not set(Run(folder).front()["id"]) & of_search
    folder.store(is_tuned=False)
    assert set(Run(folder).front()["id"]) <= of_search


def test_another_run_s_images_are_never_used(tiny_config: RunConfig, tmp_path: Path, image_file: Path) -> None:
    pixels = []
    for name in ("first", "second"):
        config = tiny_config.model_copy(
            update={"data": tiny_config.data.model_copy(update={"source": str(image_file)})}
        )
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").write_text(dump_config(config), encoding="utf-8")
        space = open_context(config).network_space
        pixels.append(open_scoring_context(tmp_path / name, None, space).images)
        images = np.random.default_rng(1).integers(0, 256, (60, 6, 6, 3), dtype=np.uint8)
        np.savez(image_file, images=images, labels=np.arange(60) % 3)
    assert not torch.equal(*pixels)


@dataclass(frozen=True)
class Try(Job):
    """A job that comes to what a script says."""

    outcome: Outcome

    def run(self, payload: object = None) -> Outcome:
        return self.outcome


class Scripted(Estimator):
    """Evaluates to one line of a script after another; each is why it failed, or empty."""

    def __init__(self, script: list[str], *, retries: int) -> None:
        self.left = [Outcome({} if text else {"error": 0.1}, text) for text in script]
        self.policy = EvaluationPolicy(retries=retries)

    def job(self, genome: Genome) -> Try:
        return Try(self.left.pop(0))


@pytest.mark.parametrize(
    ("script", "retries", "reason", "tries"),
    [
        ([LOST_WORKER, ""], 1, "", 2),
        ([f"{OUT_OF_MEMORY}: no more", OUT_OF_TIME, ""], 2, "", 3),
        ([OUT_OF_TIME, OUT_OF_TIME, ""], 1, OUT_OF_TIME, 2),
        ([OUT_OF_TIME, ""], 0, OUT_OF_TIME, 1),
        (["FloatingPointError: nan", ""], 3, "FloatingPointError: nan", 1),  # it would be NaN again
    ],
)
def test_what_may_pass_is_tried_again(script: list[str], retries: int, reason: str, tries: int) -> None:
    estimator, genome = Scripted(script, retries=retries), np.zeros(3, dtype=np.int64)
    outcome = complete(estimator, genome, estimator.job(genome).run(), cost=Outcome({"macs": 7.0, "error": 0.9}, ""))
    assert outcome.reason == reason
    assert outcome.values == ({} if reason else {"error": 0.1, "macs": 7.0})
    assert len(script) - len(estimator.left) == tries


def test_memory_that_ran_out_once_is_no_failure(
    small: Run, small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, true_score = 0, scorers.score_subnet

    def failing(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return true_score(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(scorers, "score_subnet", failing)
    run = Run(search(small_config, tmp_path / "run"))
    assert (run.evaluations()["reason"] == "").all()
    pd.testing.assert_frame_equal(run.evaluations()[WITHOUT_CLOCK], small.evaluations()[WITHOUT_CLOCK])
