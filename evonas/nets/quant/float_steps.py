"""The float32 numbers next to a number: fused gradient kernels have open bounds where quantizers have closed ones."""

from __future__ import annotations

import numpy as np


def next_above(x: float) -> float:
    """The smallest float32 above ``x``."""
    return float(np.nextafter(np.float32(x), np.float32(np.inf)))


def next_below(x: float) -> float:
    """The largest float32 below ``x``."""
    return -next_above(-x)
