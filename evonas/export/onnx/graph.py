"""A frozen network as an ONNX graph, built node by node, equal to the bit; a dialect says how codes are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from onnx import ModelProto, TensorProto, helper

from evonas.architecture.fitting import Sides
from evonas.architecture.graph import INPUT, Op, Shape
from evonas.architecture.input_codes import InputCodes
from evonas.architecture.stored_numbers import of_shifts
from evonas.export.onnx.nodes import Nodes
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from evonas.nets.integer_network import window_counts
from evonas.nets.packing.numbers import exponent_of
from evonas.nets.quant.activation_rule import ActivationRule

PIXELS, NUMBERS, LOGITS = "pixels", "numbers", "logits"


class Dialect(ABC):
    """How one format stores the codes of weights.

    Attributes:
        opset, ir_version: Of the standard operators, and of the file.
        batch: Images per call; None for any number.
    """

    opset: ClassVar[int] = 18
    ir_version: ClassVar[int] = 10
    batch: ClassVar[int | None] = None

    @abstractmethod
    def codes(self, conv: FrozenConv, nodes: Nodes) -> str:
        """Store a layer's codes; returns the name of a float tensor ``(planes, out, in / groups, side, side)``."""


def onnx_model(frozen: FrozenNetwork, dialect: Dialect) -> ModelProto:
    """Write a network down in a dialect of ONNX.

    The graph takes ``pixels`` ``(n, channels, height, width)`` from 0 to 255, or ``numbers`` as floats that it
    standardises itself, and gives ``logits`` ``(n, classes)``. Its initializers are what :attr:`FrozenConv.stored`
    lists, if the dialect packs weights, and what standardises the input; all other constants are nodes.
    """
    graph = _Graph(frozen, dialect)
    for op in frozen.architecture.ops:
        graph.op(op)
    nodes = graph.nodes
    nodes.add("Flatten", graph.tensors[frozen.architecture.ops[-1].name], out=LOGITS, axis=1)
    batch = dialect.batch or "n"
    classes = frozen.architecture.ops[-1].channels
    body = helper.make_graph(
        nodes.made,
        "evonas",
        [helper.make_tensor_value_info(graph.taken, graph.type, [batch, *frozen.architecture.input_shape])],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [batch, classes])],
        initializer=nodes.initializers,
    )
    opsets = [helper.make_opsetid("", dialect.opset)]
    return helper.make_model(body, opset_imports=opsets, ir_version=dialect.ir_version, producer_name="evonas")


class _Graph:
    """Nodes of a network's operations.

    ``taken`` and ``type`` are those of what the graph takes, ``codes`` is the name of its codes as floats, and
    ``tensors`` holds the name of each operation's output.
    """

    def __init__(self, frozen: FrozenNetwork, dialect: Dialect) -> None:
        self.frozen, self.dialect, self.nodes = frozen, dialect, Nodes()
        self.shapes = frozen.architecture.shapes
        is_standardized = frozen.codes.standards is not None
        self.taken = NUMBERS if is_standardized else PIXELS
        self.type = TensorProto.FLOAT if is_standardized else TensorProto.UINT8
        self.codes = (
            self.taken if self.type == TensorProto.FLOAT else self.nodes.add("Cast", PIXELS, to=TensorProto.FLOAT)
        )
        if is_standardized:
            self.codes = self._standardized(frozen.codes)
        self.tensors: dict[str, str] = {}
        step = frozen.step
        self.step = "" if step is None else self.nodes.power(f"{INPUT}/step.exponent", exponent_of(step))

    def _standardized(self, codes: InputCodes) -> str:
        nodes = self.nodes
        arrays = zip(("centre", "density"), codes.standards or (), strict=True)
        centre, density = (nodes.initializer(f"{INPUT}/{name}", array[None]) for name, array in arrays)
        numbers = NUMBERS
        if codes.level != "nothing":
            n, flat = self.shapes[INPUT].elements, nodes.add("Reshape", NUMBERS, nodes.constant(np.array([0, 1, -1])))
            if codes.level == "mean":
                level = nodes.add("Div", nodes.sum_in_pairs(flat, n), nodes.number(n))
            else:
                level = nodes.add("ReduceMax", flat, nodes.constant(np.array([2])))
            numbers = nodes.add("Sub", NUMBERS, nodes.add("Reshape", level, nodes.constant(np.array([-1, 1, 1, 1]))))
        if codes.floor is not None:
            numbers = nodes.add("Max", numbers, nodes.number(codes.floor))
        steps = nodes.add("Mul", nodes.add("Sub", numbers, centre), density)
        clipped = nodes.add("Clip", steps, nodes.number(codes.low), nodes.number(codes.high))
        return nodes.add("Round", clipped)

    def op(self, op: Op) -> None:
        made = self._conv(self.frozen.convs[op.name]) if op.kind == "conv" else self._weightless(op)
        self.tensors[op.name] = self._rounded(made) if op.name in self.frozen.architecture.is_rounded else made

    def _rounded(self, x: str) -> str:
        nodes, (low, high) = self.nodes, self.frozen.stream_range
        clipped = nodes.add("Clip", nodes.add("Div", x, self.step), nodes.number(low), nodes.number(high))
        return nodes.add("Mul", nodes.add("Round", clipped), self.step)

    def _weightless(self, op: Op) -> str:
        nodes, inputs = self.nodes, [self._tensor(name) for name in op.inputs] if op.kind != "zeros" else []
        match op.kind:
            case "skip" | "add":
                made = nodes.sum(inputs)
            case "concat":
                made = nodes.add("Concat", *inputs, axis=1) if len(inputs) > 1 else inputs[0]
            case "max_pool":
                window: dict[str, Any] = {
                    "kernel_shape": op.kernel,
                    "strides": op.stride,
                    "pads": [*op.padding, *op.padding],
                }
                made = nodes.add("MaxPool", inputs[0], ceil_mode=int(op.kernel == op.stride), **window)
            case "avg_pool":
                shape = self.shapes[op.inputs[0]]
                made = self._average(inputs[0], (shape.height, shape.width), op.kernel, op.stride)
            case "align":
                made = self._align(op, inputs[0])
            case "zeros":
                made = zeros(op, self.codes, self.shapes[INPUT], nodes)
            case _:
                raise ValueError(f"no ONNX for {op.kind!r}")
        return made

    def _tensor(self, name: str) -> str:
        if name == INPUT and INPUT not in self.tensors:
            self.tensors[INPUT] = self.nodes.add("Div", self.codes, self.nodes.number(self.frozen.codes.per_one))
        return self.tensors[name]

    def _conv(self, conv: FrozenConv) -> str:
        op, nodes, (norms, shifts) = conv.op, self.nodes, (conv.norm_precision, of_shifts(conv.norm_precision))
        y = x = self._tensor(op.inputs[0]) if conv.image is None else self.codes
        sides = (conv.source.height, conv.source.width)
        act_scale = None
        for place, step in enumerate(op.steps):
            match step:
                case "norm" | "standardize":
                    factor = nodes.row(f"{op.name}/norm{place}", conv.norms[place][0], norms)
                    shift = nodes.row(f"{op.name}/norm{place}.shift", conv.norms[place][1], shifts)
                    y = nodes.add("Add", nodes.add("Mul", y, factor), shift)
                case "quant":
                    y, act_scale = self._quantize(conv, y)
                case "conv":
                    y = self._convolve(conv, y, act_scale)
                case "relu":
                    y = nodes.add("Relu", y)
                case "pool":
                    flat = nodes.add("Reshape", y, nodes.constant(np.array([0, 0, -1])))
                    n = sides[0] * sides[1] if "conv" not in op.steps[:place] else self._outputs(op)
                    mean = nodes.add("Div", nodes.sum_in_pairs(flat, n), nodes.number(n))
                    y = nodes.add("Unsqueeze", mean, nodes.constant(np.array([3])))
                case "shuffle":
                    order = np.arange(op.channels).reshape(op.groups, -1).T.ravel()
                    y = nodes.add("Gather", y, nodes.constant(order), axis=1)
                case "shortcut":
                    y = nodes.add("Add", y, x if op.stride == (1, 1) else self._average(x, sides, op.stride, op.stride))
                case "prelu":
                    assert conv.prelu is not None
                    names = (f"{op.name}/{row}" for row in ("prelu", "prelu.before", "prelu.after"))
                    slope, before, after = (nodes.row(*row, shifts) for row in zip(names, conv.prelu, strict=True))
                    y = nodes.add("Add", y, before)
                    is_kept = nodes.add("GreaterOrEqual", y, nodes.number(0))
                    y = nodes.add("Add", nodes.add("Where", is_kept, y, nodes.add("Mul", slope, y)), after)
        return y

    def _outputs(self, op: Op) -> int:
        """Pixels behind a convolution, before any pool."""
        source = self.shapes[op.inputs[0]]
        return -(-source.height // op.stride[0]) * -(-source.width // op.stride[1])

    def _quantize(self, conv: FrozenConv, x: str) -> tuple[str, str | None]:
        """Codes, and the name of their scale; None for a scale of one, or where they stay float."""
        nodes, act = self.nodes, conv.act
        if act is None:
            return nodes.add("Relu", x), None
        if act.rule == "per_image":
            return self._quantize_images(act, x, conv)
        numbers = []
        if len(act.stored):
            numbers = nodes.parts(f"{conv.op.name}/act", act.stored, of_shifts(conv.scale_precision))
        numbers += [nodes.number(1)] * (len(act.numbers) - len(numbers))
        return self._apply(act, x, numbers), numbers[-1] if numbers and not act.is_taken_up else None

    def _apply(self, act: ActivationRule, x: str, numbers: Sequence[str]) -> str:
        """Codes of activations ``x``, as floats; the rules of :class:`ActivationRule` but ``per_image``."""
        nodes = self.nodes
        match act.rule:
            case "sign":
                is_positive = nodes.add("GreaterOrEqual", x, nodes.number(0))
                return nodes.add("Where", is_positive, nodes.number(1), nodes.number(-1))
            case "round":
                steps = x if act.is_taken_up else nodes.add("Div", x, numbers[0])
                return nodes.add("Round", nodes.add("Clip", steps, nodes.number(act.low), nodes.number(act.high)))
            case _ if act.low == 0:
                above = (nodes.above(x, numbers[0]), nodes.above(x, nodes.add("Add", numbers[0], numbers[1])))
                return nodes.add("Add", *above)
            case _:
                below = nodes.above(nodes.add("Neg", numbers[0]), x)
                return nodes.add("Sub", nodes.above(x, numbers[0]), below)

    def _quantize_images(self, act: ActivationRule, x: str, conv: FrozenConv) -> tuple[str, str]:
        nodes, steps = self.nodes, conv.op.steps
        is_pooled = "pool" in steps[: steps.index("quant")]
        n = conv.source.channels if is_pooled else conv.source.elements
        flat = nodes.constant(np.array([0, 1, -1]))
        as_one = nodes.constant(np.array([-1, 1, 1, 1]))
        magnitude = nodes.add("Abs", x)
        mean = nodes.add("Div", nodes.sum_in_pairs(nodes.add("Reshape", magnitude, flat), n), nodes.number(n))
        threshold = nodes.add("Reshape", nodes.add("Mul", mean, nodes.number(act.ratio)), as_one)
        kept = nodes.above(magnitude, threshold)
        total = nodes.sum_in_pairs(nodes.add("Reshape", nodes.add("Mul", magnitude, kept), flat), n)
        count = nodes.sum_in_pairs(nodes.add("Reshape", kept, flat), n)
        scale = nodes.add("Div", total, nodes.add("Max", count, nodes.number(1)))
        codes = nodes.add("Mul", kept, nodes.add("Sign", x))
        return codes, nodes.add("Reshape", scale, as_one)

    def _convolve(self, conv: FrozenConv, x: str, act_scale: str | None) -> str:
        op, nodes, kernel = conv.op, self.nodes, conv.kernel
        (above, before), more = op.padding, op.padding_behind(conv.source.height, conv.source.width)
        pads = [above, before, above + more[0], before + more[1]]
        form: dict[str, Any] = {"kernel_shape": op.kernel, "strides": op.stride, "dilations": [op.dilation] * 2}
        is_whole = kernel.levels > 0 and (conv.image is not None or conv.act is not None)
        results: list[str] = []
        for weight, scale in self._terms(conv):
            y = nodes.add("Conv", x, weight, out=f"{op.name}/{len(results)}", pads=pads, group=op.groups, **form)
            # Rounding changes no whole number, and keeps optimizers from folding the scale into the codes
            y = nodes.add("Round", y) if is_whole else y
            if scale is not None:
                factor = scale if conv.image is None else nodes.add("Div", scale, nodes.number(conv.image.per_one))
                factor = factor if act_scale is None else nodes.add("Mul", factor, act_scale)
                y = nodes.add("Mul", y, factor)
            elif conv.image is not None:
                y = nodes.add("Mul", y, nodes.number(float(np.float32(1) / np.float32(conv.image.per_one))))
            elif act_scale is not None:
                y = nodes.add("Mul", y, act_scale)
            results.append(y)
        total = nodes.sum(results)
        if conv.bias is None:
            return total
        return nodes.add("Add", total, nodes.row(f"{op.name}/bias", conv.bias, of_shifts(conv.scale_precision)))

    def _terms(self, conv: FrozenConv) -> list[tuple[str, str | None]]:
        """Tensors of kernels, each with its scale; None for float weights, and where a norm took the scale up."""
        kernel, nodes, name = conv.kernel, self.nodes, conv.op.name
        if kernel.levels == 0:
            return [(nodes.initializer(f"{name}/weight", kernel.values[0].astype(np.float32)), None)]
        codes = self.dialect.codes(conv, nodes)
        planes = [nodes.add("Gather", codes, nodes.constant(np.array(i)), axis=0) for i in range(len(kernel.values))]
        if kernel.is_taken_up:
            return [(planes[0], None)]
        if kernel.per == "filter":
            return [(planes[0], nodes.row(f"{name}/scales", kernel.scales, conv.scale_precision))]
        if kernel.per == "sign":
            planes = [nodes.add(half, planes[0], nodes.number(0)) for half in ("Max", "Min")]
        return list(zip(planes, nodes.parts(f"{name}/scales", kernel.scales, conv.scale_precision), strict=True))

    def _average(self, x: str, sides: Sides, kernel: Sides, stride: Sides) -> str:
        """Mean over windows in the order of :func:`evonas.nets.integer_network.average_pool`."""
        nodes = self.nodes
        along = list(zip(sides, kernel, stride, strict=True))
        counts = [window_counts(*one) for one in along]
        for axis, (side, window, step) in enumerate(along, start=2):
            n, before = -(-side // step), (window - 1) // 2
            behind = max(0, (n - 1) * step + window - before - side)
            if before + behind:
                pads = np.zeros(8, dtype=np.int64)
                pads[axis], pads[axis + 4] = before, behind
                x = nodes.add("Pad", x, nodes.constant(pads))
            span = (n - 1) * step + 1
            x = nodes.sum([nodes.slice(x, shift, shift + span, axis=axis, step=step) for shift in range(window)])
        return nodes.add("Div", x, nodes.constant(np.outer(counts[0], counts[1]).astype(np.float32)[None, None]))

    def _align(self, op: Op, x: str) -> str:
        """Take channels, or the channel of zeros that is padded behind them."""
        source, nodes = self.shapes[op.inputs[0]], self.nodes
        if source.channels == op.channels:
            return x
        taken = np.array(aligned(op, source))
        is_padded = taken.min() < 0
        padded = nodes.add("Pad", x, nodes.constant(np.array([0, 0, 0, 0, 0, 1, 0, 0]))) if is_padded else x
        return nodes.add("Gather", padded, nodes.constant(np.where(taken < 0, source.channels, taken)), axis=1)


def aligned(op: Op, source: Shape) -> list[int]:
    """For each channel, which of the source it takes, segment by segment; -1 for zeros."""
    had, wanted = source.channels // source.segments, op.channels // source.segments
    return [s * had + i if i < had else -1 for s in range(source.segments) for i in range(wanted)]


def zeros(op: Op, codes: str, image: Shape, nodes: Nodes) -> str:
    """Zeros of any batch, made of the input, so that every tool can infer their shape."""
    x = codes
    for axis, side, stride in ((2, image.height, op.stride[0]), (3, image.width, op.stride[1])):
        x = nodes.slice(x, 0, side, axis=axis, step=stride)
    nothing = nodes.add("Mul", x, nodes.number(0))
    return nodes.add("Gather", nothing, nodes.constant(np.zeros(op.channels, dtype=np.int64)), axis=1)
