"""Ready-made runs: values that lie under a user's run file. A preset is a ``.toml`` file beside this one."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from evonas.errors import RunFileError, nearest

SUFFIX = ".toml"


def preset_names() -> list[str]:
    """Names of all presets, by alphabet."""
    return sorted(file.name.removesuffix(SUFFIX) for file in files(__name__).iterdir() if file.name.endswith(SUFFIX))


def preset_text(name: str) -> str:
    """A preset as it was written: a run file that names some keys, with what it is on the first line.

    Raises:
        RunFileError: There is no such preset.
    """
    names = preset_names()
    if name not in names:
        raise RunFileError(f"a preset among {', '.join(names)}", found=repr(name), remedy=nearest(name, names))
    return (files(__name__) / f"{name}{SUFFIX}").read_text(encoding="utf-8")


def preset_values(name: str) -> dict[str, Any]:
    """The keys that a preset sets; see :func:`preset_text`."""
    return tomllib.loads(preset_text(name))


def preset_caption(name: str) -> str:
    """What a preset is, in one line; see :func:`preset_text`."""
    return preset_text(name).partition("\n")[0].removeprefix("# ")
