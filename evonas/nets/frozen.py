"""A trained network as plain numbers: integer codes, scales, folded batch norm. Every export format is written from it.

What it computes is defined here once, down to the rounding, so that all formats give the same numbers:

- a convolution adds up whole numbers (codes of weights times codes of activations), which is exact in any order; its
  result is multiplied by ``scale of the weights * scale of the activations``, itself rounded to float32 once;
- a first layer reads the codes of the input (pixels, 0 to 255, or standardised numbers) and divides its weights' scale
  by how many of them stand for 1;
- a folded norm is ``x * scale + shift``, two operations, each rounded;
- where tensors are kept in few bits, the outputs of :attr:`Architecture.is_rounded` are
  ``step * round(clip(x / step, low, high))``, halves to even; the step is a power of two, so that is exact;
- sums of floats have a fixed order: see :mod:`evonas.nets.integer_network`.

Where a layer's weights or activations stay float, sums depend on the runtime in their last bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import INPUT, Architecture, Op, Shape
from evonas.architecture.input_codes import PIXELS, InputCodes
from evonas.nets.packing import pack
from evonas.nets.quant.activation_rule import ActivationRule

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Kernel:
    """The weights of one convolution.

    Attributes:
        values: ``(planes, out, in / groups, side, side)``; codes as int16, or float32 where ``levels`` is 0. Planes are
            kernels whose results are added up.
        levels: Distinct codes: 2, 3, or a power of two; 0 for float weights.
        low, stride: Codes are ``low + stride * index`` with an index from 0 to ``levels - 1``.
        scales: What a code is worth, float32.
        per: What has a scale of its own: a ``plane``, a ``filter``, or a ``sign`` (that of positive, then of negative
            codes).
    """

    values: NDArray[np.int16] | Floats
    levels: int
    low: int = 0
    stride: int = 1
    scales: Floats = field(default_factory=lambda: np.ones(1, dtype=np.float32))
    per: Literal["plane", "filter", "sign"] = "plane"

    @property
    def stored(self) -> NDArray[np.uint8] | Floats:
        """What a file stores of the weights beside the scales: packed indices, or floats."""
        if self.levels == 0:
            return self.values.astype(np.float32).ravel()
        return pack((self.values.astype(np.int64) - self.low) // self.stride, levels=self.levels)

    @property
    def terms(self) -> list[tuple[NDArray[np.int16] | Floats, Floats]]:
        """Kernels ``(out, in / groups, side, side)`` and what their results are worth, a scalar or ``(out,)``.

        The convolution's result is the sum over these, in this order. Two scales by sign make two kernels.
        """
        if self.per == "filter":
            return [(self.values[0], self.scales)]
        if self.per == "sign":
            halves = (np.maximum(self.values[0], 0), np.minimum(self.values[0], 0))
            return list(zip(halves, self.scales, strict=True))
        return list(zip(self.values, self.scales, strict=True))


@dataclass(frozen=True, eq=False)
class FrozenConv:
    """One convolution with the module around it.

    Attributes:
        op: Its structure; see :class:`evonas.architecture.graph.Op`.
        source: Shape of what it reads.
        kernel: Its weights.
        act: How its quantizer makes codes; None where activations stay float, or are the codes of the input.
        norms: Scale and shift ``(2, channels)`` of each norm, by its place in ``op.steps``.
        bias: ``(out,)``, or None.
        prelu: Slope, shift before and shift after, ``(3, out)``, or None.
        image: The codes of the input, where it convolves them as they are; None for all other layers.
    """

    op: Op
    source: Shape
    kernel: Kernel
    act: ActivationRule | None = None
    norms: Mapping[int, Floats] = field(default_factory=dict)
    bias: Floats | None = None
    prelu: Floats | None = None
    image: InputCodes | None = None

    @property
    def stored(self) -> dict[str, NDArray[np.uint8] | Floats]:
        """Everything that a file must store of it, by name; its bytes add up to the layer's share of ``model_size``."""
        arrays: dict[str, NDArray[np.uint8] | Floats] = {"weight": self.kernel.stored}
        if self.kernel.levels:
            arrays["scales"] = self.kernel.scales
        if self.act is not None and self.act.numbers:
            arrays["act"] = self.act.stored
        arrays |= {f"norm{place}": norm for place, norm in self.norms.items()}
        arrays |= {name: array for name in ("bias", "prelu") if (array := getattr(self, name)) is not None}
        return arrays

    def multiplier(self, scale: Floats, *, act_scale: np.float32 | None) -> Floats:
        """What one unit of the whole-number sum is worth: ``scale * act_scale``, or ``scale / 255`` behind pixels."""
        if self.image is not None:
            return (scale / np.float32(self.image.per_one)).astype(np.float32)
        return scale if act_scale is None else (scale * act_scale).astype(np.float32)


def reads_codes(op: Op) -> bool:
    """Whether a convolution reads the codes of the input as they are; a shortcut adds what they stand for."""
    return op.inputs[0] == INPUT and op.steps[0] == "conv" and "shortcut" not in op.steps


@dataclass(frozen=True, eq=False)
class FrozenNetwork:
    """A whole network, from pixels or other numbers to logits.

    Attributes:
        architecture: The graph of operations.
        convs: Its convolutions by name.
        facts: Where it comes from: genome, seed, run, and so on; texts.
        codes: How its input is written.
        step: What one unit of a tensor between layers is worth, a power of two; None where these are floats.
    """

    architecture: Architecture
    convs: Mapping[str, FrozenConv]
    facts: Mapping[str, str] = field(default_factory=dict)
    codes: InputCodes = PIXELS
    step: np.float32 | None = None

    @property
    def stream_range(self) -> tuple[int, int]:
        """Smallest and largest unit of a tensor between layers that is no float."""
        half = self.architecture.stream.levels // 2
        return -half, half - 1

    @property
    def stored_bytes(self) -> dict[str, int]:
        """Bytes that the input and each convolution store, by name."""
        convs = {name: sum(array.nbytes for array in conv.stored.values()) for name, conv in self.convs.items()}
        n_input = self.codes.n_stored + (self.step is not None)
        return ({INPUT: 4 * n_input} if n_input else {}) | convs
