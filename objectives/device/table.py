"""Objectives of a device: instructions and flash, counted for its core."""

from __future__ import annotations

from functools import cache, partial

from objectives.device.cores import CORES, DEFAULT_CORE
from objectives.device.flash import flash
from objectives.device.instructions import instructions
from objectives.objective import Objective


@cache
def device_objectives(core: str = DEFAULT_CORE, *, clock: int = 0) -> dict[str, Objective]:
    """Objectives by name.

    Args:
        core: One of :data:`objectives.device.cores.CORES`.
        clock: Hz, which figures name beside the instructions; 0: not known.
    """
    is_default = core == DEFAULT_CORE
    title = CORES[core].title
    at = f" at {clock / 1e6:g} MHz" if clock else ""
    count, size = (instructions, flash) if is_default else (partial(instructions, core=core), partial(flash, core=core))
    return {
        "instructions": Objective("instructions", "", f"instructions, {title}{at}", count),
        "flash": Objective("flash", "bytes", f"flash, {title}", size),
    }


def is_of_device(objective: Objective) -> bool:
    """Whether it is one of these, which count many networks at once."""
    measure = objective.measure
    return (measure.func if isinstance(measure, partial) else measure) in (instructions, flash)
