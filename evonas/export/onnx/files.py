"""Whole ONNX files: one writer per dialect, and what their initializers take."""

from __future__ import annotations

from onnx import ModelProto, helper

from evonas.export.format import bytes_by_layer
from evonas.export.onnx.dialects import Packed, Qdq, Qonnx
from evonas.export.onnx.graph import Dialect, onnx_model
from evonas.export.seal import Sealed, unsealed
from evonas.nets.frozen import FrozenNetwork


def packed_file(frozen: FrozenNetwork) -> bytes:
    """ONNX with packed weights."""
    return _file(frozen, "onnx", Packed())


def qdq_file(frozen: FrozenNetwork) -> bytes:
    """ONNX with integers and DequantizeLinear."""
    return _file(frozen, "onnx-qdq", Qdq())


def qonnx_file(frozen: FrozenNetwork) -> bytes:
    """QONNX."""
    return _file(frozen, "qonnx", Qonnx())


def parsed(sealed: Sealed) -> ModelProto:
    """The graph in a checked file."""
    model = ModelProto()
    model.ParseFromString(sealed.raw)
    return model


def stored_bytes(sealed: Sealed) -> dict[str, int]:
    """Bytes of the initializers of the input and of each convolution."""
    return bytes_by_layer((tensor.name, len(tensor.raw_data)) for tensor in parsed(sealed).graph.initializer)


def _file(frozen: FrozenNetwork, format_name: str, dialect: Dialect) -> bytes:
    model = onnx_model(frozen, dialect)
    facts = {f"evonas.{key}": value for key, value in frozen.facts.items()}
    helper.set_model_props(model, {"evonas": unsealed(format_name, frozen.facts), **facts})
    raw: bytes = model.SerializeToString(deterministic=True)
    return raw
