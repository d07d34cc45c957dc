"""A supernet on a GPU, as far as it can be told without one: where its tensors lie, its number format, what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evonas.config.load import parse_config
from evonas.errors import RunFileError
from evonas.nets.distributed import batch_norm
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.run.stages.supernet_store import SUPERNET
from evonas.training.hardware import Hardware
from evonas.training.strategies import STRATEGIES
from evonas.training.supernet_training import build_supernet
from reports.run_folder.folder import RunFolder

TINY: dict[str, Any] = {
    "data": {"limit": 200},
    "space": {"channels": 4, "stem_channels": 4, "cells": ["normal", "reduction"]},
    "supernet": {"steps": 6, "batch_size": 16},
    "estimate": {"anchors": 0, "calibration_images": 32, "scoring_images": 40},
    "search": {"budget": 8, "population": 8, "has_baseline": False, "trainings": 0},
    "compute": {"workers": 1},
}


@pytest.mark.parametrize("strategy", ["single_path", "sandwich"])
@pytest.mark.parametrize(
    "run_file",
    [
        {},
        {"space": {"kind": "residual", "depth": 8}},
        {"space": {"kind": "inverted_residual"}},
        {"supernet": {"partial_normal": 4, "partial_reduction": 2}},
        {"quantizers": {"ternary_weight": "tas", "ternary_act": "ternary_unsigned", "binary_act": "sign"}},
        {"quantizers": {"ternary_weight": "ttq", "multibit_weight": "sawb", "multibit_act": "pact"}},
    ],
    ids=["cells", "residual", "inverted", "partial channels", "tas", "ttq, sawb, pact"],
)
def test_a_supernet_that_moves_leaves_nothing_behind(run_file: dict[str, Any], strategy: str) -> None:
    """torch's device without data refuses tensors of another one, as a GPU would."""
    run_file = {"data": TINY["data"], "space": {**TINY["space"], "nodes": 1, "expansions": [0.5, 1.0]}, **run_file}
    context = open_context(parse_config(run_file, source="tests"))
    supernet = build_supernet(context.config, context.network_space).to("meta")
    supernet.train()
    drawn = STRATEGIES[strategy](context.network_space, np.random.default_rng(0), 4)
    for path in drawn.draw():
        supernet.activate(path)
        logits = supernet(torch.zeros(2, 1, 8, 8, device="meta"))
        assert logits.device.type == "meta"
        logits.sum().backward()


@pytest.mark.parametrize("is_early", [False, True])
def test_in_a_gpu_s_number_format_a_run_ends_with_float32_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_early: bool
) -> None:
    formats = set()

    def spy(x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        formats.add((x.dtype, x.is_contiguous(memory_format=torch.channels_last)))
        return batch_norm(x, *arguments, **options)

    monkeypatch.setattr(Hardware, "is_gpu", True)  # bf16 and channels last, on the CPU
    monkeypatch.setattr("evonas.nets.norm.batch_norm", spy)
    settings = {**TINY, "supernet": {**TINY["supernet"], "early_stop": is_early, "probes": 4}}
    run = search(parse_config(settings, source="tests"), tmp_path / "run")
    assert (torch.bfloat16, True) in formats
    assert run.facts().supernet_device == "cpu"
    assert {tensor.dtype for tensor in load_file(run.path / SUPERNET).values()} == {torch.float32}
    assert len(run.evaluations()) == 8


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunFileError, match="a GPU that torch can use"):
        search(parse_config({**TINY, "compute": {"device": "cuda"}}, source="tests"), tmp_path / "run")


def test_a_supernet_that_a_gpu_began_is_not_resumed_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config({**TINY, "compute": {"workers": 1, "device": "cpu"}}, source="tests")
    monkeypatch.setattr("evonas.run.stages.supernet_store.train_supernet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    run.store(supernet_device="cuda")
    monkeypatch.setattr("evonas.run.stages.supernet_store.has_gpu", lambda: False)
    with pytest.raises(RunFileError, match="start a new run"):
        resume(run)


def interrupted(*_: Any, **__: Any) -> int:
    raise KeyboardInterrupt
