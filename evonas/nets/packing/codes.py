"""Codes packed into bytes, and back: 1 bit per binary code, five ternary codes per byte, k bits per k-bit code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from objectives.model_size import TRITS_PER_BYTE

POWERS_OF_THREE = 3 ** np.arange(TRITS_PER_BYTE)


def pack(indices: NDArray[np.integer], *, levels: int) -> NDArray[np.uint8]:
    """Pack whole numbers from 0 to ``levels - 1``.

    Ternary: five per byte, the first one counts 1, the next 3, 9, 27, 81. Otherwise a stream of bits, each number and
    each byte from its lowest bit up. Unused bits of the last byte are zero.

    Args:
        indices: Any shape; taken in C order.
        levels: 3, or a power of two up to 256.

    Returns:
        As many bytes as :func:`objectives.model_size.packed_bytes` says.
    """
    flat = indices.astype(np.uint8).ravel()
    if levels == 3:
        padded = np.pad(flat, (0, -len(flat) % TRITS_PER_BYTE)).reshape(-1, TRITS_PER_BYTE)
        return (padded @ POWERS_OF_THREE).astype(np.uint8)
    return np.packbits((flat[:, None] >> np.arange(bits_of(levels))) & 1, bitorder="little")


def unpack(packed: NDArray[np.uint8], *, levels: int, n: int) -> NDArray[np.uint8]:
    """The first ``n`` of the numbers that :func:`pack` packed, ``(n,)``."""
    if levels == 3:
        trits = packed[:, None] // POWERS_OF_THREE % 3
        return trits.ravel()[:n].astype(np.uint8)
    bits = bits_of(levels)
    rows = np.unpackbits(packed, count=n * bits, bitorder="little").reshape(n, bits)
    return (rows @ (1 << np.arange(bits))).astype(np.uint8)


def bits_of(levels: int) -> int:
    """Bits of a number from 0 to ``levels - 1``, for a power of two."""
    return levels.bit_length() - 1
