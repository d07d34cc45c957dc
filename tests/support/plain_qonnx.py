"""QONNX graphs in standard operators: ONNX Runtime runs in milliseconds what QONNX's executor runs in seconds."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper


def in_standard_operators(raw: bytes) -> ModelProto:
    """The same graph of any batch, with quantizers of scale 1 written out as the paper defines them."""
    model = ModelProto()
    model.ParseFromString(raw)
    graph = model.graph
    numbers = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    made: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Quant":
            x, scale, zero, bits = node.input
            how = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            assert (numbers[scale], numbers[zero], how["rounding_mode"]) == (1, 0, b"ROUND")
            half = 2 ** (int(numbers[bits]) - how["signed"])
            low, high = (how["narrow"] - half) * how["signed"], half - 1
            made += _clipped_and_rounded(x, node.output[0], low, high)
        elif node.op_type == "BipolarQuant":
            assert numbers[node.input[1]] == 1
            made += _signs(node.input[0], node.output[0])
        else:
            assert node.domain == ""
            made.append(node)
    del graph.node[:]
    graph.node.extend(made)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    return model


def _clipped_and_rounded(x: str, out: str, low: int, high: int) -> list[NodeProto]:
    ends = [_number(f"{out}/{name}", value) for name, value in (("low", low), ("high", high))]
    clip = helper.make_node("Clip", [x, f"{out}/low", f"{out}/high"], [f"{out}/clipped"])
    return [*ends, clip, helper.make_node("Round", [f"{out}/clipped"], [out])]


def _signs(x: str, out: str) -> list[NodeProto]:
    ends = [_number(f"{out}/{value}", value) for value in (0, 1, -1)]
    test = helper.make_node("GreaterOrEqual", [x, f"{out}/0"], [f"{out}/test"])
    return [*ends, test, helper.make_node("Where", [f"{out}/test", f"{out}/1", f"{out}/-1"], [out])]


def _number(name: str, value: float) -> NodeProto:
    array = numpy_helper.from_array(np.array(value, dtype=np.float32))
    assert array.data_type == TensorProto.FLOAT
    return helper.make_node("Constant", [], [name], value=array)
