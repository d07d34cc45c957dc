"""Fixtures that many tests share: small spaces, small images, one finished run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig, parse_config
from evonas.run import engine
from evonas.run.lock import alone_with
from evonas.spaces import CellSpace, InvertedResidualSpace, NetworkSpace, ResidualSpace
from evonas.spaces.staged.staged_space import StagedSpace
from evonas.workflows.run_handle import Run
from reports.pages.page import write_reports
from reports.run_folder.folder import RunFolder
from tests.support.runs import with_, write_front

torch.set_num_threads(1)

SMALL_SPACES = {
    "digits": CellSpace.of((1, 8, 8), 10),
    "four nodes": CellSpace.of((3, 9, 7), 4, cells=("normal", "reduction", "reduction", "normal"), nodes=4, channels=4),
    "no residual": CellSpace.of((1, 8, 8), 3, has_residual=False, channels=4, nodes=1),
    "float": CellSpace.of(
        (1, 6, 6), 3, weight_precisions=("float", "binary"), act_precisions=("float", "2-bit"), nodes=1
    ),
    "no none": CellSpace.of(
        (2, 6, 6),
        2,
        modules=("norm-quant-conv-prelu",),
        ops=("skip", "conv_3x3", "dil_conv_5x5", "conv_1x1"),
        channels=3,
    ),
    "modules": CellSpace.of(
        (3, 10, 10),
        5,
        cells=("normal", "reduction", "normal", "reduction"),
        modules=("norm-quant-conv", "norm-quant-conv-relu", "norm-quant-conv-norm-shortcut-prelu"),
        ops=("none", "skip", "max_pool_3x3", "group_conv_3x3", "group_conv_5x5", "conv_3x3"),
        weight_precisions=("binary", "ternary", "float"),
        act_precisions=("binary", "4-bit"),
        precision_scope="cell",
        residual_downsamplings=("free", "float", "ternary"),
        stem_module="norm-conv",
        has_affine_resampling=False,
    ),
}

MODULES = ("norm-quant-conv", "norm-quant-conv-norm-prelu", "quant-conv-norm-relu")
STAGED_SPACES: dict[str, StagedSpace] = {
    "residual": ResidualSpace.of((1, 8, 8), 10, depth=8, channels=4),
    "residual, odd sides": ResidualSpace.of(
        (3, 9, 7),
        4,
        depth=14,
        channels=3,
        modules=MODULES,
        weight_precisions=("float", "ternary", "binary"),
        act_precisions=("float", "2-bit"),
        precision_scope="stage",
    )
    .unlock("stage1/width")
    .unlock("stage1/width")
    .unlock("stage2/block1/width"),
    "inverted": InvertedResidualSpace.of((1, 8, 8), 10, stem_channels=6, stages=((6, 1, 1), (8, 2, 2))),
    "inverted, odd sides": InvertedResidualSpace.of(
        (3, 9, 7),
        4,
        stem_channels=5,
        stages=((6, 2, 2), (7, 1, 1), (6, 2, 2)),
        kernels=(3, 5, 7),
        ratios=(1, 2),
        has_stage_shortcut=False,
        widths=(0.5, 0.55, 1.0),
        modules=MODULES,
        act_precisions=("float", "ternary"),
    ).unlock("stage1/width"),
}

TINY = {
    "name": "tiny",
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
        "correction_networks": 8,
        "tuning_steps": 0,
        "calibration_images": 64,
    },
    "search": {"budget": 40, "population": 8, "predictors": ["ridge"], "proposals": 6},
    "training": {"epochs": 2},
    "compute": {"workers": 1},
}


@pytest.fixture(params=SMALL_SPACES)
def space(request: pytest.FixtureRequest) -> CellSpace:
    return SMALL_SPACES[request.param]


EVERY_SPACE: dict[str, NetworkSpace] = {**SMALL_SPACES, **STAGED_SPACES}


@pytest.fixture(params=EVERY_SPACE)
def network_space(request: pytest.FixtureRequest) -> NetworkSpace:
    return EVERY_SPACE[request.param]


def random_architectures(space: NetworkSpace, seed: int) -> list[Architecture]:
    """One of a cell space, three of a space in stages: there are fewer of those, and each kind needs as many."""
    rng, n = np.random.default_rng(seed), 1 if isinstance(space, CellSpace) else 3
    return [space.decode(genome) for genome in space.sample(rng, n)]


@pytest.fixture(scope="session")
def tiny_config() -> RunConfig:
    return parse_config(TINY, source="tests")


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
    config = with_(with_(tiny_config, "supernet", steps=4), "estimate", steps=2, scoring_images=100)
    return with_(config, "search", budget=28)


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
