"""Fixtures that many tests share: small spaces, small images, one finished run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: pytest's processes share the cores already

import numpy as np
import pytest
import torch

from evonas.config.load import RunConfig, parse_config
from evonas.run import engine
from evonas.run.lock import alone_with
from evonas.spaces import CellSpace, NetworkSpace
from evonas.workflows.run_handle import Run
from reports.pages.page import write_reports
from reports.run_folder.folder import RunFolder
from tests.support.runs import with_, write_front
from tests.support.spaces import EVERY_SPACE, SMALL_SPACES

torch.set_num_threads(1)

TINY = {
    "name": "tiny",
    "data": {"limit": 600},
    "space": {
        "channels": 2,
        "stem_channels": 4,
        "cells": ["normal", "reduction"],
        "nodes": 1,
        "expansions": [0.5, 1.0],
    },
    "supernet": {"steps": 20},
    "estimate": {
        "steps": 5,
        "anchors": 3,
        "calibration_images": 64,
    },
    "search": {
        "budget": 40,
        "population": 8,
        "predictors": ["ridge"],
        "proposals": 6,
        "trainings": 2,
        "has_brief_trainings": True,
    },
    "training": {"epochs": 2, "label_smoothing": 0.0},
    "compute": {"workers": 1},
}


@pytest.fixture(params=SMALL_SPACES)
def space(request: pytest.FixtureRequest) -> CellSpace:
    return SMALL_SPACES[request.param]


@pytest.fixture(params=EVERY_SPACE)
def network_space(request: pytest.FixtureRequest) -> NetworkSpace:
    return EVERY_SPACE[request.param]


@pytest.fixture(scope="session")
def tiny_config() -> RunConfig:
    return parse_config(TINY, source="tests")


@pytest.fixture(scope="session", autouse=True)
def _key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs of tests are signed with a key of their own, one for all of pytest's processes."""
    home = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home.parent if "PYTEST_XDIST_WORKER" in os.environ else home))
        yield


@pytest.fixture(scope="session", autouse=True)
def _front_alone() -> Iterator[None]:
    """Searches write no figures and no page, which take longer than a tiny search; see ``pages``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "write_reports", write_front)
        yield


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of this test write figures and page, as they do for users."""
    monkeypatch.setattr(engine, "write_reports", write_reports)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_config: RunConfig) -> Run:
    """A finished tiny run with figures and page, made once for all of pytest's processes. Do not change it."""
    home = tmp_path_factory.getbasetemp()
    home = home.parent if "PYTEST_XDIST_WORKER" in os.environ else home
    path, lock = home / "finished", home / "finished.lock"
    lock.touch()
    with alone_with(lock, patience=600), pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "write_reports", write_reports)
        return Run(RunFolder(path) if path.exists() else engine.search(tiny_config, path))


@pytest.fixture(scope="session")
def small_config(tiny_config: RunConfig) -> RunConfig:
    """A search with all parts of a tiny one, predictors too, in less than half of its time."""
    config = with_(with_(tiny_config, "supernet", steps=4), "estimate", steps=2, scoring_images=50, anchors=2)
    config = with_(config, "data", limit=250)
    return with_(with_(config, "search", budget=28), "training", epochs=1)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, small_config: RunConfig) -> Run:
    """A finished run of that search, without figures and page. Do not change it."""
    return Run(engine.search(small_config, tmp_path_factory.mktemp("runs") / "small"))


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """Sixty images of three classes, 6x6 pixels in colour."""
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    np.savez(path, images=rng.integers(0, 256, (60, 6, 6, 3), dtype=np.uint8), labels=np.arange(60) % 3)
    return path
