"""Plain ONNX with packed weights."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from evonas.export.onnx.graph import Dialect
from evonas.export.onnx.nodes import Nodes
from evonas.nets.frozen import FrozenConv
from evonas.nets.packing.codes import POWERS_OF_THREE, bits_of


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


def _digits(column: str, powers: np.ndarray, base: int, nodes: Nodes) -> str:
    quotients = nodes.add("Div", column, nodes.constant(powers.astype(np.int32)))
    return nodes.add("Mod", quotients, nodes.constant(np.array(base, dtype=np.int32)))


def _shape(conv: FrozenConv, nodes: Nodes) -> str:
    return nodes.constant(np.array(conv.kernel.values.shape))
