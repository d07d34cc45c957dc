"""Fixtures that many tests share: small spaces, small images, one finished run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evonas.config import RunConfig, parse_config
from evonas.engine import search
from evonas.run import Run
from evonas.spaces import CellSpace

torch.set_num_threads(1)

SMALL_SPACES = {
    "digits": CellSpace((1, 8, 8), 10),
    "four nodes": CellSpace((3, 9, 7), 4, cells=("normal", "reduction", "reduction", "normal"), nodes=4, channels=4),
    "no residual": CellSpace((1, 8, 8), 3, has_residual=False, channels=4, nodes=1),
    "float": CellSpace((1, 6, 6), 3, weight_precisions=("float", "binary"), act_precisions=("float", "2-bit"), nodes=1),
    "no none": CellSpace(
        (2, 6, 6),
        2,
        modules=("norm-quant-conv-prelu",),
        ops=("skip", "conv_3x3", "dil_conv_5x5", "conv_1x1"),
        channels=3,
    ),
    "modules": CellSpace(
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

TINY = {
    "name": "tiny",
    "space": {"channels": 2, "stem_channels": 4, "cells": ["normal", "reduction"], "expansions": [0.5, 1.0]},
    "supernet": {"steps": 20, "calibration_images": 64},
    "search": {"budget": 40, "population": 8},
    "training": {"epochs": 2},
    "compute": {"workers": 1},
}


@pytest.fixture(params=SMALL_SPACES)
def space(request: pytest.FixtureRequest) -> CellSpace:
    return SMALL_SPACES[request.param]


@pytest.fixture(scope="session")
def tiny_config() -> RunConfig:
    return parse_config(TINY, source="tests")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_config: RunConfig) -> Run:
    """A finished tiny run. Do not change it."""
    return Run(search(tiny_config, tmp_path_factory.mktemp("runs") / "finished"))


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """Sixty images of three classes, 6x6 pixels in colour."""
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    np.savez(path, images=rng.integers(0, 256, (60, 6, 6, 3), dtype=np.uint8), labels=np.arange(60) % 3)
    return path
