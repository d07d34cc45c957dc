"""Where a network is trained: what compiling is decided by, and what a GPU's number format leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows

from evonas.architecture.graph import Architecture
from evonas.config.load import parse_config
from evonas.errors import RunFileError
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.training.datasets.dataset import Split
from evonas.training.hardware import Hardware, compile_pays, has_compiler, resolve_hardware
from evonas.training.network_training import train_in_full
from tests.support.trainings import config_of, digits, few_digits, same, small_architecture, trained


@pytest.fixture(scope="module")
def images() -> Split:
    return few_digits()


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    return small_architecture()


def cells(side: int) -> Architecture:
    space = CellSpace.of((3, side, side), 10)
    return space.decode(space.sample(np.random.default_rng(0), 1)[0])


def test_compiling_is_decided_by_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture, recipe = cells(32), config_of().training
    lengths = [10, 100, 1_000, 10_000, 100_000, 1_000_000]
    paying = [compile_pays(architecture, recipe, steps=steps) for steps in lengths]
    assert paying == sorted(paying)
    assert (paying[0], paying[-1]) == (False, True)
    turn = lengths[paying.index(True)]
    assert not all(compile_pays(architecture, config_of(two_stage=0.5).training, steps=turn // k) for k in (1, 10))
    auto = config_of(compile="auto")
    monkeypatch.setattr("evonas.training.hardware.has_compiler", lambda: True)
    assert resolve_hardware(auto, architecture, steps=1_000_000).training.compile is True
    assert resolve_hardware(auto, architecture, steps=10).training.compile is False
    monkeypatch.setattr("evonas.training.hardware.has_compiler", lambda: False)
    assert resolve_hardware(auto, architecture, steps=1_000_000).training.compile is False
    assert resolve_hardware(config_of(compile=True), architecture, steps=10).training.compile is True


def test_only_larger_images_pay() -> None:
    recipe, steps = config_of().training, 100_000
    paying = [compile_pays(cells(side), recipe, steps=steps) for side in (8, 32)]
    assert paying == [False, True]


def test_a_compiler_is_looked_for_where_torch_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert not has_compiler()
    mine = tmp_path / "mine"
    mine.write_text("")
    mine.chmod(0o755)
    monkeypatch.setenv("CXX", str(mine))
    assert has_compiler()


def test_a_compiled_training_leaves_a_plain_network(
    images: Split, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def spy(network: Network, **options: Any) -> Network:
        compiled.append((network, options))
        return network

    monkeypatch.setattr(torch, "compile", spy)
    network = train_in_full(architecture, images, config_of(compile=True), seed=0)
    assert compiled == [(network, {"dynamic": False})]
    assert same(network, train_in_full(architecture, images, config_of(), seed=0))


def test_a_gpu_that_is_not_there_is_refused(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wanted = parse_config({"compute": {"device": "cuda"}}, source="tests")
    with pytest.raises(RunFileError, match="a GPU that torch can use"):
        resolve_hardware(wanted, architecture, steps=10)
    assert resolve_hardware(parse_config({}, source="tests"), architecture, steps=10).compute.device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_hardware(parse_config({}, source="tests"), architecture, steps=10).compute.device == "cuda"


def test_a_gpu_s_number_format_still_learns_and_leaves_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    space = CellSpace.of((1, 8, 8), 10)
    architecture = space.decode(space.sample(np.random.default_rng(4), 1)[0])
    monkeypatch.setattr(Hardware, "is_gpu", True)  # bf16 and channels last, on the CPU
    images, labels = next(iter(Hardware().moved([(torch.zeros(2, 3, 4, 4), torch.zeros(2))])))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert len(labels) == 2
    with Hardware().autocast():
        assert F.conv2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)).dtype == torch.bfloat16
    network = trained(architecture, digits().train, config_of(batch_size=64), steps=60)
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())
    error = (network(digits().heldout.inputs()).argmax(dim=1) != digits().heldout.labels).float().mean()
    assert float(error) < 0.5  # chance is 0.9
