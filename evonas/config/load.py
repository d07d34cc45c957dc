"""The run file: all keys with their defaults; read from TOML, merged over a preset, checked as a whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from evonas.config.compute import ComputeConfig
from evonas.config.device import DeviceConfig
from evonas.config.presets import preset_values
from evonas.config.removed import without_removed
from evonas.config.sections import DataConfig, EstimateConfig, QuantizersConfig, SearchConfig, SupernetConfig
from evonas.config.space import GIVEN_IN_PYTHON, SPACE_SETTINGS, OwnSpaceConfig, SpaceConfig
from evonas.config.toml_file import read_toml
from evonas.config.training import TrainingConfig
from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path
from evonas.spaces.cells.settings import CellSettings
from evonas.spaces.settings import Seed, Settings, brief, message
from objectives import LATENCY, OBJECTIVES, QUALITIES

MOST_LETTERS = 200  # of a name: file systems take 255 bytes, of which a date needs some
MOST_PROBLEMS = 30  # that a message tells


class RunConfig(Settings):
    """A whole run file."""

    name: str = Field(
        "",
        pattern=r"^[\w.-]*$",
        max_length=MOST_LETTERS,
        description='name of the run, in its folder runs/NAME-TIME; "": that of the data, or of your own space',
    )
    seed: Seed = Field(0, description="seed of everything random except the split")
    data: DataConfig = DataConfig()
    space: SpaceConfig = CellSettings()
    quantizers: QuantizersConfig = QuantizersConfig()
    supernet: SupernetConfig = SupernetConfig()
    estimate: EstimateConfig = EstimateConfig()
    search: SearchConfig = SearchConfig()
    device: DeviceConfig = DeviceConfig()
    training: TrainingConfig = TrainingConfig()
    compute: ComputeConfig = ComputeConfig()

    @model_validator(mode="after")
    def _limit_can_be_kept(self) -> Self:
        if self.estimate.seconds_per_network and self.compute.backend != "loky":
            raise ValueError('estimate.seconds_per_network works with compute.backend = "loky" alone; set it to 0')
        return self


def load_config(
    path: Path | None,
    overrides: dict[str, dict[str, Any] | Any] | None = None,
    *,
    preset: str | None = None,
    given_space: str | None = None,
) -> RunConfig:
    """Read a run file, lay it over a preset, and overrides over both.

    Args:
        path: A TOML file; None for all defaults.
        overrides: Keys as in the file; a section's keys as a nested dict.
        preset: Name of ready-made values for keys that the file leaves out; see :mod:`evonas.config.presets`.
        given_space: Class of a search space that is given as an object, instead of the file's.

    Raises:
        RunFileError: No such file or preset, not TOML, or unknown keys or impossible values: all of them at once.
    """
    raw = {} if path is None else read_toml(path, wanted="a run file", form="docs/reference/run-file.md")
    if preset is not None:
        raw = laid_over(preset_values(preset), raw)
    source = str(path or (f"preset {preset}" if preset else "the options"))
    return parse_config(raw, overrides, source=source, given_space=given_space)


def parse_config(
    raw: dict[str, Any], overrides: dict[str, Any] | None = None, *, source: str, given_space: str | None = None
) -> RunConfig:
    """Check a run file's content; arguments and errors as in :func:`load_config`, ``source`` names it in messages."""
    merged, problems = without_removed(laid_over(raw, overrides or {}))
    data, space = merged.get("data", {}), merged.get("space", {})
    if isinstance(data, dict) and data.get("axes") == "features" and isinstance(space, dict):
        merged["space"] = {"kind": "dense"} | space  # cells of one pixel would be pools and skips
    if given_space is not None:
        merged["space"] = {"kind": GIVEN_IN_PYTHON + given_space}
    try:
        config = RunConfig.model_validate(merged)
    except ValidationError as error:
        problems += [_problem(detail) for detail in error.errors()[:MOST_PROBLEMS]]
        if (left := error.error_count() - MOST_PROBLEMS) > 0:
            problems.append((f"and {left:,} more", "correct these first"))
    problems += _unknown_measures(merged)
    if problems:
        raise RunFileError(
            f"a run file with known keys and possible values ({source})",
            found="; ".join(found for found, _ in problems),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in problems)),
        )
    if config.space.kind in SPACE_SETTINGS:  # what a user's own space measures is known later
        config.search.quality()
    try:
        resolved = _resolved(config)
        dump_config(resolved).encode()  # paths of bytes that are no UTF-8 cannot be written down
        return resolved
    except TypeError as error:  # given in Python
        raise RunFileError(f"values that TOML can hold ({source})", found=str(error), remedy="change them") from error
    except (RuntimeError, ValueError, OSError) as error:  # an unknown ~user, a NUL, a name that is too long
        raise RunFileError(f"paths that exist ({source})", found=str(error), remedy="correct the paths") from error


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Keys of ``above``, and those of ``below`` that ``above`` leaves out, section by section.

    A ``[space]`` of another kind is taken as a whole.
    """
    merged = dict(below)
    for key, value in above.items():
        section = below.get(key, {})
        if not isinstance(value, dict):
            merged[key] = value
        elif isinstance(section, dict):
            before = section.get("kind", "cells")
            is_other_space = key == "space" and value.get("kind", before) != before
            merged[key] = value if is_other_space else {**section, **value}
    return merged


def _resolved(config: RunConfig) -> RunConfig:
    """Fill in the name and make paths absolute, so that a run can be resumed from anywhere."""
    data, search = config.data, config.device.applied(config.search)
    if data.source != "digits" and not data.source.startswith("hf:"):  # these two are names
        data = data.model_copy(update={"source": str(Path(data.source).expanduser().resolve())})
    quantizers = {key: _resolved_path(name) for key, name in config.quantizers.model_dump().items()}
    bounds = {_resolved_path(name): bound for name, bound in search.constraints.items()}
    given = {"objectives": tuple(map(_resolved_path, search.objectives))}
    named = given if "objectives" in search.model_fields_set else {}  # what was left out must still be seen to be
    changed: dict[str, Any] = {
        "name": config.name or re.sub(r"[^\w.-]", "-", _subject(config))[:60] or "run",
        "data": data,
        "quantizers": QuantizersConfig(**quantizers),
        "search": search.model_copy(update={**named, "constraints": bounds}),
    }
    if isinstance(config.space, OwnSpaceConfig):
        options = {key: _resolved_file(value) for key, value in config.space.options.items()}
        changed["space"] = config.space.model_copy(
            update={"kind": _resolved_path(config.space.kind), "options": options}
        )
    else:
        changed["space"] = config.device.tensors(config.space)
    return config.model_copy(update=changed)


def _subject(config: RunConfig) -> str:
    """What a run without a name is called after: its data, or a space of the user's where no data are named."""
    if isinstance(config.space, OwnSpaceConfig) and "source" not in config.data.model_fields_set:
        return config.space.kind.rpartition(":")[2].strip()
    return Path(config.data.source).stem


def _resolved_file(value: Any) -> Any:
    """An option that names a file, by its absolute path; anything else as it is."""
    is_file = isinstance(value, str) and Path(value).expanduser().is_file()
    return str(Path(value).expanduser().resolve()) if is_file else value


def _resolved_path(name: str) -> str:
    if not is_path(name):
        return name
    file, _, attribute = name.rpartition(":")
    return f"{Path(file).expanduser().resolve()}:{attribute}"


def dump_config(config: RunConfig) -> str:
    """Write a complete run file: every key, the defaults too."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def _unknown_measures(raw: dict[str, Any]) -> list[tuple[str, str]]:
    """Objectives and constraints with unknown names, each as what was found and what to do.

    A user's own space may measure anything, so its names are checked later.
    """
    space, search = raw.get("space", {}), raw.get("search", {})
    if not isinstance(search, dict) or (
        isinstance(space, dict) and space.get("kind", "cells") not in [*SPACE_SETTINGS]
    ):
        return []
    known_names, problems = (*(OBJECTIVES | QUALITIES), LATENCY.name), []
    for key in ("objectives", "constraints"):
        names = search.get(key, ())
        for name in list(names)[:MOST_PROBLEMS] if isinstance(names, (list, tuple, dict)) else ():
            if isinstance(name, str) and not is_path(name) and name not in known_names:
                where = f"search.{key}"
                problems.append((f"{where}: {name!r} is unknown", f"{where}: {nearest(name, known_names)}"))
    return problems


def _problem(detail: Any) -> tuple[str, str]:
    """One pydantic error as what was found and what to do."""
    path = [str(part) for part in detail["loc"]]
    given = detail["input"]
    models: dict[str, Any] = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    if path[:1] == ["space"] and len(path) > 1:  # the part after it is the kind of space
        models["space"] = {**SPACE_SETTINGS, "own": OwnSpaceConfig}[path.pop(1)]
    elif detail["type"] == "space_kind" and isinstance(given, dict):
        path, given = ["space", "kind"], given.get("kind")
    where = ".".join(path) or "the run file"
    if detail["type"] == "extra_forbidden":
        table = models[path[0]].model_fields if len(path) > 1 else RunConfig.model_fields
        return f"unknown key {where}", f"{where}: {nearest(path[-1], table)}"
    shown = f" {text}" if path and (text := brief(given)) else ""
    return f"{where}{' =' if shown else ''}{shown} ({message(detail)})", f"change {where}"
