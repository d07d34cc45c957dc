"""Any architecture as a QONNX model, built op by op, so that others' tools can be asked what it costs.

QONNX (Pappalardo 2022, arXiv 2206.07527) is ONNX with quantizers as operators and a data type annotated on each
tensor. Of a network's numbers only shapes and types matter here, so weights are all ones, which every type holds.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from evonas.architecture.graph import INPUT, Architecture, Op, Sides
from evonas.architecture.precision import Precision

DOMAIN = "qonnx.custom_op.general"
TYPES = {"binary": "BIPOLAR", "ternary": "TERNARY", "float": "FLOAT32"}
WEIGHT_TYPES = TYPES | {f"{bits}-bit": f"INT{bits}" for bits in range(2, 9)}
ACT_TYPES = TYPES | {f"{bits}-bit": f"UINT{bits}" for bits in range(2, 9)}


def qonnx_model(architecture: Architecture) -> ModelWrapper:
    """Build the model for one image of 8-bit pixels; an operation's output tensor goes by its name.

    ONNX infers all shapes from the attributes. Types are annotated on weights and on what quantizers give; all other
    tensors count as float32.
    """
    graph = _Graph(architecture)
    for op in architecture.ops:
        graph.add(op)
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, *architecture.input_shape])
    logits = helper.make_tensor_value_info(architecture.ops[-1].name, TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(values, name) for name, values in graph.constants.items()]
    body = helper.make_graph(graph.nodes, "evonas", [image], [logits], initializer=constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    model = ModelWrapper(helper.make_model(body, opset_imports=opsets, ir_version=10))
    for name, type_name in graph.types.items():
        model.set_tensor_datatype(name, DataType[type_name])
    return model.transform(InferShapes(), make_deepcopy=False, cleanup=False)


class _Graph:
    """Nodes and constants of an architecture, one operation after the other."""

    def __init__(self, architecture: Architecture) -> None:
        self.shapes = architecture.shapes
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.types = {INPUT: "UINT8"}

    def add(self, op: Op) -> None:
        first = op.inputs[0]
        match op.kind:
            case "conv":
                self._module(op)
            case "max_pool":
                self._node("MaxPool", first, out=op.name, **_window(op.kernel, op.stride, padding=_halves(op.kernel)))
            case "avg_pool":
                self._average(first, op.kernel, op.stride, out=op.name)
            case "skip" | "add":
                self._node("Add" if len(op.inputs) == 2 else "Identity", *op.inputs, out=op.name)
            case "concat":
                self._node("Concat", *op.inputs, out=op.name, axis=1)
            case "align":
                self._align(op)
            case "zeros":
                shape = self.shapes[op.name]
                self._constant(op.name, np.zeros((1, shape.channels, shape.height, shape.width)))
            case _:
                raise ValueError(f"no ONNX for {op.kind!r}")

    def _module(self, op: Op) -> None:
        y = x = op.inputs[0]
        channels = self.shapes[x].channels
        for place, step in enumerate(op.steps):
            out = op.name if place == len(op.steps) - 1 else f"{op.name}:{place}"
            match step:
                case "norm" | "standardize":
                    self._node("BatchNormalization", y, *[self._ones(channels)] * 4, out=out)
                case "quant":
                    self._quantize(y, op.act, out=out)
                case "conv":
                    self._convolve(y, op, out=out)
                    channels = op.channels
                case "relu":
                    self._node("Relu", y, out=out)
                case "pool":
                    self._node("GlobalAveragePool", y, out=out)
                case "shuffle":  # by the order of the filters
                    self._node("Identity", y, out=out)
                case "shortcut":
                    short = x if op.stride == (1, 1) else self._average(x, op.stride, op.stride, out=f"{out}:pool")
                    self._node("Add", y, short, out=out)
                case "prelu":
                    self._node("PRelu", y, self._ones(channels, 1, 1), out=out)
                case _:
                    raise ValueError(f"no ONNX for {step!r}")
            y = out

    def _quantize(self, x: str, act: Precision, *, out: str) -> None:
        self.types[out] = ACT_TYPES[act.name]
        one = self._ones()  # a scale other than 1 would make QONNX take a binary tensor for float
        if act.is_float:
            self._node("Relu", x, out=out)
        elif act.levels == 2:
            self._node("BipolarQuant", x, one, out=out, domain=DOMAIN)
        else:
            zero, bits = self._constant("zero", 0.0), self._constant(f"{act.bits} bits", float(act.bits))
            is_ternary = int(act.levels == 3)
            how = {"signed": is_ternary, "narrow": is_ternary, "rounding_mode": "ROUND"}
            self._node("Quant", x, one, zero, bits, out=out, domain=DOMAIN, **how)

    def _convolve(self, x: str, op: Op, *, out: str) -> None:
        source = self.shapes[op.inputs[0]]
        shape = (op.channels, source.channels // op.groups, *op.kernel)
        weight = self._constant(f"{op.name}/weight", np.ones(shape))
        self.types[weight] = WEIGHT_TYPES[op.weight.name]
        bias = [self._ones(op.channels)] if op.has_bias else []
        window, more = _window(op.kernel, op.stride, padding=op.padding), op.padding_behind(source.height, source.width)
        window["pads"] = [*op.padding, *(side + extra for side, extra in zip(op.padding, more, strict=True))]
        self._node("Conv", x, weight, *bias, out=out, dilations=[op.dilation] * 2, group=op.groups, **window)

    def _average(self, x: str, kernel: Sides, stride: Sides, *, out: str) -> str:
        window = _window(kernel, stride, padding=((kernel[0] - 1) // 2, (kernel[1] - 1) // 2))
        return self._node("AveragePool", x, out=out, ceil_mode=int(kernel == stride), **window)

    def _align(self, op: Op) -> None:
        """Segment by segment, take channels, or the channel of zeros that is padded behind them."""
        source = self.shapes[op.inputs[0]]
        had, wanted = source.channels // source.segments, op.channels // source.segments
        taken = [s * had + i if i < had else source.channels for s in range(source.segments) for i in range(wanted)]
        one_behind = self._constant("one behind", np.array([0, 0, 0, 0, 0, 1, 0, 0]))
        padded = self._node("Pad", op.inputs[0], one_behind, out=f"{op.name}:padded")
        self._node("Gather", padded, self._constant(f"{op.name}/taken", np.array(taken)), out=op.name, axis=1)

    def _node(self, op_type: str, *inputs: str, out: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op_type, list(inputs), [out], name=out, **attributes))
        return out

    def _ones(self, *shape: int) -> str:
        return self._constant(f"ones {shape}", np.ones(shape))

    def _constant(self, name: str, values: np.ndarray | float) -> str:
        array = np.asarray(values)
        self.constants[name] = array if array.dtype == np.int64 else array.astype(np.float32)
        return name


def _window(kernel: Sides, stride: Sides, *, padding: Sides) -> dict[str, object]:
    return {"kernel_shape": kernel, "strides": stride, "pads": [*padding, *padding]}


def _halves(kernel: Sides) -> Sides:
    return kernel[0] // 2, kernel[1] // 2
