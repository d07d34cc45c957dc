"""Presets: each holds what it says, runs to its end, and lies under the user's own run file and options."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.config.bounds import resolved
from evonas.config.load import RunConfig, load_config, parse_config
from evonas.config.presets import preset_caption, preset_names, preset_values
from evonas.errors import RunFileError
from evonas.evaluation.measures import run_measures
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.spaces import CellSpace, NetworkSpace
from evonas.spaces.cells.settings import CellSettings
from evonas.spaces.staged.settings import ResidualSettings
from objectives import OBJECTIVES
from tests.support.spaces import STAGED_SPACES

NAMES = ["joint", "lpnas", "nce", "tas", "tga", "ubnas"]
SIZE = {  # of the space, so small that a search of it takes a moment
    "cells": {"nodes": 1, "channels": 8, "stem_channels": 4, "cells": ["normal", "reduction"]},
    "residual": {"depth": 8, "channels": 4},
}
SMALL: dict[str, Any] = {
    "data": {"limit": 200},
    "supernet": {"steps": 2, "batch_size": 8, "probes": 4},
    "estimate": {"anchors": 0, "calibration_images": 16, "scoring_images": 20},
    "search": {"budget": 8, "population": 8, "predictors": [], "has_baseline": False, "trainings": 0},
    "training": {"epochs": 1},
    "compute": {"workers": 1},
}


def preset(name: str, overrides: dict[str, Any] | None = None) -> RunConfig:
    return load_config(None, overrides, preset=name)


def cells(name: str) -> CellSettings:
    space = preset(name).space
    assert isinstance(space, CellSettings)
    return space


def residual(name: str) -> ResidualSettings:
    space = preset(name).space
    assert isinstance(space, ResidualSettings)
    return space


def bounds_in(space: NetworkSpace, config: RunConfig) -> dict[str, float]:
    """The bounds of a run file as numbers."""
    measures = run_measures(config.search, OBJECTIVES, load_own=pytest.fail, bound_of=partial(resolved, space=space))
    return measures.bounds


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_runs_to_its_end_and_can_be_resumed(name: str, tmp_path: Path) -> None:
    config = preset(name, SMALL | {"space": SIZE[preset(name).space.kind]})
    run = search(config, tmp_path / name)
    rows = run.evaluations()
    assert (rows["reason"] == "").all()
    assert len(rows) == 8
    assert config.name == name
    assert len(resume(run).evaluations()) == 8


def test_every_preset_is_named_here_and_has_a_caption() -> None:
    assert preset_names() == NAMES
    assert all(preset_caption(name).isprintable() and 20 < len(preset_caption(name)) < 120 for name in NAMES)


def test_tas_has_ternary_cells_an_inter_cell_residual_and_learned_thresholds() -> None:
    space, methods = cells("tas"), preset("tas").quantizers
    assert space.weight_precisions == space.act_precisions == ("ternary",)
    assert space.has_residual
    assert {"float", "ternary"} <= set(space.residual_downsamplings)
    assert {"none", "dil_conv_3x3", "dil_conv_5x5"} <= set(space.ops)
    assert (methods.ternary_weight, methods.ternary_act.startswith("ternary")) == ("tas", True)


def test_ubnas_has_binary_cells_approx_sign_module_genes_partial_channels_and_early_stop() -> None:
    space, config = cells("ubnas"), preset("ubnas")
    assert space.weight_precisions == space.act_precisions == ("binary",)
    assert config.quantizers.binary_act == "approx_sign"
    assert len(space.modules) >= 4
    assert (config.supernet.partial_normal, config.supernet.partial_reduction) == (8, 4)
    assert config.supernet.early_stop
    assert config.search.stall > 0


def test_tga_is_ternary_from_the_first_to_the_last_layer() -> None:
    config = preset("tga")
    space = open_context(config).network_space
    for genome in space.sample(np.random.default_rng(0), 5):
        levels = {op.weight.name for op in space.decode(genome).ops if op.kind == "conv"}
        assert levels == {"ternary"}
    assert config.quantizers.ternary_weight == "tga"


def test_lpnas_has_bits_per_layer_shared_convolution_and_a_bound_on_energy() -> None:
    space, config = residual("lpnas"), preset("lpnas")
    assert {"2-bit", "3-bit", "4-bit"} <= set(space.weight_precisions) & set(space.act_precisions)
    assert config.supernet.strategy == "shared_convolution_soft"
    assert {"energy", "model_size", "bitops"} <= set(config.search.objectives)
    assert "energy" in config.search.constraints


def test_nce_has_two_bits_locked_widths_and_is_bounded_by_the_base_network() -> None:
    config = preset("nce")
    space = open_context(config).network_space
    assert residual("nce").weight_precisions == residual("nce").act_precisions == ("2-bit",)
    assert all(gene.n_locked == 3 for gene in space.genes if gene.name.endswith("/width"))
    assert config.search.expansion_share < 1
    base = space.base()
    assert base is not None
    bounds = bounds_in(space, config)
    assert bounds == {name: OBJECTIVES[name].measure(base.layers) for name in ("flops", "parameters")}  # type: ignore[misc]


def test_joint_has_topology_precisions_widths_and_modules_in_one_genome() -> None:
    space = cells("joint")
    assert min(map(len, (space.weight_precisions, space.act_precisions, space.expansions, space.modules))) >= 3
    assert len(space.ops) >= 8


def test_a_run_file_lies_over_a_preset_and_options_over_both(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('name = "mine"\n[search]\nexpansion_share = 0.25\nbudget = 100\n', encoding="utf-8")
    config = load_config(path, {"search": {"budget": 50}}, preset="nce")
    assert (config.name, config.search.expansion_share, config.search.budget) == ("mine", 0.25, 50)
    assert config.search.constraints == {"flops": "base", "parameters": "base"}
    path.write_text('[space]\nkind = "cells"\n', encoding="utf-8")
    assert load_config(path, preset="nce").space == CellSettings()  # nothing of another kind of space is left


@pytest.mark.parametrize("staged", STAGED_SPACES)
def test_the_base_network_is_the_widths_own_and_its_shares_are_bounds(staged: str) -> None:
    space = STAGED_SPACES[staged]
    base = space.base()
    assert base is not None
    assert base == space.fully_unlocked().base()
    alone = space.settings.model_copy(update={"widths": (1.0,), "locked_widths": ()})
    assert base == replace(space, settings=alone, unlocked=()).base()
    config = parse_config({"search": {"constraints": {"energy": "0.5 base", "macs": "base"}}}, source="tests")
    measure = {name: OBJECTIVES[name].measure for name in ("energy", "macs")}
    assert bounds_in(space, config) == {
        name: share * measure[name](base.layers)  # type: ignore[misc]
        for name, share in (("energy", 0.5), ("macs", 1))
    }


@pytest.mark.parametrize("bound", ["half base", "0 base", "-1 base", "base 2", ""])
def test_a_bound_that_is_no_share_of_the_base_network_is_refused(bound: str) -> None:
    with pytest.raises(RunFileError, match=r"search.constraints.energy"):
        parse_config({"search": {"constraints": {"energy": bound}}}, source="tests")


def test_shares_of_a_base_network_need_one_and_something_that_is_counted() -> None:
    for space, name in ((CellSpace.of((1, 8, 8), 10), "macs"), (STAGED_SPACES["residual"], "error")):
        config = parse_config({"search": {"constraints": {name: "base"}}}, source="tests")
        with pytest.raises(RunFileError, match="a number under search"):
            bounds_in(space, config)


def test_an_unknown_preset_is_named_with_its_nearest() -> None:
    with pytest.raises(RunFileError, match="did you mean 'ubnas'"):
        preset_values("ubnass")
