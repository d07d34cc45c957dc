"""Training picks of a run: what is stored under which recipe, what goes on after an interruption, what is inherited."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from evonas.config.load import load_config
from evonas.errors import RunFileError, RunFolderError
from evonas.nets.network import Network
from evonas.nets.weights import load_weights
from evonas.run.context import open_context
from evonas.run.lock import alone_with
from evonas.spaces.genome import from_text
from evonas.training import loop, network_training
from evonas.training.adamw import FusedAdamW
from evonas.training.network_training import TrainingExtras
from evonas.training.supernet_training import build_supernet
from evonas.workflows import train_picks
from evonas.workflows.run_handle import Run, open_run
from tests.support.run_folders import copied
from tests.support.runs import interrupted_after

SHORT = {"epochs": 1}


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, to train in."""
    copied(finished.path, tmp_path / "copy")
    return open_run(tmp_path / "copy")


def train(run: Run, **training: Any) -> train_picks.Training:
    (done,) = train_seeds(run, 0, **training)
    return done


def train_seeds(run: Run, *seeds: int, **training: Any) -> list[train_picks.Training]:
    """As :meth:`Run.train` does, but without the reports."""
    context = run.context.overridden(run.folder, {"training": SHORT | training})
    return list(train_picks.train_picks(run.folder, context, run.pick("knee"), seeds=seeds, workers=1))


def files(run: Run) -> set[str]:
    return {path.name for path in (run.path / "nets").rglob("*.safetensors")}


def test_an_interrupted_training_is_resumed_and_ends_in_the_same_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, step = [], FusedAdamW.step
    monkeypatch.setattr(FusedAdamW, "step", lambda *args, **kwargs: made.append(0) or step(*args, **kwargs))
    monkeypatch.setattr(loop, "MIN_INTERVAL", 1)
    shutil.copytree(run.path, tmp_path / "other")
    whole, n_steps = train(open_run(tmp_path / "other")), len(made)
    with monkeypatch.context() as patch:
        patch.setattr(network_training, "image_batches", interrupted_after(5))
        with pytest.raises(KeyboardInterrupt):
            train(run)
    assert run.folder.trainings().empty
    (checkpoint,) = (run.path / "nets").rglob("*.unfinished.safetensors")
    made.clear()
    resumed = train(run)
    assert 0 < len(made) < n_steps - 3
    assert not checkpoint.exists()
    assert (resumed.test, resumed.weights) == (whole.test, whole.weights)
    mine, theirs = (load_file(folder / whole.weights) for folder in (run.path, tmp_path / "other"))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_each_recipe_has_results_and_weights_of_its_own(run: Run) -> None:
    plain, smoothed = train(run), train(run, label_smoothing=0.3)
    assert plain.weights != smoothed.weights
    assert plain.test != smoothed.test
    assert train(run) == plain
    table = run.folder.trainings()
    assert table["recipe"].tolist() == [plain.recipe, smoothed.recipe]
    assert json.loads(smoothed.recipe) == json.loads(plain.recipe) | {"label_smoothing": 0.3}
    assert json.loads(plain.recipe)["device"] == "cpu"
    assert plain.remarks == smoothed.remarks == ""


def test_settings_that_the_run_rests_on_may_not_be_overridden(run: Run) -> None:
    with pytest.raises(RunFolderError, match=r"data\.shift"):
        run.train("knee", overrides={"data": {"shift": 2}}, workers=1)


# Two trainings at once: a lock of this process keeps out this process, too


def test_a_training_that_another_process_is_at_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train_and_test = train_picks.train_and_test

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        with pytest.raises(RunFolderError, match="another process at that training"):
            train(run)
        return train_and_test(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(train_picks, "train_and_test", meanwhile)
        done = train(run)
    assert run.folder.trainings()["weights"].tolist() == [done.weights]
    monkeypatch.setattr(train_picks, "train_and_test", lambda *args, **kwargs: pytest.fail("trained twice"))
    assert train(run) == done
    assert not list((run.path / "nets").rglob("*.lock"))


def test_another_recipe_may_be_trained_meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train_and_test, inner = train_picks.train_and_test, []

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(train_picks, "train_and_test", train_and_test)
        inner.append(train(run, label_smoothing=0.3))
        return train_and_test(*args, **kwargs)

    monkeypatch.setattr(train_picks, "train_and_test", meanwhile)
    outer = train(run)
    assert set(run.folder.trainings()["weights"]) == {outer.weights, inner[0].weights}


def test_what_another_process_trained_before_one_was_alone_is_not_trained_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_and_test, alone_with, made = train_picks.train_and_test, train_picks.alone_with, []
    monkeypatch.setattr(
        train_picks, "train_and_test", lambda *args, **kwargs: made.append(0) or train_and_test(*args, **kwargs)
    )

    def just_before(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(train_picks, "alone_with", alone_with)
        train(run)
        return alone_with(*args, **kwargs)

    monkeypatch.setattr(train_picks, "alone_with", just_before)
    train(run)
    assert made == [0]


def test_a_lock_whose_file_was_deleted_meanwhile_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock = tmp_path / "lock", fcntl.flock

    def deleted(number: int, how: int) -> None:
        flock(number, how)
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()  # as whoever held it before does
        path.touch()  # and somebody else is about to lock it

    monkeypatch.setattr(fcntl, "flock", deleted)
    with alone_with(path), pytest.raises(RunFolderError, match="another process"), alone_with(path, patience=0.0):
        pass


# A twin in full precision


def test_the_twin_is_trained_once_for_a_seed_whatever_is_distilled_from_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins: list[object] = []
    train_in_full = train_picks.train_in_full

    def counted(*args: Any, **kwargs: Any) -> Network:
        twins.append(kwargs["seed"])
        return train_in_full(*args, **kwargs)

    monkeypatch.setattr(train_picks, "train_in_full", counted)
    with monkeypatch.context() as patch:
        patch.setattr(train_picks, "train_and_test", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(run, distillation=0.5)
    first, second = train(run, distillation=0.5), train(run, distillation=0.9, two_stage=0.5)
    assert twins == [0]
    assert first.test != second.test
    assert "distilled from its twin in full precision (0.9), in two stages (50% over float weights)" in second.remarks
    assert sum(name.endswith(".twin.safetensors") for name in files(run)) == 1
    assert not any("unfinished" in name for name in files(run))
    train(run, distillation=0.5, label_smoothing=0.3)  # the twin's recipe, too
    assert twins == [0, 0]


def interrupted(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def test_two_trainings_that_need_one_twin_take_turns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train_in_full, twins = train_picks.train_in_full, []

    def meanwhile(*args: Any, extras: TrainingExtras, **kwargs: Any) -> Network:
        assert extras.checkpoint is not None
        lock = extras.checkpoint.with_name(extras.checkpoint.name.replace(".unfinished.safetensors", ".lock"))
        twins.append(lock)
        with pytest.raises(RunFolderError, match="another process"), alone_with(lock, patience=0.0):
            pass
        return train_in_full(*args, extras=extras, **kwargs)

    monkeypatch.setattr(train_picks, "train_in_full", meanwhile)
    train(run, distillation=0.5)
    assert len(twins) == 1
    assert not twins[0].exists()


# Inherited weights


def supernet_of(run: Run) -> Network:
    config = load_config(run.path / "run.toml")
    supernet = build_supernet(config, open_context(config).network_space)
    load_weights(supernet, run.path / "supernet.safetensors")
    return supernet


def test_inherited_weights_are_the_supernet_s(run: Run) -> None:
    done = train(run, initial_weights="inherited", learning_rate=1e-12)
    space = open_context(load_config(run.path / "run.toml")).network_space
    expected = supernet_of(run).extract(space.decode(from_text(done.genome, space.genes)))
    network = run.load(done.evaluation)
    for (name, mine), theirs in zip(network.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-8, msg=name)
    assert done.remarks == "weights inherited from the run's supernet"
    recipe = json.loads(run.folder.trainings()["recipe"].iloc[0])
    assert recipe["initial_weights"] == "inherited"
    assert recipe["supernet"] == run.folder.facts().supernets[0][:12]


def test_every_seed_starts_from_the_same_supernet(run: Run) -> None:
    first, second = train_seeds(run, 0, 1, initial_weights="inherited", learning_rate=1e-12)
    a, b = (run.load(first.evaluation, seed=done.seed).state_dict() for done in (first, second))
    latent = [name for name in a if name.endswith("latent_weight")]
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-8) for name in latent)


def changed_file(run: Run, change: Callable[[str], str]) -> Run:
    path = run.path / "run.toml"
    path.write_text(change(path.read_text()))
    return run


def test_without_a_supernet_there_is_nothing_to_inherit(run: Run) -> None:
    run.folder.store(supernets={})
    with pytest.raises(RunFolderError, match="a run with a supernet"):
        train(run, initial_weights="inherited")


def test_partial_channels_cannot_be_inherited(run: Run) -> None:
    facts = run.folder.facts().started_with
    facts["settings"]["supernet.partial_normal"] = 2
    run.folder.store(started_with=facts)
    changed_file(run, lambda text: text.replace("partial_normal = 1", "partial_normal = 2"))
    with pytest.raises(RunFileError, match="partial channels of 1"):
        train(run, initial_weights="inherited")
