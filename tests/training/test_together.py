"""Two processes that train a supernet together come to what one comes to with the whole batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evonas.config.load import parse_config
from evonas.errors import RunFileError
from evonas.nets.distributed import batch_norm
from evonas.run.engine import search
from evonas.run.torchrun import with_helpers
from evonas.training.loop import train
from tests.conftest import TINY

STEPS = 5


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Losses of the supernets that this process trains."""
    found: list[float] = []

    def recorded(*arguments: Any, **named: Any) -> int:
        return train(*arguments, **named | {"on_step": lambda step, loss: found.append(loss)})

    monkeypatch.setattr("evonas.training.supernet_training.train", recorded)
    return found


def test_two_processes_train_what_one_trains(
    losses: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw = {key: TINY[key] for key in ("data", "space", "compute")} | {"supernet": {"steps": STEPS}}
    raw |= {"estimate": {"anchors": 0, "calibration_images": 64}}
    raw |= {"search": {"budget": 4, "population": 4, "has_baseline": False, "trainings": 0}}
    config = parse_config(raw, source="tests")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(listener.getsockname()[1]), "WORLD_SIZE": "2"}
    python_path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | place | {"RANK": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path}
    helper = subprocess.Popen([sys.executable, "-m", "evonas", "search"], env=environment)  # as torchrun starts it
    with monkeypatch.context() as patch:
        for name, value in (place | {"RANK": "0"}).items():
            patch.setenv(name, value)
        patch.setattr("evonas.run.torchrun._is_over", False)
        search(config, tmp_path / "two")
    assert helper.wait(timeout=60) == 0
    by_two = losses.copy()
    losses.clear()
    search(config, tmp_path / "one")
    assert len(losses) == len(by_two) == STEPS
    np.testing.assert_allclose(by_two[0], losses[0], rtol=1e-6)
    np.testing.assert_allclose(by_two, losses, atol=0.01)  # a rounding error may tip a weight to another code


def test_batches_that_cannot_be_shared_equally_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    config = parse_config({"supernet": {"batch_size": 64}}, source="tests")
    with pytest.raises(RunFileError, match="3 processes share equally"), with_helpers(tmp_path, config):
        pass


def test_alone_the_norm_is_torchs() -> None:
    x = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    gamma, beta = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([0.0, 1.0, -1.0])
    expected = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5)
    assert torch.equal(batch_norm(x, gamma, beta, epsilon=1e-5), expected)
