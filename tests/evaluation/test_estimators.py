from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from evonas.config.load import RunConfig, dump_config
from evonas.errors import RunFolderError
from evonas.evaluation import scorers
from evonas.evaluation.estimator import Estimator, EvaluationPolicy, complete
from evonas.evaluation.job import LOST_WORKER, OUT_OF_MEMORY, OUT_OF_TIME, Job, Outcome
from evonas.evaluation.scoring_context import open_scoring_context
from evonas.progress import Silent
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.run.stages.supernet_stages import SupernetStages
from evonas.run.stopping import Stopping
from evonas.run.trainings.knowledge import Knowledge, measured
from evonas.run.trainings.last_part import MOST_BRIEF
from evonas.spaces.genome import Genome, from_text
from evonas.training.network_training import as_exported, train_in_full
from evonas.workflows.run_handle import Run
from evonas.workflows.trained import load_trained
from reports.pages.page import run_page
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import NetworkScore
from reports.tables.front import front_table
from reports.tables.snapshot import Snapshot
from surrogates.ladder.ladder import Ladder
from surrogates.ladder.rung import fit_rung
from tests.support.run_folders import copied
from tests.support.runs import WITHOUT_CLOCK, StopAfter, assert_same_result, with_


def test_estimates_rest_on_anchors_and_have_intervals(small: Run) -> None:
    facts, table = small.folder.facts(), small.evaluations()
    anchors = table[table["origin"] == "anchor"]
    assert set(anchors["fidelity"]) == {"trained"}
    n = small.context.config.estimate.anchors
    assert len(anchors) == n
    scores = small.folder.scores()
    assert {one.fidelity for one in scores if one.genome in set(anchors["genome"])} == {
        "inherited",
        "brief",
        "trained",
    }
    estimates = table[table["fidelity"] == "inherited"]
    assert len(estimates)
    assert (estimates["error_low"] <= estimates["error"]).all()
    assert (estimates["error"] <= estimates["error_high"]).all()
    assert (estimates["error_high"] <= 0.9 + 1e-9).all()  # chance
    assert facts.estimates["inherited"].n >= n


def test_what_a_search_delivers_was_measured(small: Run) -> None:
    """Trained by the whole recipe, once more by hand: the same errors, to the last image."""
    context = small.context
    front, whole = small.front(), {one.genome: one for one in small.folder.scores() if one.fidelity == "trained"}
    assert set(front["fidelity"]) == {"trained"}
    assert set(front["genome"]) <= set(whole)
    genome = front["genome"].iloc[0]
    architecture = context.network_space.decode(from_text(genome, context.space.genes))
    dataset, config = context.dataset, context.config
    network = train_in_full(architecture, dataset.train, config, seed=config.seed)
    score = as_exported(network, dataset.heldout)
    assert front["error"].iloc[0] == score.error == whole[genome].quality
    again = load_trained(small.folder, context, int(front["id"].iloc[0]), seed=0).network
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_as_many_of_random_search_are_trained(small: Run) -> None:
    n = small.context.config.search.trainings
    expected = [one for one in small.folder.scores() if one.expected is not None]
    table = small.evaluations()
    random = set(table.loc[table["origin"] == "random", "genome"])
    assert n <= len(expected) <= 2 * n  # a network of both is trained once
    assert sum(one.genome in random for one in expected) >= n - 1


def test_without_trainings_the_front_is_one_of_estimates(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(small_config, "estimate", anchors=0)
    config = with_(config, "search", budget=8, has_baseline=False, trainings=0)
    run = Run(search(config, tmp_path / "run"))
    table = run.evaluations()
    assert set(table["origin"]) == {"search"}
    assert set(run.front()["fidelity"]) == {"inherited"}
    assert (table["error_high"] > 2 * table["error_low"]).all()  # nothing is known, and that is said
    wrong = table["scored_error"] * config.estimate.scoring_images
    assert wrong.to_numpy() == pytest.approx(wrong.round().to_numpy())
    assert "nothing was trained that they could rest on" in run_page(Snapshot(run.folder))


@pytest.mark.parametrize(
    "title", ["training anchors", "training the best of the search", "training the best of the random search"]
)
def test_a_run_interrupted_while_networks_are_trained_ends_the_same(
    small: Run, small_config: RunConfig, tmp_path: Path, title: str
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(small_config, tmp_path / "run", observer=StopIn(title, signs=1))
    resumed = resume(RunFolder(tmp_path / "run"))
    assert_same_result(resumed, small.folder)
    first, second = (_without_clock(folder) for folder in (small.folder, resumed))
    assert first == second


def _without_clock(folder: RunFolder) -> list[NetworkScore]:
    return [replace(score, seconds=0.0) for score in folder.scores()]


def test_brief_trainings_are_bought_where_they_tell_enough(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if they told all: what is trained briefly is believed by that, what is trained to the end by that.

    Stopped among them, the run ends like one that never was.
    """
    monkeypatch.setattr(Ladder, "told_by", lambda self, name, estimates: estimates.log_sd)
    config = with_(with_(small_config, "data", limit=600), "search", trainings=3, budget=12)
    run = Run(search(config, tmp_path / "run"))
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "stopped", observer=_StopAmongBriefTrainings())
    assert_same_result(resume(RunFolder(tmp_path / "stopped")), run.folder)
    chosen = [one for one in run.folder.scores() if one.genome not in _anchors(run)]
    brief = {one.genome for one in chosen if one.fidelity == "brief"}
    whole = {one.genome for one in chosen if one.fidelity == "trained"}
    assert brief - whole
    assert 3 <= len(whole) <= 6  # the search's and random search's
    assert len(brief) <= 2 * MOST_BRIEF * 3  # of the twelve that each of the two could look at
    beliefs = run.evaluations().drop_duplicates("genome").set_index("genome")["fidelity"]
    assert set(beliefs[list(brief - whole)]) == {"brief"}
    assert set(beliefs[list(whole)]) == {"trained"}


def test_nothing_is_spent_on_brief_trainings_that_tell_nothing(small: Run) -> None:
    """The few anchors of a small run do not say that they do."""
    brief = {one.genome for one in small.folder.scores() if one.fidelity == "brief"}
    assert brief <= _anchors(small)
    assert sum(one.expected is not None for one in small.folder.scores()) == 2 * small.context.config.search.trainings


def test_without_a_look_before_that_the_inherited_scores_choose(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(small_config, "search", has_baseline=False, has_brief_trainings=False, trainings=3, budget=12)
    run = Run(search(config, tmp_path / "run"))
    assert {one.fidelity for one in run.folder.scores()} == {"inherited", "trained"}
    assert sum(one.expected is not None for one in run.folder.scores()) == 3


def test_time_that_is_up_does_not_undo_what_was_trained(small: Run, small_config: RunConfig, tmp_path: Path) -> None:
    """Resumed when the time has long passed, a run has the trainings that its archive holds, and as many beside it."""
    copied(small.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    before = _without_clock(folder)
    folder.store(trainings={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stopping, "is_over", property(lambda self: True))
        resumed = resume(folder)
    assert resumed.facts().trainings == small.folder.facts().trainings
    assert _without_clock(resumed) == before
    assert_same_result(resumed, small.folder)


def test_uniform_networks_are_trained_beside_it(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(small_config, "search", has_baseline=False, has_uniform=True, trainings=2, budget=12)
    run = Run(search(config, tmp_path / "run"))
    table = run.evaluations()
    uniform = table[table["origin"] == "uniform"]
    assert len(uniform) == uniform["genome"].nunique() > 2
    expected = [one.genome for one in run.folder.scores() if one.expected is not None]
    assert len(set(expected) & set(uniform["genome"])) >= 2
    assert set(front_table(run.folder, origin="uniform")["fidelity"]) == {"trained"}
    assert "of uniform networks" in run_page(Snapshot(run.folder))


def test_without_the_error_among_objectives_nothing_is_trained_at_the_end(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = with_(small_config, "search", objectives=("model_size", "bitops"), has_baseline=False, budget=12)
    run = Run(search(config, tmp_path / "run"))
    assert all(one.expected is None for one in run.folder.scores())
    assert len(run.front())
    assert run_page(Snapshot(run.folder))


def test_time_ends_the_search_and_then_the_trainings(small_config: RunConfig, tmp_path: Path) -> None:
    """A resumed run makes no more trainings than there was time for."""
    config = with_(small_config, "search", has_baseline=False, seconds=0.001)
    run = search(config, tmp_path / "run")
    assert run.facts().trainings == {"search": 0}
    assert run.facts().stop_reason == "The time is spent."
    before = run.scores()
    assert resume(run).scores() == before


def test_what_an_anchor_lacks_is_taken_from_the_search(small: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the latency, which is measured of networks that are searched alone."""
    anchor = next(row for row in small.folder.rows() if row.origin == "anchor")
    again = replace(anchor, origin="search", values={**anchor.values, "latency": 0.5})
    monkeypatch.setattr(RunFolder, "rows", lambda folder: [anchor, again])
    knowledge = Knowledge(small.folder, small.context.networks, stage=0, scores=small.folder.scores())
    assert measured(knowledge, ["search"], ["error", "latency"]) == [anchor.genome]


class _StopAmongBriefTrainings(Silent):
    is_among_them = False

    def phase(self, title: str, *, total: int) -> None:
        del total
        self.is_among_them = title.startswith("brief trainings of the search")

    def advance(self, done: int, *, note: str = "") -> None:
        del done, note
        if self.is_among_them:
            raise KeyboardInterrupt


def _anchors(run: Run) -> set[str]:
    table = run.evaluations()
    return set(table.loc[table["origin"] == "anchor", "genome"])


def test_what_cannot_be_trusted_is_told_and_intervals_hold(small: Run, tmp_path: Path) -> None:
    """As after a supernet that was hardly trained."""
    copied(small.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    stages = SupernetStages(folder, small.context.networks, Silent())
    known = folder.facts().estimates
    folder.store(estimates={name: one.model_copy(update={"is_used": True}) for name, one in known.items()})
    (told,) = stages.warnings()  # four steps are hardly a training
    assert told.startswith("the supernet was hardly trained: with its weights, half of the networks are wrong on ")
    folder.store(estimates={name: one.model_copy(update={"is_used": False}) for name, one in known.items()})
    assert [text.partition(")")[0] for text in stages.warnings()[1:]] == [
        f"what networks score ({name}" for name in known
    ]
    odd = NetworkScore("0-1", "trained", 0, 1, quality=0.5, loss=1.0, warnings='["conv1: all weights are zero"]')
    folder.append_score(odd)
    n = sum(one.fidelity == "trained" for one in folder.scores())
    assert stages.warnings()[0] == (
        f"quantizers of 1 of {n} trained networks look unhealthy: conv1: all weights are zero"
    )
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(6, 10, 40))
    errors = np.clip(0.5 * (sizes / 400) ** -0.6 * np.exp(0.2 * rng.normal(size=40)), 0.004, 0.9)
    guessing = np.full(40, np.log(10)) * np.exp(rng.normal(size=40))
    rung = fit_rung(guessing[:12], sizes[:12, None], errors[:12], n_images=287, chance=0.9)
    found = rung.predict(guessing[12:], sizes[12:, None])
    assert not rung.has_loss
    assert ((found.low <= errors[12:]) & (errors[12:] <= found.high)).mean() >= 0.7


class StopIn(StopAfter):
    """Interrupts a run at the n-th sign of life of a phase."""

    def __init__(self, title: str, *, signs: int) -> None:
        super().__init__(10**6)
        self.title, self.signs = title, signs

    def phase(self, title: str, *, total: int) -> None:
        del total
        if title == self.title:
            self.left = self.signs


def test_short_trainings_give_the_same_values_whatever_the_workers(small_config: RunConfig, tmp_path: Path) -> None:
    config = with_(with_(small_config, "estimate", method="short-training"), "search", budget=6, trainings=1)
    runs = [
        Run(search(with_(config, "compute", workers=workers), tmp_path / str(workers))).evaluations()
        for workers in (1, 2)
    ]
    pd.testing.assert_frame_equal(*(run[WITHOUT_CLOCK] for run in runs))
    assert set(runs[0]["fidelity"]) == {"brief", "trained"}
    assert np.isfinite(runs[0]["scored_loss"]).all()


def test_a_recipe_that_estimates_rest_on_may_not_change_before_the_run_is_complete(
    small_config: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(small_config, tmp_path / "run", observer=StopAfter(14))
    path = tmp_path / "run" / "run.toml"
    text = path.read_text()
    head, _, recipe = text.partition("[training]")
    path.write_text(head + "[training]" + recipe.replace("learning_rate = 0.04", "learning_rate = 0.02"))
    with pytest.raises(RunFolderError, match="recipe"):
        resume(RunFolder(tmp_path / "run"))
    path.write_text(text.replace("epochs = 1", "epochs = 3"))
    with pytest.raises(RunFolderError, match="recipe"):
        resume(RunFolder(tmp_path / "run"))
    path.write_text(text.replace("tensorboard = false", "tensorboard = true"))
    resume(RunFolder(tmp_path / "run"))


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
