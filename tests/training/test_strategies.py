"""How supernets are trained: what paths an update takes, and that a training goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from evonas.architecture.scheme import Scheme
from evonas.nets.mixed_path import MixedPath
from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from evonas.training.loop import CheckpointError, train
from evonas.training.sandwich import Sandwich
from evonas.training.schedule import cosine
from evonas.training.single_path import Paths
from evonas.training.strategies import STRATEGIES
from tests.conftest import SMALL_SPACES

SPACE = replace(SMALL_SPACES["no residual"], scheme=Scheme(ternary_weight="twn"))  # tga clips its gradients
ONE_PATH = ("single_path", "shared_convolution", "shared_convolution_soft")
IMAGES = torch.rand(16, *SPACE.input_shape, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % SPACE.n_classes


def supernet() -> Network:
    return Network(SPACE.covering(), generator=torch.Generator().manual_seed(0))


def batches(n: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(8, *SPACE.input_shape, generator=generator), LABELS[:8]) for _ in range(n)]


def trained(name: str, *, steps: int = 12, stop: int | None = None, checkpoint: Path | None = None) -> Network:
    network = supernet()
    train(
        network,
        STRATEGIES[name](SPACE, np.random.default_rng(0), 3),
        batches=islice(batches(steps), stop),
        steps=steps,
        learning_rate=0.01,
        weight_decay=0.01,
        checkpoint=checkpoint,
    )
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
        batches=batches(12),
        steps=12,
        learning_rate=0.01,
        weight_decay=0.01,
        checkpoint=file,
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
            Network(other.covering(), generator=torch.Generator()),
            STRATEGIES["single_path"](other, np.random.default_rng(0), 3),
            batches=[(torch.rand(8, *other.input_shape), torch.zeros(8, dtype=torch.long))],
            steps=12,
            learning_rate=0.01,
            weight_decay=0.01,
            checkpoint=file,
        )


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_draws_networks_that_are_alive(name: str, network_space: NetworkSpace) -> None:
    strategy = STRATEGIES[name](network_space, np.random.default_rng(0), 5)
    for _ in range(3):
        paths = strategy.draw()
        assert len(paths) == (1 if name in ONE_PATH else 5)
        for path in paths:
            assert (path.architecture if isinstance(path, MixedPath) else path).dead_reason is None


def test_paths_average_the_gradients_of_their_cross_entropies() -> None:
    network, paths = supernet(), [SPACE.decode(genome) for genome in SPACE.sample(np.random.default_rng(0), 3)]
    expected: dict[str, Tensor] = {}
    for path in paths:
        network.zero_grad()
        network.activate(path)
        F.cross_entropy(network(IMAGES), LABELS).backward()  # type: ignore[no-untyped-call]
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                expected[name] = expected.get(name, torch.zeros_like(parameter)) + parameter.grad / 3
    network.zero_grad()
    Paths(lambda: paths).backward(network, paths, IMAGES, LABELS)
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (name not in expected)
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, expected[name])


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
