"""Bytes that a network's parameters take when stored packed; nothing left out."""

from __future__ import annotations

import numpy as np

from objectives.layer import Number
from objectives.objective import Layers, Objective

TRITS_PER_BYTE = 5  # 3^5 = 243 <= 256: 1.6 bits per ternary weight
# Weights that fill so many bytes, by number of levels: the fewest whole bytes of whole weights.
WEIGHTS_PER_UNIT = {0: (1, 4), 3: (TRITS_PER_BYTE, 1), **{2**bits: (8, bits) for bits in (1, *range(2, 9))}}
_WEIGHTS, _BYTES = (np.ones(257, dtype=np.int64) for _ in range(2))
for _levels, (_weights, _bytes) in WEIGHTS_PER_UNIT.items():
    _WEIGHTS[_levels], _BYTES[_levels] = _weights, _bytes


def packed_bytes(weights: Number, *, levels: Number) -> Number:
    """Bytes of one layer's weights, padded to a whole byte per layer.

    Args:
        weights: How many.
        levels: 2 (binary, 1 bit), 3 (ternary, five trits a byte), a power of two (k bits), or 0 (float32).

    Returns:
        Whole bytes.

    Example:
        >>> packed_bytes(11, levels=3)
        3
    """
    if isinstance(levels, np.ndarray):
        return -(-weights * _BYTES[levels] // _WEIGHTS[levels])
    unit, size = WEIGHTS_PER_UNIT[levels]
    return -(-weights * size // unit)


def model_size(layers: Layers) -> Number:
    """Packed weights, and every other number as it is stored: scales, thresholds, biases, batch norm.

    Formula: ``sum over layers of packed_bytes(weights, levels) + other_bytes``. Batch norm counts as one scale and one
    shift per channel, which is what is left of it after folding. Binary weights have a scale per filter, the others one
    per layer, unless a norm behind the convolution takes it up.
    """
    return sum(packed_bytes(layer.weights, levels=layer.weight_levels) + layer.other_bytes for layer in layers)


MODEL_SIZE = Objective(name="model_size", unit="bytes", title="model size", measure=model_size)
