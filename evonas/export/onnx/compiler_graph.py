"""A frozen network as compilers read ONNX: quantizers straight in front of convolutions, norms folded or batch norms.

The exact graph (``graph``) fixes every rounding, with operators that compilers do not know. Here scales and shifts of
floats are gathered where they meet, and written once: into a batch norm, or into the weights and the bias of the
convolution before. So the same codes are computed but for rounding, and an activation that lies within a rounding error
of the edge between two codes may fall on the other side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from onnx import ModelProto, TensorProto, helper

from evonas.architecture.fitting import Sides
from evonas.architecture.graph import INPUT, Op, Shape
from evonas.architecture.input_codes import InputCodes
from evonas.export.onnx.graph import LOGITS, NUMBERS, PIXELS, aligned, zeros
from evonas.export.onnx.nodes import Initializers
from evonas.export.onnx.values import Codes, Factors, Rounding, Value
from evonas.nets.frozen import Floats, FrozenConv, FrozenNetwork
from evonas.nets.quant.activation_rule import ActivationRule


class CompilerGraph(ABC):
    """Nodes of a network's operations, in the terms of one family of compilers.

    Attributes:
        opset, ir_version: Of the standard operators, and of the file.
        domains: Further operator sets, with their versions.
        pixel_type: Of the graph's input, where that is pixels.
        batch: Images per call.
    """

    opset: ClassVar[int] = 13  # the first with a scale for each filter, which old compilers read, too
    ir_version: ClassVar[int] = 7
    domains: ClassVar[dict[str, int]] = {}
    pixel_type: ClassVar[int]
    batch: ClassVar[int | str]

    def __init__(self, frozen: FrozenNetwork) -> None:
        self.frozen, self.nodes = frozen, self.new_nodes()
        self.shapes = frozen.architecture.shapes
        self.taken = PIXELS if frozen.codes.standards is None else NUMBERS
        self.type = self.pixel_type if frozen.codes.standards is None else TensorProto.FLOAT
        self.image = self.input_codes(self.taken if frozen.codes.standards is None else self._steps(frozen.codes))
        self.tensors = {INPUT: Value(self.image.tensor, self.shapes[INPUT].channels).moved(self.image.unit, 0)}
        reads = [name for op in frozen.architecture.ops for name in (*op.inputs, *op.inputs * ("shortcut" in op.steps))]
        self.readers = Counter(reads)
        self.nothing = {op.name for op in frozen.architecture.ops if op.kind == "zeros"}

    @abstractmethod
    def input_codes(self, steps: str) -> Codes:
        """Codes of the input: pixels, or standardised numbers that are not rounded yet."""

    @abstractmethod
    def rounded(self, value: Value, how: Rounding, *, worth: float) -> Codes:
        """Codes of a quantizer, each worth ``worth``."""

    @abstractmethod
    def kept(self, value: Value, how: Rounding) -> Value:
        """A tensor between layers, in as many bits as it has."""

    @abstractmethod
    def marked(self, codes: str, act: ActivationRule) -> Codes:
        """Codes that are whole numbers already, each worth one."""

    @abstractmethod
    def convolve(self, conv: FrozenConv, codes: Codes, form: dict[str, Any]) -> Value:
        """A convolution without its bias, of codes whose unit is a number; ``form`` holds its attributes."""

    def sign(self, value: Value, act: ActivationRule) -> Codes:
        """1 where a value is not negative, else -1."""
        is_positive = self.nodes.add("GreaterOrEqual", self.plain(value), self.nodes.number(0))
        return self.marked(self.nodes.add("Where", is_positive, self.nodes.number(1), self.nodes.number(-1)), act)

    def average(self, x: str, source: Shape, kernel: Sides, stride: Sides) -> str:
        """Mean over windows; what lies outside the image does not count."""
        window = pool_window((source.height, source.width), kernel, stride)
        return self.nodes.add("AveragePool", x, count_include_pad=0, **window)

    def concat(self, inputs: list[str]) -> str:
        """Channels side by side."""
        return self.nodes.add("Concat", *inputs, axis=1)

    def pooled(self, x: str, source: Shape) -> Value:
        """Mean over whole images."""
        return Value(self.nodes.add("GlobalAveragePool", x), source.channels)

    def picked(self, x: str, source: Shape, order: list[int]) -> str:
        """Those channels in that order; -1 for zeros."""
        nodes, n = self.nodes, source.channels
        if order == list(range(len(order))):
            return nodes.slice(x, 0, len(order), axis=1)
        if order == [*range(n), *[-1] * (len(order) - n)]:
            return nodes.add("Pad", x, nodes.constant(np.array([0, 0, 0, 0, 0, len(order) - n, 0, 0])))
        if -1 in order:
            x = nodes.add("Pad", x, nodes.constant(np.array([0, 0, 0, 0, 0, 1, 0, 0])))
        return nodes.add("Gather", x, nodes.constant(np.array([n if i < 0 else i for i in order])), axis=1)

    def zeros(self, op: Op) -> str:
        """Zeros of any batch."""
        return zeros(op, self.image.tensor, self.shapes[INPUT], self.nodes)

    def prelu(self, value: Value, slope: Floats) -> Value:
        """A value where it is not negative, else times a slope of its channel."""
        bent = self.nodes.add("PRelu", self.plain(value), self.nodes.constant(slope[:, None, None]))
        return Value(bent, value.channels)

    def new_nodes(self) -> Initializers:
        """Nodes of an empty graph."""
        return Initializers()

    def shared(self, value: Value) -> Value:
        """What several read."""
        return value

    def model(self) -> ModelProto:
        """The whole graph."""
        ops = self.frozen.architecture.ops
        for op in ops:
            value = self._op(op)
            if op.name in self.frozen.architecture.is_rounded:
                assert self.frozen.step is not None
                value = self.kept(value, Rounding(*self.frozen.stream_range, float(self.frozen.step)))
            if self.readers[op.name] > 1 and op.kind != "zeros":
                value = self.shared(Value(self.plain(value), value.channels))
            self.tensors[op.name] = value
        nodes = self.nodes
        nodes.add("Flatten", self.plain(self.tensors[ops[-1].name]), out=LOGITS, axis=1)
        taken = [self.batch, *self.frozen.architecture.input_shape]
        body = helper.make_graph(
            nodes.made,
            "evonas",
            [helper.make_tensor_value_info(self.taken, self.type, taken)],
            [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [self.batch, ops[-1].channels])],
            initializer=nodes.initializers,
        )
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(*one) for one in self.domains.items())]
        return helper.make_model(body, opset_imports=opsets, ir_version=self.ir_version, producer_name="evonas")

    def plain(self, value: Value, reader: Rounding | None = None) -> str:
        """Write a value, for the quantizer that alone reads it if that is one; returns the name of its tensor."""
        if value.write is not None:
            return value.write(value.factor, value.shift, reader)
        return value.tensor if value.is_written else self.batch_norm(value)

    def batch_norm(self, value: Value) -> str:
        """Write a value's factor and shift behind its tensor."""
        rows = (np.broadcast_to(row, value.channels) for row in (value.factor, value.shift))
        return self.nodes.batch_norm(value.tensor, *rows)

    def _steps(self, codes: InputCodes) -> str:
        """Numbers in codes, not yet rounded and cut."""
        nodes, numbers = self.nodes, NUMBERS
        assert codes.standards is not None
        if codes.level != "nothing":
            flat = nodes.add("Reshape", NUMBERS, nodes.constant(np.array([0, 1, -1])))
            level = nodes.add("GlobalAveragePool" if codes.level == "mean" else "GlobalMaxPool", flat)
            numbers = nodes.add("Sub", NUMBERS, nodes.add("Reshape", level, nodes.constant(np.array([0, 1, 1, 1]))))
        if codes.floor is not None:
            numbers = nodes.add("Max", numbers, nodes.number(codes.floor))
        centre, density = (nodes.constant(array[None]) for array in codes.standards)
        return nodes.add("Mul", nodes.add("Sub", numbers, centre), density)

    def _op(self, op: Op) -> Value:
        nodes, source = self.nodes, self.shapes[op.inputs[0]]
        if op.kind == "conv":
            return self._conv(self.frozen.convs[op.name])
        if op.kind == "zeros":
            return Value("", op.channels, write=lambda *_: self.zeros(op))
        names = [name for name in op.inputs if op.kind != "add" or name not in self.nothing]
        inputs = [self.plain(self.tensors[name]) for name in names or op.inputs[:1]]
        match op.kind:
            case "skip" | "add":
                made = nodes.sum(inputs)
            case "concat":
                made = self.concat(inputs) if len(inputs) > 1 else inputs[0]
            case "max_pool":
                made = nodes.add(
                    "MaxPool", inputs[0], **pool_window((source.height, source.width), op.kernel, op.stride)
                )
            case "avg_pool":
                made = self.average(inputs[0], source, op.kernel, op.stride)
            case "align":
                order = aligned(op, source)
                made = inputs[0] if order == list(range(source.channels)) else self.picked(inputs[0], source, order)
            case _:
                raise ValueError(f"no ONNX for {op.kind!r}")
        return Value(made, self.shapes[op.name].channels)

    def _conv(self, conv: FrozenConv) -> Value:
        op, nodes = conv.op, self.nodes
        value, x = self.tensors[op.inputs[0]], ""
        if "shortcut" in op.steps:
            x = self.plain(value)
        codes = self.image if conv.image is not None else None
        for place, step in enumerate(op.steps):
            match step:
                case "norm" | "standardize":
                    value = value.moved(*conv.norms[place])
                case "quant":
                    codes = self._quantize(conv, value)
                case "conv":
                    value = self._convolve(conv, codes or Codes(self.plain(value)))
                case "relu":
                    value = self._relu(value)
                case "pool":
                    place_of = conv.source if "conv" not in op.steps[:place] else self._outputs(op)
                    value = self.pooled(self.plain(value), place_of)
                case "shuffle":
                    order = np.arange(op.channels).reshape(op.groups, -1).T.ravel().tolist()
                    value = Value(self.picked(self.plain(value), self._outputs(op), order), op.channels)
                case "shortcut":
                    short = x if op.stride == (1, 1) else self.average(x, conv.source, op.stride, op.stride)
                    value = Value(nodes.add("Add", self.plain(value), short), op.channels)
                case "prelu":
                    assert conv.prelu is not None
                    slope, before, after = conv.prelu
                    value = self.prelu(value.moved(1, before), slope).moved(1, after)
        return value

    def _relu(self, value: Value) -> Value:
        if value.write is not None:
            return Value("", value.channels, write=partial(self._rectified, value))
        return Value(self.nodes.add("Relu", self.plain(value)), value.channels)

    def _rectified(self, value: Value, factor: Factors, shift: Factors, reader: Rounding | None) -> str:
        """A ReLU behind a convolution, and what may come between it and a quantizer."""
        behind = Value("", value.channels, factor, shift)
        x = self.plain(value, reader if behind.is_written else None)
        return self.plain(replace(behind, tensor=self.nodes.add("Relu", x)))

    def _quantize(self, conv: FrozenConv, value: Value) -> Codes:
        act = conv.act
        if act is None:
            return Codes(self.plain(self._relu(value)))
        scale = float(act.numbers[-1]) if act.numbers else 1.0
        if act.rule == "sign":
            return self.sign(value, act)
        if act.rule == "per_image":
            return self._quantize_images(act, self.shared(Value(self.plain(value), value.channels)).tensor, conv)
        match act.rule:
            case "round":
                how = Rounding(act.low, act.high, scale)
            case "threshold" if act.low == 0 and scale > 0:
                value, how = value.moved(1, scale / 2 - act.numbers[0]), Rounding(0, 2, scale)
            case "threshold" if act.low == -1 and act.numbers[0] > 0:
                how = Rounding(-1, 1, 2 * act.numbers[0])
            case _:
                return replace(self.marked(self._compared(act, self.plain(value)), act), unit=scale)
        return self.rounded(value, how, worth=scale)

    def _compared(self, act: ActivationRule, x: str) -> str:
        """Codes of thresholds that no quantizer has, such as negative ones."""
        nodes, t = self.nodes, np.float32(act.numbers[0])
        if act.low == 0:
            return nodes.add(
                "Add", *(nodes.above(x, nodes.number(float(one))) for one in (t, t + np.float32(act.numbers[1])))
            )
        return nodes.add("Sub", nodes.above(x, nodes.number(float(t))), nodes.above(nodes.number(-float(t)), x))

    def _quantize_images(self, act: ActivationRule, x: str, conv: FrozenConv) -> Codes:
        """Ternary codes with a threshold and a scale of each image's own."""
        nodes, axes = self.nodes, self.nodes.constant(np.array([1, 2, 3]))
        is_pooled = "pool" in conv.op.steps[: conv.op.steps.index("quant")]
        n = conv.source.channels if is_pooled else conv.source.elements
        magnitude = nodes.add("Abs", x)
        threshold = nodes.add("Mul", nodes.add("ReduceSum", magnitude, axes), nodes.number(act.ratio / n))
        kept = nodes.above(magnitude, threshold)
        total = nodes.add("ReduceSum", nodes.add("Mul", magnitude, kept), axes)
        count = nodes.add("Max", nodes.add("ReduceSum", kept, axes), nodes.number(1))
        codes = self.marked(nodes.add("Mul", kept, nodes.add("Sign", x)), act)
        return replace(codes, unit=nodes.add("Div", total, count))

    def _convolve(self, conv: FrozenConv, codes: Codes) -> Value:
        op = conv.op
        (above, before), more = op.padding, op.padding_behind(conv.source.height, conv.source.width)
        form: dict[str, Any] = {
            "kernel_shape": op.kernel,
            "strides": op.stride,
            "dilations": [op.dilation] * 2,
            "pads": [above, before, above + more[0], before + more[1]],
            "group": op.groups,
        }
        own = codes.unit if isinstance(codes.unit, str) else ""
        value = self.convolve(conv, replace(codes, unit=1.0) if own else codes, form)
        if own:
            value = Value(self.nodes.add("Mul", self.plain(value), own), op.channels)
        return value if conv.bias is None else value.moved(1, conv.bias)

    def _outputs(self, op: Op) -> Shape:
        """What a convolution gives, before any pool."""
        source = self.shapes[op.inputs[0]]
        return Shape(op.channels, -(-source.height // op.stride[0]), -(-source.width // op.stride[1]))


def pool_window(sides: Sides, kernel: Sides, stride: Sides) -> dict[str, Any]:
    """Attributes of a pool that covers all of an image; equal padding on both sides, which is all that QONNX takes."""
    around = [(window - 1) // 2 for window in kernel]
    wanted = [-(-side // step) for side, step in zip(sides, stride, strict=True)]
    along = zip(sides, kernel, stride, around, strict=True)
    full = [(side + 2 * pad - window) // step + 1 for side, window, step, pad in along]
    form: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": [*around, *around]}
    return form if full == wanted else form | {"ceil_mode": 1}
