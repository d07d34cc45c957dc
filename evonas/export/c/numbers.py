"""Numbers that are no weights in C: floats, or whole numbers with an exponent; and norms that need no floats at all."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.precision import FLOAT, NUMBERS, Precision
from evonas.architecture.stored_numbers import of_shifts, vector_bytes
from evonas.export.c.thresholds import most_sum
from evonas.nets.frozen import Floats, FrozenConv
from evonas.nets.packing.numbers import DEEPEST, stored

Array = NDArray[Any]
EXACT = 2**24  # whole numbers up to here are float32 numbers
WIDEST = 24  # bits by which numbers are moved
MOST_LEVELS = 4  # that thresholds make
POWERS = NUMBERS["power-of-two"]


class Vector(NamedTuple):
    """What is written of some numbers: floats, whole ones or packed powers of two; and the exponent of their unit."""

    array: Array
    exponent: int


class WholeNorm(NamedTuple):
    """A norm in front of a quantizer in whole numbers: ``x * scale + (shift << up)``, of which a code is ``1 << down``.

    Both follow from the exponents of scales and shifts.

    Attributes:
        above: A threshold, in such numbers: what is larger is above it; 0 for rules that have none.
    """

    above: int


class WholeSums(NamedTuple):
    """What becomes of sums in whole numbers, of which a number of a tensor is ``1 << down``.

    Attributes:
        scale: Of all sums; 0 where a norm or each filter has scales.
        down: By how many bits results are moved.
    """

    scale: int
    down: int


def c_vector(values: Floats, precision: Precision) -> Vector:
    """A vector as it is stored."""
    parts = stored(values, precision)
    exponent = int(parts["exponent"][0]) if "exponent" in parts else 0
    return Vector(parts[""], exponent - DEEPEST if precision == POWERS else exponent)


def c_norm(norm: Floats, precision: Precision) -> tuple[Array, str]:
    """Scales of a norm, behind them its shifts; and the exponents of both as C."""
    scale, shift = c_vector(norm[0], precision), c_vector(norm[1], of_shifts(precision))
    exponent = shift.exponent if shift.array.any() else scale.exponent  # so that nothing is moved
    arrays = [part.array.view(np.uint8) if precision == POWERS else part.array for part in (scale, shift)]
    return np.concatenate(arrays), f"{{{scale.exponent}, {exponent}}}"


def stored_bytes(conv: FrozenConv, *, has_front: bool, has_back: bool) -> int:
    """Bytes of the numbers that C keeps of a convolution.

    Args:
        conv: The convolution.
        has_front: Whether it needs what makes codes of a tensor, and not only what a code is worth.
        has_back: Whether it needs what makes numbers of its sums.
    """
    at, other, found = conv.op.steps.index("conv"), of_shifts(conv.scale_precision), 0
    for name, (vector, precision) in conv.vectors.items():
        place = name.removeprefix("norm").partition(".")[0]
        is_front = name == "act" or (name.startswith("norm") and int(place) < at)
        n = len(vector) if (has_front if is_front else has_back) else 0
        found += vector_bytes(n, precision.bits)
    has_step = conv.act is not None and len(conv.act.numbers) > 0 and not conv.act.is_taken_up
    return found + (vector_bytes(1, other.bits) if has_step and not has_front else 0)


def has_whole_norm(conv: FrozenConv) -> bool:
    """Whether a norm of few bits is all that stands between a tensor of few bits and codes of it.

    Then it takes the place of thresholds for the tensor's numbers, if it takes no more bytes than they do.
    """
    act, steps = conv.act, conv.op.steps[: conv.op.steps.index("conv")]
    if act is None or act.rule == "per_image" or steps not in (("norm", "quant"), ("standardize", "quant")):
        return False
    scale, shift = conv.norm_precision.bits, of_shifts(conv.norm_precision).bits
    levels = 2 if act.rule == "sign" else act.high - act.low + 1
    return scale < FLOAT.bits and (levels > MOST_LEVELS or scale + shift <= 16 * (levels - 1))


def whole_norm(conv: FrozenConv, low: int, high: int) -> WholeNorm | None:
    """Whole numbers for a norm that has them, where every number of a tensor gives exactly what floats give; or None.

    Args:
        conv: The convolution behind it, in units of the tensor.
        low, high: The smallest and the largest number of the tensor.
    """
    act = conv.act
    assert act is not None
    scale = c_vector(conv.norms[0][0], conv.norm_precision)
    shift = c_vector(conv.norms[0][1], of_shifts(conv.norm_precision))
    grid, up = scale.exponent, shift.exponent - scale.exponent if shift.array.any() else 0
    factors, summands = (np.ldexp(row.astype(np.float64), -grid) for row in conv.norms[0])
    products = np.abs(factors) * max(-low, high)
    is_exact = bool((products + np.abs(summands) <= EXACT).all())
    above = 0.0
    if act.rule == "threshold":
        first = float(np.float32(act.numbers[0]))
        is_exact &= (
            first >= 0 and act.scale == 1 and (first == 1 or act.low == 0) and math.ldexp(first + 1, -grid) < EXACT
        )
        is_exact &= np.float32(first + 1) == first + 1
        above = math.floor(math.ldexp(first, -grid)) if is_exact else 0
    if act.rule == "round":
        is_exact &= act.scale == 1
    if not is_exact or not 0 <= up < WIDEST or not 0 < -grid < WIDEST:
        return None
    return WholeNorm(int(above))


def has_whole_sums(conv: FrozenConv) -> bool:
    """Whether sums of codes become numbers of few bits by numbers of few bits alone, and by few enough bits.

    Behind them stands a norm, or their scale, and nothing else but a ReLU.
    """
    steps = conv.op.steps[conv.op.steps.index("conv") + 1 :]
    has_norm = steps[:1] in (("norm",), ("standardize",))
    rest = steps[has_norm:]
    precision = conv.norm_precision if has_norm else conv.scale_precision
    act = conv.act
    is_one = act is not None and (act.is_taken_up or act.rule == "sign")  # what a code is worth
    is_plain = is_one and conv.bias is None and rest in ((), ("relu",))
    if not is_plain or not conv.kernel.levels or len(conv.kernel.terms) > 1 or precision.is_float:
        return False
    return bool(most_sum(conv) << (DEEPEST if precision == POWERS else precision.bits - 1) <= EXACT)


def whole_sums(conv: FrozenConv, largest: int, *, added: int) -> WholeSums | None:
    """Whole numbers for sums that have them, where each gives exactly what floats give; or None.

    Args:
        conv: The convolution, in units of the tensor that it writes.
        largest: What no sum exceeds.
        added: What numbers of other tensors that are added to it do not exceed together.
    """
    at = conv.op.steps.index("conv")
    if conv.kernel.is_taken_up:
        (scales, shifts), precision = conv.norms[at + 1], conv.norm_precision
        shift = c_vector(shifts, of_shifts(precision))
    else:
        scales, shifts, precision = conv.kernel.scales, np.zeros(1, dtype=np.float32), conv.scale_precision
        shift = Vector(shifts, 0)
    down = -c_vector(scales, precision).exponent
    up = shift.exponent + down if shifts.any() else 0
    wholes, summands = (np.ldexp(row.astype(np.float64), down) for row in (scales, shifts))
    is_exact = bool((np.abs(wholes) * largest + np.abs(summands) + math.ldexp(added, down) <= EXACT).all())
    is_exact &= bool((wholes == np.rint(wholes)).all())
    if not is_exact or not 0 <= up < WIDEST or not 0 < down < WIDEST:
        return None
    is_one = not conv.kernel.is_taken_up and len(scales) == 1
    return WholeSums(int(wholes[0]) if is_one else 0, down)
