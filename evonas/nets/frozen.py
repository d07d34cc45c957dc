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
from evonas.architecture.precision import FLOAT, Precision
from evonas.architecture.stored_numbers import input_bytes, of_shifts
from evonas.nets.packing.codes import pack
from evonas.nets.packing.numbers import Stored, stored
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
        is_taken_up: Whether the norm behind took up the scale, which is 1 then, and is not stored.
    """

    values: NDArray[np.int16] | Floats
    levels: int
    low: int = 0
    stride: int = 1
    scales: Floats = field(default_factory=lambda: np.ones(1, dtype=np.float32))
    per: Literal["plane", "filter", "sign"] = "plane"
    is_taken_up: bool = False

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
        norm_precision, scale_precision: How norms are stored, and all other numbers; all are rounded to that already.
    """

    op: Op
    source: Shape
    kernel: Kernel
    act: ActivationRule | None = None
    norms: Mapping[int, Floats] = field(default_factory=dict)
    bias: Floats | None = None
    prelu: Floats | None = None
    image: InputCodes | None = None
    norm_precision: Precision = FLOAT
    scale_precision: Precision = FLOAT

    @property
    def vectors(self) -> dict[str, tuple[Floats, Precision]]:
        """Every vector that is stored of it beside the weights, and how, by name."""
        norms, scales = self.norm_precision, self.scale_precision
        found: dict[str, tuple[Floats, Precision]] = {}
        if self.kernel.levels and not self.kernel.is_taken_up:
            found["scales"] = self.kernel.scales, scales
        if self.act is not None and len(self.act.stored):
            found["act"] = self.act.stored, of_shifts(scales)
        for place, norm in self.norms.items():
            found |= {f"norm{place}": (norm[0], norms), f"norm{place}.shift": (norm[1], of_shifts(norms))}
        if self.bias is not None:
            found["bias"] = self.bias, of_shifts(scales)
        if self.prelu is not None:
            names = ("prelu", "prelu.before", "prelu.after")
            found |= {name: (row, of_shifts(norms)) for name, row in zip(names, self.prelu, strict=True)}
        return found

    @property
    def stored(self) -> dict[str, Stored]:
        """Everything that a file must store of it, by name; its bytes add up to the layer's share of ``model_size``."""
        arrays: dict[str, Stored] = {"weight": self.kernel.stored}
        for name, (vector, precision) in self.vectors.items():
            arrays |= {f"{name}.{part}".strip("."): array for part, array in stored(vector, precision).items()}
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
        n_input = input_bytes(self.codes.n_stored, self.architecture.stream.bits)
        return ({INPUT: n_input} if n_input else {}) | convs
