"""QONNX: ONNX with quantizers as operators, for FINN, hls4ml and other compilers that take any number of bits."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, StringStringEntryProto, TensorAnnotation, TensorProto

from evonas.architecture.fitting import Sides
from evonas.architecture.graph import Op, Shape
from evonas.export.onnx.compiler_graph import CompilerGraph, pool_window
from evonas.export.onnx.nodes import Initializers
from evonas.export.onnx.values import Codes, Rounding, Value
from evonas.nets.frozen import Floats, FrozenConv
from evonas.nets.quant.activation_rule import ActivationRule

ELEMENTWISE = ("Add", "Clip", "Div", "Greater", "GreaterOrEqual", "Mul", "Quant", "Relu", "Sign", "Sub")
QONNX = "qonnx.custom_op.general"


class QonnxGraph(CompilerGraph):
    """``Quant`` or ``BipolarQuant`` of scale 1 in front of each convolution, for its codes and its weights.

    So convolutions add whole numbers, and batch norms behind them hold all scales. Thresholds of each image's own and
    float activations stay float operations. Kernels of several planes, or with a scale for each sign, are several
    convolutions. Weights are codes in float32, pixels floats annotated as UINT8, one image per call.

    References:
        Pappalardo 2022, arXiv 2206.07527.
    """

    domains: ClassVar[dict[str, int]] = {QONNX: 1}
    pixel_type = TensorProto.FLOAT
    batch: ClassVar[int | str] = 1

    def input_codes(self, steps: str) -> Codes:
        """See :class:`CompilerGraph`."""
        form = self.frozen.codes
        unit = 1 / form.per_one
        return Codes(steps if form.standards is None else self._quant(steps, form.low, form.high), unit)

    def rounded(self, value: Value, how: Rounding, *, worth: float) -> Codes:
        """See :class:`CompilerGraph`.

        FINN takes codes without sign only behind a ReLU, and no compiler codes from 0 to 2, which a second ReLU cuts.
        """
        low, high, scale = how
        steps, form = value.moved(1 / scale, 0), _format(low, high)
        if low == 0:
            if high != form.span[1]:
                steps = self._relu(steps.moved(-1, high)).moved(-1, high)
            steps = self._relu(steps)
        elif form.span != (low, high):
            clipped = self.nodes.add("Clip", self.plain(steps), self.nodes.number(low), self.nodes.number(high))
            steps = Value(clipped, value.channels)
        return Codes(self._quant(self.plain(steps), low, high), worth)

    def kept(self, value: Value, how: Rounding) -> Value:
        """See :class:`CompilerGraph`."""
        steps = self._quant(self.plain(value.moved(1 / how.scale, 0)), how.low, how.high)
        return Value(steps, value.channels).moved(how.scale, 0)

    def marked(self, codes: str, act: ActivationRule) -> Codes:
        """See :class:`CompilerGraph`."""
        return Codes(self._quant(codes, act.low, act.high))

    def sign(self, value: Value, act: ActivationRule) -> Codes:
        """See :class:`CompilerGraph`."""
        return Codes(self._bipolar(self.plain(value)))

    def convolve(self, conv: FrozenConv, codes: Codes, form: dict[str, Any]) -> Value:
        """See :class:`CompilerGraph`."""
        nodes, kernel, parts = self.nodes, conv.kernel, []
        for place, (values, scale) in enumerate(kernel.terms):
            name = f"{conv.op.name}/{place}"
            weight = nodes.initializer(f"{name}/weight", values.astype(np.float32))
            if kernel.levels == 2:
                weight = self._bipolar(weight)
            elif kernel.levels:
                weight = self._quant(weight, kernel.low, kernel.low + kernel.stride * (kernel.levels - 1))
            made = Value(nodes.add("Conv", codes.tensor, weight, out=name, **form), conv.op.channels)
            parts.append(made.moved(scale.astype(np.float64) * codes.unit if kernel.levels else codes.unit, 0))
        if len(parts) == 1:
            return parts[0]
        return Value(nodes.sum([self.plain(part) for part in parts]), conv.op.channels)

    def average(self, x: str, source: Shape, kernel: Sides, stride: Sides) -> str:
        """See :class:`CompilerGraph`; a sum, divided, where all windows lie in the image."""
        window = pool_window((source.height, source.width), kernel, stride)
        if any(window["pads"]) or "ceil_mode" in window:
            return super().average(x, source, kernel, stride)
        made = self._of_ones(x, np.ones((source.channels, 1, *kernel)), group=source.channels, strides=stride)
        return self.plain(Value(made, source.channels).moved(1 / (kernel[0] * kernel[1]), 0))

    def concat(self, inputs: list[str]) -> str:
        """See :class:`CompilerGraph`; of two at a time, as hls4ml takes them."""
        return reduce(lambda one, other: self.nodes.add("Concat", one, other, axis=1), inputs)

    def pooled(self, x: str, source: Shape) -> Value:
        """See :class:`CompilerGraph`; a sum, whose divisor goes into what follows."""
        sides = (source.height, source.width)
        if sides == (1, 1):
            return Value(x, source.channels)
        made = self._of_ones(x, np.ones((source.channels, 1, *sides)), group=source.channels, strides=sides)
        return Value(made, source.channels).moved(1 / (sides[0] * sides[1]), 0)

    def picked(self, x: str, source: Shape, order: list[int]) -> str:
        """See :class:`CompilerGraph`."""
        return self._of_ones(x, np.equal.outer(order, np.arange(source.channels))[:, :, None, None])

    def zeros(self, op: Op) -> str:
        """See :class:`CompilerGraph`."""
        channels = self.frozen.architecture.input_shape[0]
        return self._of_ones(self.image.tensor, np.zeros((op.channels, channels, 1, 1)), strides=op.stride)

    def prelu(self, value: Value, slope: Floats) -> Value:
        """See :class:`CompilerGraph`; a sum of a line and a ReLU, as hls4ml knows no other."""
        x = self.shared(Value(self.plain(value), value.channels))
        line, bent = self.plain(x.moved(slope, 0)), self.plain(self._relu(x).moved(1 - slope.astype(np.float64), 0))
        return Value(self.nodes.add("Add", line, bent), value.channels)

    def _of_ones(self, x: str, kernel: NDArray[Any], **form: Any) -> str:
        """A convolution of zeros and ones: neither hls4ml nor FINN picks channels or averages in another way."""
        weight = self._quant(self.nodes.constant(kernel.astype(np.float32)), 0, 1)
        plain: dict[str, Any] = {"strides": (1, 1), "pads": [0] * 4, "dilations": (1, 1), "group": 1}
        return self.nodes.add("Conv", x, weight, **plain | form | {"kernel_shape": kernel.shape[2:]})

    def model(self) -> ModelProto:
        """See :class:`CompilerGraph`."""
        model = super().model()
        if self.frozen.codes.standards is None:
            kind = StringStringEntryProto(key="finn_datatype", value="UINT8")
            noted = TensorAnnotation(tensor_name=self.taken, quant_parameter_tensor_names=[kind])
            model.graph.quantization_annotation.append(noted)
        return model

    def new_nodes(self) -> Initializers:
        """See :class:`CompilerGraph`."""
        return _Guarded()

    def shared(self, value: Value) -> Value:
        """See :class:`CompilerGraph`."""
        assert isinstance(self.nodes, _Guarded)
        self.nodes.forks[value.tensor] = value.channels
        return value

    def _bipolar(self, x: str) -> str:
        return self.nodes.add("BipolarQuant", x, self.nodes.number(1), domain=QONNX)

    def _quant(self, x: str, low: int, high: int) -> str:
        nodes, form = self.nodes, _format(low, high)
        how: dict[str, Any] = {"signed": int(form.is_signed), "narrow": int(form.is_narrow), "rounding_mode": "ROUND"}
        numbers = (nodes.number(1), nodes.number(0), nodes.number(form.bits))
        return nodes.add("Quant", x, *numbers, domain=QONNX, **how)


class _Guarded(Initializers):
    """Puts a batch norm that changes nothing before an elementwise operation that is the first to read a shared tensor.

    ``qonnx-to-channels-last`` moves transpositions past the first reader, if it is elementwise, and forgets the others.

    Attributes:
        forks: Channels of tensors that several read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forks: dict[str, int] = {}
        self._read: set[str] = set()

    def add(self, op_type: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:
        """See :class:`Nodes`."""
        if op_type in ELEMENTWISE:
            inputs = tuple(map(self._guarded, inputs))
        self._read.update(inputs)
        return super().add(op_type, *inputs, out=out, domain=domain, **attributes)

    def _guarded(self, x: str) -> str:
        if x not in self.forks or x in self._read:
            return x
        return self.batch_norm(x, np.ones(self.forks[x]), np.zeros(self.forks[x]))


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
