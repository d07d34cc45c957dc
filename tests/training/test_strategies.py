"""How supernets are trained: what paths a step takes, and that a training resumes where it stopped."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows

from evonas.config.sections import STRATEGY_NAMES
from evonas.nets.mixed_path import MixedPath
from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from evonas.training import loop
from evonas.training.loop import CheckpointError, TrainingPlan, train
from evonas.training.schedule import cosine
from evonas.training.strategies import STRATEGIES
from evonas.training.strategies.sandwich import Sandwich
from evonas.training.strategies.single_path import SinglePath
from tests.support.spaces import SMALL_SPACES, covering
from tests.support.supernets import IMAGES, LABELS, SPACE, batches, supernet

STEPS = 12
N_PATHS = {"single_path": 1, "sandwich": 5, "shared_convolution": 1, "shared_convolution_soft": 1}


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step: these trainings are shorter than the time between two checkpoints."""
    monkeypatch.setattr(loop, "MIN_INTERVAL", 1)


def plan(checkpoint: Path | None = None) -> TrainingPlan:
    return TrainingPlan(STEPS, learning_rate=0.01, weight_decay=0.01, checkpoint=checkpoint)


def trained(name: str, *, stop: int | None = None, checkpoint: Path | None = None) -> Network:
    network = supernet()
    strategy = STRATEGIES[name](SPACE, np.random.default_rng(0), 3)
    train(network, strategy, islice(batches(STEPS), stop), plan=plan(checkpoint))
    return network


def assert_same(first: Network, second: Network) -> None:
    mine, theirs = first.state_dict(), second.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_training_that_was_stopped_ends_like_one_that_never_was(tmp_path: Path, name: str) -> None:
    file = tmp_path / "unfinished"
    whole = trained(name)
    trained(name, stop=7, checkpoint=file)
    assert file.is_file()
    assert_same(trained(name, checkpoint=file), whole)


def test_a_training_that_was_stopped_does_not_begin_anew(tmp_path: Path) -> None:
    file, done = tmp_path / "unfinished", []
    trained("single_path", stop=7, checkpoint=file)
    train(
        supernet(),
        STRATEGIES["single_path"](SPACE, np.random.default_rng(0), 3),
        batches(STEPS),
        plan=plan(file),
        on_step=lambda step, loss: done.append(step),
    )
    assert done == [8, 9, 10, 11, 12]


def test_a_damaged_checkpoint_and_one_of_another_network_are_told(tmp_path: Path) -> None:
    file = tmp_path / "unfinished"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError):
        trained("single_path", checkpoint=file)
    file.unlink()
    trained("single_path", stop=7, checkpoint=file)
    other = SMALL_SPACES["float"]
    with pytest.raises(CheckpointError, match="state_dict"):
        train(
            Network(covering(other), generator=torch.Generator()),
            STRATEGIES["single_path"](other, np.random.default_rng(0), 3),
            [(torch.rand(8, *other.input_shape), torch.zeros(8, dtype=torch.long))],
            plan=plan(file),
        )


def test_the_names_are_those_of_the_table() -> None:
    assert tuple(STRATEGIES) == STRATEGY_NAMES


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_draws_networks_that_are_alive(name: str, network_space: NetworkSpace) -> None:
    strategy = STRATEGIES[name](network_space, np.random.default_rng(0), 5)
    for _ in range(3):
        paths = strategy.draw()
        assert paths
        assert len(paths) == N_PATHS.get(name, len(paths))
        for path in paths:
            assert (path.architecture if isinstance(path, MixedPath) else path).dead_reason is None


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_a_path_gets_the_gradients_of_its_cross_entropy(label_smoothing: float) -> None:
    network, path = supernet(), SPACE.decode(SPACE.sample(np.random.default_rng(0), 1)[0])
    network.activate(path)
    loss = F.cross_entropy(network(IMAGES), LABELS, label_smoothing=label_smoothing)
    expected = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
    strategy = SinglePath(lambda: path, label_smoothing=label_smoothing)
    assert strategy.backward(network, strategy.draw(), IMAGES, LABELS) == pytest.approx(loss.item())
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        if gradient is not None and parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, gradient)


def test_a_sandwich_teaches_the_small_by_the_large() -> None:
    network, paths = supernet(), [SPACE.decode(genome) for genome in SPACE.sample(np.random.default_rng(1), 2)]
    network.activate(paths[0])
    teacher = network(IMAGES)
    network.activate(paths[1])
    student = network(IMAGES)
    soft = teacher.detach().softmax(dim=1)
    distance = (soft * (soft.log() - student.log_softmax(dim=1))).sum(dim=1).mean()
    loss = (F.cross_entropy(teacher, LABELS) + distance) / 2
    expected = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
    network.zero_grad()
    shown = Sandwich(lambda: paths).backward(network, paths, IMAGES, LABELS)
    assert shown == pytest.approx(F.cross_entropy(teacher, LABELS).item(), rel=1e-5)
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        if gradient is not None and parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    schedule = cosine(100, warmup=0.1)
    rates = [schedule.factor(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == 1.0
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[-1] < 1e-3
