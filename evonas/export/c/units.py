"""A network whose tensors between layers are counted in units: constants absorb their step, which is a power of two.

Numbers of a tensor are then what is stored, and nothing is multiplied where one is read or written. All that is
computed is what was computed before, times a power of two, so that no rounding changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.nets.frozen import FrozenConv, FrozenNetwork


def in_units(frozen: FrozenNetwork) -> FrozenNetwork:
    """The same network, all of whose operations read and write units; one of floats as it is.

    The last convolution gives logits, and not units, unless it has a shortcut or is added to a sum.
    """
    if frozen.step is None:
        return frozen
    convs = {
        name: _conv(conv, frozen.step, gives_units=gives_units(frozen, name)) for name, conv in frozen.convs.items()
    }
    return replace(frozen, convs=convs)


def gives_units(frozen: FrozenNetwork, name: str) -> bool:
    """Whether a convolution's results are in units, though it may give the logits."""
    return frozen.architecture.logits != name or "shortcut" in frozen.convs[name].op.steps


def _conv(conv: FrozenConv, step: np.float32, *, gives_units: bool) -> FrozenConv:
    at = conv.op.steps.index("conv")
    per_unit = np.float32(1 / step)
    norms = dict(conv.norms)
    act, worth = conv.act, np.float32(1)
    before = [place for place in norms if place < at]
    if before:
        norms[before[0]] = norms[before[0]] * np.array([[step], [1]], dtype=np.float32)
    elif conv.image is None:
        if act is not None and act.numbers:  # its scale, by which sums are multiplied, shrinks as well
            act = replace(act, numbers=tuple(float(np.float32(number) * per_unit) for number in act.numbers))
        if act is None or act.numbers or act.rule == "per_image":
            worth = step
    bias, prelu = conv.bias, conv.prelu
    if gives_units:
        worth = worth * per_unit
        bias = None if bias is None else bias * per_unit
        prelu = None if prelu is None else prelu * np.array([[1], [per_unit], [per_unit]], dtype=np.float32)
        shifted = np.array([[1], [per_unit]], dtype=np.float32)
        norms |= {place: norm * shifted for place, norm in norms.items() if place > at}
    kernel = conv.kernel
    if kernel.is_taken_up:  # by the norm behind
        norms[at + 1] = norms[at + 1] * np.array([[worth], [1]], dtype=np.float32)
    else:
        kernel = replace(kernel, scales=(kernel.scales * worth).astype(np.float32))
    return replace(conv, kernel=kernel, act=act, norms=norms, bias=bias, prelu=prelu)
