"""The plan of a batch: a run file that all runs share, and a grid of the keys that differ."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from evonas.config.compute import ComputeConfig
from evonas.config.load import RunConfig, laid_over, parse_config
from evonas.config.presets import preset_values
from evonas.config.toml_file import read_toml
from evonas.errors import RunFileError, nearest
from evonas.spaces.settings import Settings, brief

MOST_RUNS = 10_000
FILE, PRESET = "run_file", "preset"
"""Axes of a grid whose values are whole run files, so that searches may differ in every key."""
OF_NAMES = (FILE, PRESET, "data.source", "space.kind")
WANTED, FORM = "a plan of a batch", "docs/guide/scaling.md"


class Plan(Settings):
    """A plan as it is written down.

    Attributes:
        name: Of the batch, in its folder ``runs/NAME-TIME``.
        preset: Ready-made values under the run file's, for all runs; none without one.
        run_file: Of all runs, beside the plan; all defaults without one.
        run: Keys of all runs, laid over the run file's.
        grid: Lists by key, such as ``"search.budget" = [100, 200]``: every combination is a run.
        compute: Who makes the runs, each in one process: as in a run file, and ``workers`` runs side by side. Its
            ``device`` is that of runs which say nothing else.
    """

    name: str = Field("batch", pattern=r"^[\w-][\w.-]*$", max_length=200)
    preset: str = ""
    run_file: str = ""
    run: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, Any] = Field(default_factory=dict)
    compute: ComputeConfig = ComputeConfig()


def read_plan(source: Path | Mapping[str, Any]) -> tuple[Plan, dict[str, RunConfig]]:
    """Read a plan and work out its runs.

    Args:
        source: A TOML file, or the same as plain data.

    Returns:
        The plan, and the run file of every run by the run's name, the last axis of the grid turning fastest.

    Raises:
        RunFileError: Unknown keys or impossible values, in the plan or in any run: all of them at once.
    """
    if isinstance(source, Path):
        raw, beside, named = read_toml(source, wanted=WANTED, form=FORM), source.parent, str(source)
    else:
        raw, beside, named = dict(source), Path(), "the plan given"
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise RunFileError(
            f"{WANTED} with known keys and possible values ({named})",
            found="; ".join(found for found, _ in problems),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in problems)),
        ) from None
    axes = _axes(plan.grid, named)
    return plan, _runs(plan, axes, beside, named)


def _problem(detail: Any) -> tuple[str, str]:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"unknown key {where}", f"{where}: {nearest(where, Plan.model_fields)}; keys of runs stand under [run]"
    return f"{where} = {brief(detail['input'])} ({detail['msg'].lower()})", f"change {where}"


def _axes(grid: Mapping[str, Any], named: str) -> dict[str, list[Any]]:
    """Keys with dots, and their values; a table within the grid is a part of the key."""
    flat = _flat(grid)
    problems = []
    for key, values in flat.items():
        if not isinstance(values, list) or not values:
            problems.append(f"{key} = {brief(values)}")
        elif any(value in values[:index] for index, value in enumerate(values)):
            problems.append(f"a value twice: {key}")
        elif key in OF_NAMES and not all(isinstance(value, str) for value in values):
            problems.append(f"{key} = {brief(values)}, which are no names")
    if problems:
        raise RunFileError(
            f"lists of values that differ under [grid] ({named})",
            found="; ".join(problems),
            remedy='write each as a list, such as seed = [0, 1, 2] or "search.objectives" = [["error", "bitops"]]',
        )
    n_runs = 1
    for values in flat.values():
        n_runs *= len(values)
    if n_runs > MOST_RUNS:
        raise RunFileError(f"at most {MOST_RUNS:,} runs", found=f"{n_runs:,} ({named})", remedy="make the grid smaller")
    return flat


def _flat(grid: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in grid.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return flat


def _runs(plan: Plan, axes: dict[str, list[Any]], beside: Path, named: str) -> dict[str, RunConfig]:
    if whole := [key for key in (FILE, PRESET) if key in plan.run]:
        raise RunFileError(
            f"keys of a run file under [run] ({named})",
            found=", ".join(whole),
            remedy=f"write {' and '.join(whole)} above it, or as a list under [grid]",
        )
    runs: dict[str, RunConfig] = {}
    problems: dict[tuple[str, str], None] = {}
    files = [beside / file for file in axes.get(FILE, [plan.run_file]) if file]
    bases = {str(file): read_toml(file, wanted="a run file", form="docs/reference/run-file.md") for file in files}
    presets = {name: preset_values(name) for name in axes.get(PRESET, [plan.preset]) if name}
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        file, preset = chosen.get(FILE, plan.run_file), chosen.get(PRESET, plan.preset)
        raw = laid_over(presets.get(preset, {}), bases.get(str(beside / file), {}) if file else {})
        raw = copy.deepcopy(laid_over(raw, plan.run))
        if kind := chosen.get("space.kind"):
            raw = laid_over(raw, {"space": {"kind": kind}})
        for key, value in chosen.items():
            if key not in (FILE, PRESET):
                _set(raw, key, copy.deepcopy(value))
        search = _label(chosen) or plan.name
        raw["name"] = search
        if isinstance(compute := raw.setdefault("compute", {}), dict):
            alone = {"workers": 1, "backend": "loky", "scheduler": ""}  # the plan says who makes the runs
            raw["compute"] = {"device": plan.compute.device, **compute, **alone}
        try:
            config = parse_config(raw, source=named)
        except RunFileError as error:
            problems |= dict.fromkeys([(error.found, error.remedy)])
            continue
        runs[_free(f"{search}-seed{config.seed}" if "seed" in axes else search, runs)] = config
    if problems:
        raise RunFileError(
            f"runs with known keys and possible values ({named})",
            found="; ".join(dict.fromkeys(found for found, _ in problems)),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in problems)),
        )
    return runs


def _set(raw: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        below = raw.setdefault(section, {})
        if not isinstance(below, dict):
            raise RunFileError(
                f"keys of a run file under [grid], such as {section}",
                found=f"{key}, where {section} is no section",
                remedy=f"write {section} = [...], or take {key} out",
            )
        raw = below
    raw[last] = value


def _label(chosen: Mapping[str, Any]) -> str:
    """A name for a folder that tells a search from the others of a grid; without its seed."""
    return "-".join(_text(key, value) for key, value in chosen.items() if key != "seed")


def _text(key: str, value: Any) -> str:
    last = key.rpartition(".")[2]
    if key in (FILE, "data.source"):
        text = Path(value).stem
    elif isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = "+".join(map(str, value)) or f"no_{last}"
    elif isinstance(value, Mapping):
        text = "+".join(f"{name}{bound}" for name, bound in value.items()) or f"no_{last}"
    else:
        text = f"{last}{value}"
    # never "..", which a folder's name must not be
    return re.sub(r"[^\w.]+", "_", text.replace("+", "_"))[:60].lstrip(".") or last


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else next(n for i in itertools.count(2) if (n := f"{name}.{i}") not in taken)
