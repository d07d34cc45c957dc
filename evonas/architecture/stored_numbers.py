"""How numbers that are no weights are stored: as floats, or as whole numbers that share an exponent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evonas.architecture.precision import EIGHT_BIT, FLOAT, NUMBERS, Precision

Number = Any
"""An int, or an array ``(n,)`` of int64 with one entry per network."""
EXPONENT_BYTES = 1  # one for each vector that is no float


class NumberFacts(NamedTuple):
    """Bits of each number of a vector; 32: floats, which share no exponent.

    Attributes:
        norm_scale: Of a norm's scales.
        norm_shift: Of its shifts, and of a PReLU's numbers.
        scale: Of scales of weights.
        other: Of activations' steps and thresholds, and of biases.
    """

    norm_scale: Number
    norm_shift: Number
    scale: Number
    other: Number


FLOATS = NumberFacts(*[FLOAT.bits] * 4)


def number_facts(norms: Precision, scales: Precision) -> NumberFacts:
    """What counts need to know of how a network stores its norms and its other numbers."""
    return NumberFacts(norms.bits, of_shifts(norms).bits, scales.bits, of_shifts(scales).bits)


def of_shifts(scales: Precision) -> Precision:
    """How shifts, biases and thresholds are stored beside scales that are stored so; powers of two are too coarse."""
    return EIGHT_BIT if scales == NUMBERS["power-of-two"] else scales


def vector_bytes(n: Number, bits: Number) -> Number:
    """Bytes of a vector of ``n`` numbers with its exponent; none for no numbers."""
    has_exponent = (bits != FLOAT.bits) * EXPONENT_BYTES
    if isinstance(n, np.ndarray) or isinstance(bits, np.ndarray):
        return np.where(np.asarray(n) > 0, -(-n * bits // 8) + has_exponent, 0)
    return -(-n * bits // 8) + has_exponent if n else 0


def input_bytes(standards: int, stream_bits: Number) -> Number:
    """Bytes of the floats that standardise the input, and of the exponent of the step of tensors between layers."""
    return 4 * standards + EXPONENT_BYTES * (stream_bits != FLOAT.bits)
