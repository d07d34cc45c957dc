"""Three ways to store codes in ONNX: packed bytes, integers of few bits with DequantizeLinear, and QONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from evonas.architecture.input_codes import InputCodes
from evonas.export.onnx.graph import Dialect
from evonas.export.onnx.nodes import Nodes
from evonas.nets.frozen import FrozenConv
from evonas.nets.packing import POWERS_OF_THREE, bits_of
from evonas.nets.quant.activation_rule import ActivationRule

QONNX = "qonnx.custom_op.general"


class Packed(Dialect):
    """Plain ONNX: weights are packed into uint8 and unpacked by standard operators, once when a session starts.

    1 bit per binary, 1.6 per ternary and k per k-bit weight: as many bytes as ``model_size`` says.
    """

    def codes(self, conv: FrozenConv, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        kernel = conv.kernel
        n = int(kernel.values.size)
        packed = nodes.add("Cast", nodes.initializer(f"{conv.op.name}/weight", kernel.stored), to=TensorProto.INT32)
        column = nodes.add("Unsqueeze", packed, nodes.constant(np.array([1])))
        flat = nodes.constant(np.array([-1]))
        if kernel.levels == 3:
            digits = _digits(column, POWERS_OF_THREE, 3, nodes)
            indices = nodes.slice(nodes.add("Reshape", digits, flat), 0, n, axis=0)
        else:
            bits = bits_of(kernel.levels)
            stream = nodes.add("Reshape", _digits(column, 2 ** np.arange(8), 2, nodes), flat)
            rows = nodes.add("Reshape", nodes.slice(stream, 0, n * bits, axis=0), nodes.constant(np.array([n, bits])))
            weighted = nodes.add("Mul", rows, nodes.constant((2 ** np.arange(bits)).astype(np.int32)))
            indices = nodes.add("ReduceSum", weighted, nodes.constant(np.array([1])), keepdims=0)
        steps = nodes.add("Mul", nodes.add("Cast", indices, to=TensorProto.FLOAT), nodes.number(kernel.stride))
        return nodes.add("Reshape", nodes.add("Add", steps, nodes.number(kernel.low)), _shape(conv, nodes))


class Qdq(Dialect):
    """Weights as INT2, INT4 or INT8 with DequantizeLinear; activations through QuantizeLinear and back.

    Scales stand outside, behind the convolution, so that sums are of whole numbers and the same in every runtime. Codes
    of weights take the smallest type that holds them (INT16 for 8-bit SAWB, whose codes go to 255).
    """

    opset = 25  # that of INT2
    ir_version = 13

    def codes(self, conv: FrozenConv, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        values = conv.kernel.values
        tensor = helper.make_tensor(f"{conv.op.name}/weight", integer_type(conv), values.shape, values.ravel().tolist())
        return nodes.add("DequantizeLinear", nodes.tensor(tensor), nodes.number(1))

    def marked(self, codes: str, act: ActivationRule, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        zero = nodes.constant(np.array(0, dtype=np.uint8 if act.low >= 0 else np.int8))
        one = nodes.number(1)
        return nodes.add("DequantizeLinear", nodes.add("QuantizeLinear", codes, one, zero), one, zero)


class Qonnx(Dialect):
    """ONNX with quantizers as operators, for FINN and other readers of QONNX; an interchange format, not a small one.

    Weights are codes in float32 behind ``Quant`` or ``BipolarQuant`` of scale 1, which keeps binary layers bipolar; the
    scales stand behind the convolution. Pixels are floats annotated as UINT8, one image per call.

    References:
        Pappalardo 2022, arXiv 2206.07527.
    """

    opset = 20
    domains: ClassVar[dict[str, int]] = {QONNX: 1}
    pixel_type = TensorProto.FLOAT
    batch = 1

    def codes(self, conv: FrozenConv, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        kernel = conv.kernel
        weight = nodes.initializer(f"{conv.op.name}/weight", kernel.values.astype(np.float32))
        if kernel.levels == 2:
            return nodes.add("BipolarQuant", weight, nodes.number(1), domain=QONNX)
        return _quant(weight, kernel.low, kernel.low + kernel.stride * (kernel.levels - 1), nodes)

    def apply_rule(self, act: ActivationRule, x: str, numbers: Sequence[str], nodes: Nodes) -> str:
        """See :class:`Dialect`; its quantizers clip and round themselves."""
        if act.rule == "sign":
            return self.marked(x, act, nodes)
        if act.rule == "round" and _format(act.low, act.high).span == (act.low, act.high):
            return self.marked(nodes.add("Div", x, numbers[0]), act, nodes)
        return super().apply_rule(act, x, numbers, nodes)

    def marked(self, codes: str, act: ActivationRule, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        if act.rule == "sign":
            return nodes.add("BipolarQuant", codes, nodes.number(1), domain=QONNX)
        return _quant(codes, act.low, act.high, nodes)

    def marked_input(self, codes: str, form: InputCodes, nodes: Nodes) -> str:
        """See :class:`Dialect`."""
        return _quant(codes, form.low, form.high, nodes)


class _Format(NamedTuple):
    """Attributes of ``Quant``, and the codes that it clips to."""

    bits: int
    is_signed: bool
    is_narrow: bool

    @property
    def span(self) -> tuple[int, int]:
        if not self.is_signed:
            return 0, 2**self.bits - 1
        return self.is_narrow - 2 ** (self.bits - 1), 2 ** (self.bits - 1) - 1


def _format(low: int, high: int) -> _Format:
    """The narrowest format that holds codes from ``low`` to ``high``."""
    is_signed = low < 0
    bits = max(high.bit_length() + is_signed, (-low - 1).bit_length() + 1 if is_signed and low != -high else 0)
    return _Format(bits, is_signed, is_signed and low == -high)


def _quant(codes: str, low: int, high: int, nodes: Nodes) -> str:
    form = _format(low, high)
    how: dict[str, Any] = {"signed": int(form.is_signed), "narrow": int(form.is_narrow), "rounding_mode": "ROUND"}
    numbers = (nodes.number(1), nodes.number(0), nodes.number(form.bits))
    return nodes.add("Quant", codes, *numbers, domain=QONNX, **how)


INTEGERS = {TensorProto.INT2: 2, TensorProto.INT4: 4, TensorProto.INT8: 8, TensorProto.INT16: 16}


def integer_type(conv: FrozenConv) -> int:
    """Smallest type of ONNX that holds a layer's codes."""
    low, high = int(conv.kernel.values.min()), int(conv.kernel.values.max())
    return next(kind for kind, bits in INTEGERS.items() if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1))


def _digits(column: str, powers: np.ndarray, base: int, nodes: Nodes) -> str:
    quotients = nodes.add("Div", column, nodes.constant(powers.astype(np.int32)))
    return nodes.add("Mod", quotients, nodes.constant(np.array(base, dtype=np.int32)))


def _shape(conv: FrozenConv, nodes: Nodes) -> str:
    return nodes.constant(np.array(conv.kernel.values.shape))
