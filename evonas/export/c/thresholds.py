"""Integer thresholds: from a convolution's whole-number sum straight to the code that the next one reads.

Between the two stand norms, a bias, a ReLU or PReLU and an activation rule: along the sums they only rise or only
fall. So the float arithmetic is done once, at export; what is left are the sums at which the code changes. They are
found by bisection over what :mod:`evonas.nets.integer_network` computes, so that not one code differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.errors import ExportError
from evonas.export.c.kernels.choice import row_length
from evonas.nets.frozen import Floats, FrozenConv
from evonas.nets.integer_network import apply_rule
from evonas.nets.quant.activation_rule import ActivationRule

MOST_THRESHOLDS = 3  # per channel; more take more bytes than the floats that they replace
LARGEST_SUM = 2**31 - 1
NARROW = 2**15 - 1  # what 16 bits hold


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds of one convolution.

    Attributes:
        sums: int32 ``(filters, levels - 1)``, rising: the code's index is the number of them that a sum reaches.
        is_falling: ``(filters,)``: where true, it is the number of them that a sum does not reach.
    """

    sums: NDArray[np.int32]
    is_falling: NDArray[np.bool_]


def sums_are_whole(conv: FrozenConv) -> bool:
    """Whether it adds up codes times codes."""
    return conv.kernel.levels > 0 and (conv.act is not None or conv.image is not None)


def largest_sum(conv: FrozenConv) -> int:
    """What no sum of codes can exceed, whatever the image; 0 where sums are floats.

    Raises:
        ExportError: It does not fit into 32 bits.
    """
    if not sums_are_whole(conv):
        return 0
    codes = conv.act or conv.image
    assert codes is not None  # since its sums are whole
    most = max(-codes.low, codes.high)
    sums = [np.abs(kernel.astype(np.int64)).reshape(len(kernel), -1).sum(axis=1) for kernel, _ in conv.kernel.terms]
    largest = int(max(one.max() for one in sums)) * most
    if largest > LARGEST_SUM:
        raise ExportError(
            f"sums of codes within 32 bits in {conv.op.name}",
            found=f"up to {largest}",
            remedy="export a network with fewer channels or fewer bits in this layer, or to another format",
        )
    return largest


def most_sum(conv: FrozenConv) -> int:
    """What no sum of codes can exceed, whatever the image and the weights."""
    codes = 255 if conv.act is None else max(-conv.act.low, conv.act.high)
    weights = 1 if conv.kernel.levels == 3 else conv.kernel.levels - 1
    return row_length(conv) * weights * codes


def is_wide(conv: FrozenConv) -> bool:
    """Whether thresholds for its sums may need more than 16 bits, whatever its weights are."""
    return most_sum(conv) >= NARROW


def find_thresholds(conv: FrozenConv, reader: FrozenConv) -> Thresholds | None:
    """Thresholds for the sums of ``conv``, whose output only ``reader`` reads; None where floats are better.

    They are used where there are up to four levels, one sum per filter, and nothing that both rises and falls.
    """
    largest, act = largest_sum(conv), reader.act
    assert act is not None
    levels = 2 if act.rule == "sign" else act.high - act.low + 1
    is_monotone = conv.prelu is None or bool((conv.prelu[0] >= 0).all())
    if not largest or len(conv.kernel.terms) > 1 or levels - 1 > MOST_THRESHOLDS or not is_monotone:
        return None
    if "shortcut" in conv.op.steps or (conv.act is not None and conv.act.scale is None):
        return None
    ends = [code_indices(conv, reader, np.full(conv.op.channels, end, dtype=np.int64)) for end in (-largest, largest)]
    is_falling = ends[0] > ends[1]
    low = np.full((conv.op.channels, levels - 1), -largest - 1, dtype=np.int64)  # not reached yet
    high = np.full_like(low, largest + 1)  # reached; a threshold that stays here is never met
    wanted = np.arange(1, levels)
    while (high - low > 1).any():
        middle = (low + high) // 2
        index = np.stack([code_indices(conv, reader, column) for column in middle.T], axis=1)
        index = np.where(is_falling[:, None], levels - 1 - index, index)
        is_reached = index >= wanted
        high, low = np.where(is_reached, middle, high), np.where(is_reached, low, middle)
    return Thresholds(np.minimum(high, LARGEST_SUM).astype(np.int32), is_falling)


def find_limits(reader: FrozenConv, low: int, high: int) -> Thresholds | None:
    """Thresholds for the numbers of a tensor, from ``low`` to ``high``, that ``reader`` makes codes of.

    None where it does not do so number by number, or makes of more than four levels. ``sums`` are the numbers, and
    ``filters`` the channels that it reads.
    """
    act, steps = reader.act, reader.op.steps[: reader.op.steps.index("conv")]
    if act is None or act.rule == "per_image" or "pool" in steps:
        return None
    levels = 2 if act.rule == "sign" else act.high - act.low + 1
    if levels - 1 > MOST_THRESHOLDS:
        return None
    numbers = np.arange(low, high + 1, dtype=np.float32)[:, None]
    y = np.repeat(numbers, reader.source.channels, axis=1)
    for place, step in enumerate(steps[:-1]):
        y = _norm_or_relu(y, reader.norms.get(place)) if step != "quant" else y
    index = _index(act, np.ascontiguousarray(y, dtype=np.float32))
    is_falling = index[0] > index[-1]
    index = np.where(is_falling, levels - 1 - index, index)
    reached = [low + (index < level).sum(axis=0) for level in range(1, levels)]
    return Thresholds(np.stack(reached, axis=1).astype(np.int32), is_falling)


def code_indices(conv: FrozenConv, reader: FrozenConv, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the code that ``reader`` makes of a sum of each filter of ``conv``, ``(filters,)``; by floats."""
    assert reader.act is not None
    scale = conv.multiplier(conv.kernel.scales, act_scale=None if conv.act is None else conv.act.scale)
    y = sums.astype(np.float32) * scale
    if conv.bias is not None:
        y = y + conv.bias
    places = np.arange(conv.op.channels)
    conv_at = conv.op.steps.index("conv")
    for place, step in enumerate(conv.op.steps):
        if place > conv_at:
            match step:
                case "shuffle":
                    places = places.reshape(conv.op.groups, -1).T.ravel()
                    y = y[places]
                case "prelu":
                    assert conv.prelu is not None
                    slope, before, after = conv.prelu
                    y = y + before
                    y = np.where(y >= 0, y, slope * y) + after
                case _:
                    y = _norm_or_relu(y, conv.norms.get(place))
    for place, step in enumerate(reader.op.steps[: reader.op.steps.index("quant")]):
        assert step != "shuffle"
        y = _norm_or_relu(y, reader.norms.get(place))
    index = np.empty(len(y), dtype=np.int64)
    index[places] = _index(reader.act, y.astype(np.float32))
    return index


def _norm_or_relu(y: Floats, norm: Floats | None) -> Floats:
    return np.maximum(y, np.float32(0)) if norm is None else y * norm[0] + norm[1]


def _index(act: ActivationRule, y: Floats) -> NDArray[np.int64]:
    codes = apply_rule(act, torch.from_numpy(y))[0].numpy().astype(np.int64)
    return (codes - act.low) // (2 if act.rule == "sign" else 1)
