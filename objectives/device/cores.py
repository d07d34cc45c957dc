"""Processors that exported C was measured on, and what was fitted to these measurements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Core:
    """A processor.

    Attributes:
        title: What people call it.
        target: What ``evonas verify --target`` calls its simulator.
    """

    title: str
    target: str


CORES = {
    "cortex-m4f": Core("Cortex-M4F", "cortex-m4"),
    "cortex-m0+": Core("Cortex-M0+", "cortex-m0"),
    "rv32imc": Core("RV32IMC", "rv32"),
    "rv32ec": Core("RV32EC", "rv32e"),
}
DEFAULT_CORE = "cortex-m4f"


@dataclass(frozen=True)
class Fit:
    """What exported C takes on a core.

    Attributes:
        facts: Where the numbers come from: compiler, flags, networks, errors.
        instructions: Of each unit of :mod:`objectives.device.work`.
        flash: Bytes of each part of :mod:`objectives.device.flash`.
    """

    facts: Mapping[str, str]
    instructions: Mapping[str, float]
    flash: Mapping[str, float]


@cache
def fit_of(core: str) -> Fit:
    """What ``benchmarks/instructions_fit.py`` wrote of a core, one of :data:`CORES`."""
    fitted = json.loads((files(__package__) / "fitted.json").read_text(encoding="utf-8"))
    return Fit(**fitted[core])
