"""Supernet training that ends early: what it leaves alone until then, and that it resumes where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from evonas.config.load import RunConfig
from evonas.nets.network import Network
from evonas.run.engine import resume, search
from evonas.training import loop
from evonas.training.early_stop import EarlyStop
from evonas.training.loop import CheckpointError, TrainingPlan, train
from evonas.training.strategies import STRATEGIES
from evonas.workflows.run_handle import Run
from reports.run_folder.folder import RunFolder
from surrogates.one_shot.score import score_subnet
from surrogates.one_shot.settling import Probe
from tests.support.runs import StopAfter, assert_same_result, with_
from tests.support.supernets import IMAGES, LABELS, SPACE, assert_same_weights, batches, supernet

PROBED = [SPACE.decode(genome) for genome in SPACE.sample(np.random.default_rng(9), 5)]
STEPS, INTERVAL, SETTLED, END = 30, 4, 16, 20
ALWAYS = EarlyStop(lambda: [], INTERVAL, settled_tau=-1.0, patience=3)  # probes at 4, 8, 12, 16
NEVER = replace(ALWAYS, settled_tau=2.0)


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """These trainings are shorter than the time between two checkpoints."""
    monkeypatch.setattr(loop, "MIN_INTERVAL", 1)


def trained(
    rule: EarlyStop | None, *, stop: int | None = None, checkpoint: Path | None = None
) -> tuple[Network, int, list[Probe]]:
    """A supernet, how many steps it got, and what its probes showed."""
    network, seen = supernet(), []

    def probe() -> list[float]:
        return [score_subnet(network, one, calibration=IMAGES, images=IMAGES, labels=LABELS).loss for one in PROBED]

    def keep(probes: Sequence[Probe]) -> None:
        seen[:] = probes

    rule = rule and replace(rule, probe=probe, on_probe=keep)
    steps = train(
        network,
        STRATEGIES["single_path"](SPACE, np.random.default_rng(0), 2),
        islice(batches(STEPS), stop),
        plan=TrainingPlan(STEPS, learning_rate=0.01, weight_decay=0.01, early_stop=rule, checkpoint=checkpoint),
    )
    return network, steps, seen


def test_a_settled_training_ends_early_and_any_other_at_its_full_length() -> None:
    network, steps, probes = trained(ALWAYS)
    assert steps == END
    assert [step for step, _ in probes] == [4, 8, 12, 16]
    assert network.training
    _, steps, probes = trained(NEVER)
    assert steps == STEPS
    assert [step for step, _ in probes] == list(range(4, 24, 4))
    assert trained(None)[1:] == (STEPS, [])


def test_probes_leave_the_weights_alone_until_the_order_settles() -> None:
    rare = replace(NEVER, interval=1000)
    assert_same_weights(trained(ALWAYS, stop=SETTLED)[0], trained(rare, stop=SETTLED)[0])
    assert_same_weights(trained(NEVER)[0], trained(rare)[0])


@pytest.mark.parametrize("stop", [11, 19])  # settled at 16
def test_an_early_stop_ends_alike_after_an_interruption(tmp_path: Path, stop: int) -> None:
    file = tmp_path / "unfinished"
    whole, steps, probes = trained(ALWAYS)
    trained(ALWAYS, stop=stop, checkpoint=file)
    with safe_open(file, framework="pt") as opened:
        assert int(opened.metadata()["step"]) == stop // 3 * 3
    again, again_steps, again_probes = trained(ALWAYS, checkpoint=file)
    assert again_steps == steps == END
    assert_same_weights(again, whole)
    assert again_probes == (probes if stop < SETTLED else [])  # none are made after the order settled


def test_a_checkpoint_at_the_very_end_is_not_trained_on(tmp_path: Path) -> None:
    file, rule = tmp_path / "unfinished", replace(ALWAYS, decay_share=0.125)
    assert trained(rule, checkpoint=file)[1] == 18
    assert trained(rule, checkpoint=file)[1] == 18


@pytest.mark.parametrize("damage", ['{"step": 3}', "[[1, 2]]", "not json"])
def test_damaged_probes_are_told(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "unfinished"
    trained(ALWAYS, stop=7, checkpoint=file)
    save_file(load_file(file), file, {"step": "6", "probes": damage})
    with pytest.raises(CheckpointError):
        trained(ALWAYS, checkpoint=file)


@pytest.fixture(scope="module")
def early_config(tiny_config: RunConfig) -> RunConfig:
    """Twenty steps, a probe after each; a tau that any two orders have after a while."""
    short = with_(tiny_config, "search", budget=4, population=4, has_baseline=False, trainings=0)
    short = with_(short, "estimate", anchors=0)
    return with_(short, "supernet", early_stop=True, probes=6, settled_tau=0.2, patience=2)


@pytest.fixture(scope="module")
def early(early_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search(early_config, tmp_path_factory.mktemp("runs") / "early")


def test_a_run_says_how_its_supernet_settled(early: RunFolder, early_config: RunConfig, finished: Run) -> None:
    steps, seen = early.facts().supernet_steps, early.facts().probe_taus
    agrees = [tau >= early_config.supernet.settled_tau for _, tau in seen]
    assert agrees[-2:] == [True, True]
    assert (True, True) not in pairwise(agrees[:-1])
    assert steps == seen[-1][0] + round(0.25 * seen[-1][0]) < early_config.supernet.steps
    assert finished.folder.facts().supernet_steps == early_config.supernet.steps
    assert finished.folder.facts().probe_taus == []


@pytest.mark.parametrize("before_the_end", [1, 4])
def test_a_run_with_an_early_stop_resumes_where_it_stopped(
    early: RunFolder, early_config: RunConfig, tmp_path: Path, before_the_end: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(early_config, tmp_path, observer=StopAfter(early.facts().supernet_steps - before_the_end))
    resumed = resume(RunFolder(tmp_path))
    assert_same_result(resumed, early)
    mine, theirs = resumed.facts(), early.facts()
    assert (mine.supernet_steps, mine.probe_taus) == (theirs.supernet_steps, theirs.probe_taus)
