"""Bytes that a network's parameters take when stored packed; nothing left out."""

from __future__ import annotations

from objectives.objective import Layers, Objective

TRITS_PER_BYTE = 5  # 3^5 = 243 <= 256: 1.6 bits a ternary weight


def packed_bytes(weights: int, *, levels: int) -> int:
    """Bytes of one layer's weights, padded to a whole byte a layer.

    Args:
        weights: How many.
        levels: 2 (binary, 1 bit), 3 (ternary, five trits a byte), a power of two (k bits), or 0 (float32).

    Returns:
        Whole bytes.

    Example:
        >>> packed_bytes(11, levels=3)
        3
    """
    if levels == 0:
        return 4 * weights
    if levels == 3:
        return -(-weights // TRITS_PER_BYTE)
    return -(-weights * (levels - 1).bit_length() // 8)


def model_size(layers: Layers) -> int:
    """Packed weights plus four bytes for every number that stays float32 (scales, thresholds, biases, batch norm).

    Formula: ``sum over layers of packed_bytes(weights, levels) + 4 * float_values``. Batch norm counts as one scale
    and one shift a channel, which is what is left of it after folding.
    """
    return sum(packed_bytes(layer.weights, levels=layer.weight_levels) + 4 * layer.float_values for layer in layers)


def display_bytes(value: float) -> str:
    """Write bytes as such below 10 KiB, in KiB from there on."""
    return f"{value:,.0f} B" if value < 10_240 else f"{value / 1024:,.1f} KiB"


MODEL_SIZE = Objective(
    name="model_size", unit="bytes", title="model size", measure=model_size, is_log=True, display=display_bytes
)
