"""Numbers that are no weights, as a file stores them: floats, or whole numbers that share an exponent.

A vector is ``m * 2^e``, one exponent ``e`` for all, or, as powers of two, ``± 2^(e - k)`` with ``k`` from 0 to 7. Such
numbers are floats, too, so whatever reads them back computes with the very same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.precision import EIGHT_BIT, NUMBERS, Precision
from evonas.nets.packing.codes import pack, unpack

Floats = NDArray[np.float32]
Stored = NDArray[np.int8 | np.int16 | np.uint8 | np.float32]
POWERS = NUMBERS["power-of-two"]
DEEPEST = 7  # powers of two below the largest
LEAST_EXPONENT = -100  # far from where float32 loses digits


def rounded(values: Floats, precision: Precision) -> Floats:
    """The nearest numbers that can be stored, of a vector ``(n,)``; halves to even. Rounding twice changes nothing."""
    if precision.is_float or not len(values):
        return values.astype(np.float32)
    numbers, exponent = _whole(values, precision)
    return _floats(numbers, exponent, precision)


def stored(values: Floats, precision: Precision) -> dict[str, Stored]:
    """What a file stores of a vector ``(n,)`` that was rounded: its numbers, and an ``exponent`` if they have one."""
    if precision.is_float:
        return {"": values.astype(np.float32)}
    numbers, exponent = _whole(values, precision)
    packed: Stored
    if precision == POWERS:
        packed = pack(numbers, levels=POWERS.levels)
    else:
        packed = numbers.astype(np.int8 if precision == EIGHT_BIT else np.int16)
    return {"": packed, "exponent": np.array([exponent], dtype=np.int8)}


def read(numbers: Stored, exponent: NDArray[np.int8] | None, precision: Precision, *, n: int) -> Floats:
    """The vector ``(n,)`` that :func:`stored` stored."""
    if precision.is_float or exponent is None:
        return numbers.astype(np.float32)
    whole = unpack(numbers.astype(np.uint8), levels=POWERS.levels, n=n) if precision == POWERS else numbers
    return _floats(whole.astype(np.int64), int(exponent[0]), precision)


def _whole(values: Floats, precision: Precision) -> tuple[NDArray[np.int64], int]:
    """Whole numbers, or codes of powers of two, and the exponent."""
    numbers = values.astype(np.float64)
    largest = float(np.abs(numbers).max())
    if precision == POWERS:
        exponents = np.floor(np.log2(np.maximum(np.abs(numbers), 2.0**LEAST_EXPONENT) * 4 / 3)).astype(np.int64)
        exponent = int(exponents.max())
        return np.minimum(exponent - exponents, DEEPEST) + (DEEPEST + 1) * (numbers < 0), exponent
    most = precision.levels // 2 - 1
    exponent = max(int(np.frexp(largest)[1]) - precision.bits + 1, LEAST_EXPONENT)
    if np.rint(np.ldexp(largest, -exponent)) > most:
        exponent += 1
    return np.rint(np.ldexp(numbers, -exponent)).astype(np.int64), exponent


def _floats(numbers: NDArray[np.int64], exponent: int, precision: Precision) -> Floats:
    if precision == POWERS:
        sign = np.where(numbers > DEEPEST, -1.0, 1.0)
        return np.ldexp(sign, exponent - numbers % (DEEPEST + 1)).astype(np.float32)
    return np.ldexp(numbers.astype(np.float64), exponent).astype(np.float32)


def exponent_of(power: np.float32) -> int:
    """The exponent of a power of two."""
    return int(np.frexp(power)[1]) - 1
