"""Measure one network, as plain data: errors, bytes, operations, energy; dominance and hypervolume.

Dominance and hypervolume compare minimised values; the sign of what is maximised turns in ``Scaling``. ``OBJECTIVES``
is the table that run files, archives and reports refer to by name. ``LATENCY`` is not in it: every archive has a column
for all in the table, and a latency is measured only on request. Of ``QUALITIES``, what counts as error, an archive has
exactly one, by default ``ERROR``.

- ``objective``: what an objective is; ``layer``: what it counts; ``display``: how values read.
- ``device``: what exported C takes on a microcontroller, by its core.
- ``fronts``: dominance, hypervolume, scales.
- every other file is one objective or several of one kind.
"""

from objectives.device.table import device_objectives
from objectives.energy import ENERGY
from objectives.held_out import ERROR, QUALITIES, Fidelity
from objectives.latency import LATENCY
from objectives.layer import Layer
from objectives.macs import BINARY_OPS, BITOPS, FLOPS, MACS
from objectives.model_size import MODEL_SIZE
from objectives.objective import Layers, Objective
from objectives.parameters import PARAMETERS
from objectives.peak_memory import PEAK_MEMORY
from objectives.weight_bits_only import WEIGHT_BITS_ONLY

OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        ERROR,
        MODEL_SIZE,
        WEIGHT_BITS_ONLY,
        BITOPS,
        BINARY_OPS,
        MACS,
        FLOPS,
        ENERGY,
        PEAK_MEMORY,
        PARAMETERS,
        *device_objectives().values(),
    )
}

__all__ = ["LATENCY", "OBJECTIVES", "QUALITIES", "Fidelity", "Layer", "Layers", "Objective"]
