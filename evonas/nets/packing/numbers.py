"""Numbers that are no weights, as a file stores them: floats, or whole numbers that share an exponent.

A vector is ``m * 2^e``, one exponent ``e`` for all, or, as powers of two, ``± 2^(e - k)`` with ``k`` from 0 to 7. Such
numbers are floats, too, so whatever reads them back computes with the very same.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.architecture.precision import EIGHT_BIT, NUMBERS, Precision
from evonas.nets.packing.codes import pack, unpack

Floats = NDArray[np.float32]
Stored = NDArray[np.int8 | np.int16 | np.uint8 | np.float32]
POWERS = NUMBERS["power-of-two"]
DEEPEST = 7  # powers of two below the largest
CLIPPED = 12  # powers of two, at the most, that the largest number may lie beyond the largest that is kept
LEAST_EXPONENT = -100  # far from where float32 loses digits


def rounded(values: Tensor, precision: Precision, *, weights: Tensor | None = None) -> Tensor:
    """The nearest numbers that can be stored, of a vector ``(n,)``. Rounding twice changes nothing.

    Args:
        values: The vector.
        precision: How it is stored.
        weights: What an error of each number costs, ``(n,)``. The exponent is the one of the least squared error: large
            numbers of little weight are clipped, so that the others keep their digits. None: nothing is clipped.
    """
    if precision.is_float or not len(values):
        return values
    numbers = values.double()
    least = _least_exponent(numbers.abs().max(), precision)
    if weights is None:
        return _near(numbers, least, precision).to(values.dtype)
    exponents = least - torch.arange(CLIPPED, device=values.device).view(-1, 1)
    found = _near(numbers, exponents, precision)
    errors = (((found - numbers) * weights) ** 2).sum(1)
    return found[errors.argmin()].to(values.dtype)


def stored(values: Floats, precision: Precision) -> dict[str, Stored]:
    """What a file stores of a vector ``(n,)`` that was rounded: its numbers, and an ``exponent`` if they have one."""
    if precision.is_float:
        return {"": values.astype(np.float32)}
    numbers = torch.from_numpy(values).double()
    exponent = _least_exponent(numbers.abs().max(), precision)
    whole = _whole(numbers, exponent, precision).numpy()
    packed: Stored
    if precision == POWERS:
        packed = pack(int(exponent) - whole + (DEEPEST + 1) * (values < 0), levels=POWERS.levels)
    else:
        packed = whole.astype(np.int8 if precision == EIGHT_BIT else np.int16)
    return {"": packed, "exponent": np.array([int(exponent)], dtype=np.int8)}


def read(numbers: Stored, exponent: NDArray[np.int8] | None, precision: Precision, *, n: int) -> Floats:
    """The vector ``(n,)`` that :func:`stored` stored."""
    if precision.is_float or exponent is None:
        return numbers.astype(np.float32)
    whole = unpack(numbers.astype(np.uint8), levels=POWERS.levels, n=n) if precision == POWERS else numbers
    return _floats(whole.astype(np.int64), int(exponent[0]), precision)


def _least_exponent(largest: Tensor, precision: Precision) -> Tensor:
    """The smallest exponent with which nothing is clipped."""
    if precision == POWERS:
        return _nearest_power(largest)
    exponent = (torch.frexp(largest).exponent - precision.bits + 1).clamp_min(LEAST_EXPONENT)
    return exponent + ((largest * _power(-exponent)).round() > precision.levels // 2 - 1)


def _nearest_power(magnitudes: Tensor) -> Tensor:
    return torch.floor(torch.log2(magnitudes.clamp_min(2.0**LEAST_EXPONENT) * 4 / 3)).to(torch.int32)


def _whole(numbers: Tensor, exponent: Tensor, precision: Precision) -> Tensor:
    """Whole numbers, halves to even, or exponents of powers of two; clipped to what there is."""
    if precision == POWERS:
        return torch.minimum(torch.maximum(_nearest_power(numbers.abs()), exponent - DEEPEST), exponent)
    most = precision.levels // 2 - 1
    return (numbers * _power(-exponent)).round().clamp(-most, most)


def _power(exponent: Tensor) -> Tensor:
    return torch.pow(2.0, exponent.double())


def _near(numbers: Tensor, exponent: Tensor, precision: Precision) -> Tensor:
    whole = _whole(numbers, exponent, precision)
    if precision == POWERS:
        return torch.where(numbers < 0, -1.0, 1.0).to(numbers) * _power(whole)
    return whole * _power(exponent)


def _floats(numbers: NDArray[np.int64], exponent: int, precision: Precision) -> Floats:
    if precision == POWERS:
        sign = np.where(numbers > DEEPEST, -1.0, 1.0)
        return np.ldexp(sign, exponent - numbers % (DEEPEST + 1)).astype(np.float32)
    return np.ldexp(numbers.astype(np.float64), exponent).astype(np.float32)


def exponent_of(power: np.float32) -> int:
    """The exponent of a power of two."""
    return int(np.frexp(power)[1]) - 1
