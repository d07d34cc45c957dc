"""Instructions of one forward pass in exported C: a formula fitted to networks that were counted on each core."""

from __future__ import annotations

import numpy as np

from objectives.device.cores import DEFAULT_CORE, fit_of
from objectives.device.work import Work, work_of
from objectives.layer import Number, batch_size
from objectives.objective import Layers


def instructions(layers: Layers, *, core: str = DEFAULT_CORE) -> Number:
    """Instructions that the exported C takes for one image on a microcontroller's core, compiled with -O2.

    Formula: ``sum over layers and units of work * instructions a unit``. The units are what the kernels do: products by
    width, rows, pixels, weights that are unpacked, elements that are quantized, steps behind a convolution. Which
    kernel a layer has is decided as the export decides it. What a unit takes was fitted, not negative, to random
    networks that were counted in a simulator operation by operation; how far it is off on networks that it was not
    fitted to: docs/experiments/device.md.

    A run counts the core that ``[device]`` names; without one a Cortex-M4F. Instructions are no cycles: flash wait
    states, stalls and instructions of several cycles are not in them, so that they bound the time from below, at one a
    cycle. What only weights decide is taken as usual: how many ternary weights are zero, and that slopes rise. A layer
    whose weights are unpacked in several goes, since RAM is short, takes more than counted.

    Args:
        layers: Of one network, or of many as arrays.
        core: One of :data:`objectives.device.cores.CORES`.

    Returns:
        A whole number; an array ``(n,)`` for many networks.
    """
    units = fit_of(core).instructions
    total = total_work(layers)
    found = sum((number * units.get(unit, 0.0) for unit, number in sorted(total.items())), np.float64(0))
    return as_whole(found, layers)


def total_work(layers: Layers) -> Work:
    """The work of all layers together, by unit."""
    total: Work = {}
    for work in work_of(layers):
        for unit, number in work.items():
            total[unit] = total.get(unit, 0) + number
    return total


def as_whole(found: Number, layers: Layers) -> Number:
    """Rounded: an int, or an array with one number for each network."""
    n = batch_size(layers)
    whole = np.rint(found).astype(np.int64)
    return int(whole) if n is None else np.broadcast_to(whole, n)
