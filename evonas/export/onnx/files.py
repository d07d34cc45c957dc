"""Whole ONNX files: one writer per dialect, and what their initializers take."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, helper

from evonas.errors import ExportError, in_a_line
from evonas.export.format import bytes_by_layer
from evonas.export.onnx.graph import onnx_model
from evonas.export.onnx.packed import Packed
from evonas.export.onnx.qdq import QdqGraph
from evonas.export.onnx.qonnx import QONNX, QonnxGraph
from evonas.export.seal import REMEDY, Sealed, unsealed
from evonas.nets.frozen import FrozenNetwork

STANDARD = (
    "Abs Add AveragePool BatchNormalization Cast Clip Concat Constant Conv DequantizeLinear Div Flatten Gather"
    " GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual Max MaxPool Min Mod Mul Neg PRelu Pad QuantizeLinear"
    " ReduceMax ReduceSum Relu Reshape Round Sign Slice Sub Unsqueeze Where"
)
OPERATIONS = {*(("", name) for name in STANDARD.split()), *((QONNX, name) for name in ("BipolarQuant", "Quant"))}
"""Domain and type of every operation that the dialects write."""


def packed_file(frozen: FrozenNetwork) -> bytes:
    """ONNX with packed weights."""
    return _file(frozen, "onnx", onnx_model(frozen, Packed()))


def qdq_file(frozen: FrozenNetwork) -> bytes:
    """ONNX with QuantizeLinear and DequantizeLinear."""
    return _file(frozen, "onnx-qdq", QdqGraph(frozen).model())


def qonnx_file(frozen: FrozenNetwork) -> bytes:
    """QONNX."""
    return _file(frozen, "qonnx", QonnxGraph(frozen).model())


def parsed(sealed: Sealed) -> ModelProto:
    """The graph in a checked file, of operations that evonas writes.

    A digest that fits can be made for any file: loops, functions and operations of other domains, whose modules a
    runtime would import, and data that lie elsewhere are refused.

    Raises:
        ExportError: It is no graph, or holds something else.
    """
    model = ModelProto()
    try:
        model.ParseFromString(sealed.raw)
    except Exception as error:  # of protobuf, whose classes differ by version
        raise ExportError("a graph in the file", found=in_a_line(error), remedy=REMEDY) from error
    odd = [node.op_type for node in model.graph.node if (node.domain, node.op_type) not in OPERATIONS]
    odd += [one.name for node in model.graph.node for one in node.attribute if one.HasField("g") or one.graphs]
    odd += [function.name for function in model.functions]
    odd += [one.name for one in model.graph.initializer if one.data_location != TensorProto.DEFAULT]
    odd += [one.values.name for one in model.graph.sparse_initializer]
    if odd:
        raise ExportError("a graph of operations that evonas writes", found=", ".join(odd[:5]), remedy=REMEDY)
    return model


def stored_bytes(sealed: Sealed) -> dict[str, int]:
    """Bytes of the initializers of the input and of each convolution."""
    return bytes_by_layer((tensor.name, len(tensor.raw_data)) for tensor in parsed(sealed).graph.initializer)


def _file(frozen: FrozenNetwork, format_name: str, model: ModelProto) -> bytes:
    facts = {f"evonas.{key}": value for key, value in frozen.facts.items()}
    helper.set_model_props(model, {"evonas": unsealed(format_name, frozen.facts), **facts})
    raw: bytes = model.SerializeToString(deterministic=True)
    return raw
