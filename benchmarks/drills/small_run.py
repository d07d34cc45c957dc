"""A small whole run of networks that other parts copy, and run files that name code which leaves a trace."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random

import tomli_w

import evonas
from reports.run_folder.folder import RunFolder

NETWORKS = {
    "name": "small",
    "data": {"limit": 200},
    "space": {"channels": 2, "stem_channels": 4, "cells": ["normal", "reduction"], "nodes": 1},
    "supernet": {"steps": 10},
    "estimate": {"steps": 5, "anchors": 2, "calibration_images": 32, "scoring_images": 100},
    "search": {"budget": 12, "population": 6, "predictors": [], "trainings": 2, "has_brief_trainings": False},
    "training": {"epochs": 1},
    "compute": {"workers": 1, "device": "cpu"},
}


def ensure(path: Path) -> Path:
    """Make the run if it is not there."""
    if not path.exists():
        evonas.search(overrides=NETWORKS, out=path)
    return path


def trace_of(folder: Path) -> Path:
    """What the trap leaves if it runs."""
    return folder / "trace"


def with_trap(run: Path, rng: Random) -> Path:
    """Let a run's file name code; its archive says that this was so from the start."""
    code = run.parent / "code.py"
    code.write_text(f"open({str(trace_of(run.parent))!r}, 'w').close()\n", encoding="utf-8")
    settings = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))
    name = f"{code}:THING"
    where = rng.randrange(5)
    if where == 0:
        settings["space"] = {"kind": name}
    elif where == 1:
        settings["search"]["objectives"].append(name)
    elif where == 2:
        settings["search"]["constraints"][name] = 5
    elif where == 3:
        settings["quantizers"]["ternary_weight"] = name
    else:
        settings["data"]["source"] = "hf:nobody/nothing"
    (run / "run.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    RunFolder(run).store(started_with={}, signature="0" * 64)
    return code
