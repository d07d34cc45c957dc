"""Measure one network, as plain data: errors, bytes, operations; dominance and hypervolume.

Everything is minimised. ``OBJECTIVES`` is the table that run files, archives and reports refer to by name.
"""

from objectives.error import ERROR
from objectives.layer import Layer
from objectives.macs import BITOPS, FLOPS, MACS
from objectives.model_size import MODEL_SIZE
from objectives.objective import Layers, Objective
from objectives.parameters import PARAMETERS
from objectives.peak_memory import PEAK_MEMORY

OBJECTIVES: dict[str, Objective] = {
    objective.name: objective for objective in (ERROR, MODEL_SIZE, BITOPS, MACS, FLOPS, PEAK_MEMORY, PARAMETERS)
}

__all__ = ["OBJECTIVES", "Layer", "Layers", "Objective"]
