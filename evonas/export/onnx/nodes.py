"""Nodes, constants and initializers of a growing ONNX graph, and the few patterns that graphs are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from evonas.architecture.precision import Precision
from evonas.nets.packing.numbers import DEEPEST, POWERS, stored

EXPONENTS = 64  # of powers of two, at the most, above and below 1
MANTISSAS = np.ldexp(np.repeat([1.0, -1.0], DEEPEST + 1), -np.tile(np.arange(DEEPEST + 1), 2)).astype(np.float32)


class Nodes:
    """A graph that grows.

    Attributes:
        made: Nodes, in an order in which every input comes before its reader.
        initializers: What the file stores as data of the network; other constants are nodes.
    """

    def __init__(self) -> None:
        self.made: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}

    def add(self, op_type: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:
        """Add a node of one output; returns the output's name, by default a number: names fill much of a small file."""
        out = out or str(len(self.made))
        self.made.append(helper.make_node(op_type, list(inputs), [out], domain=domain, **attributes))
        return out

    def initializer(self, name: str, array: NDArray[Any]) -> str:
        """Store an array as data of the network."""
        return self.tensor(numpy_helper.from_array(array, name))

    def tensor(self, tensor: TensorProto) -> str:
        """Store a tensor as data of the network."""
        self.initializers.append(tensor)
        return str(tensor.name)

    def constant(self, array: NDArray[Any]) -> str:
        """A constant that belongs to the graph; equal ones are one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.add("Constant", value=numpy_helper.from_array(array))
        return self._constants[key]

    def number(self, value: float) -> str:
        """A float32 constant."""
        return self.constant(np.array(value, dtype=np.float32))

    def power(self, name: str, exponent: int) -> str:
        """Store the exponent of a power of two; returns the name of the power, a tensor ``(1,)``.

        It is looked up: what runtimes compute for a power may be off in its last digit.
        """
        index = self.add("Cast", self.initializer(name, np.array([exponent], dtype=np.int8)), to=TensorProto.INT32)
        place = self.add("Sub", index, self.constant(np.array([-EXPONENTS], dtype=np.int32)))
        return self.add("Gather", self.constant(np.ldexp(np.float32(1), np.arange(-EXPONENTS, EXPONENTS))), place)

    def vector(self, name: str, values: NDArray[np.float32], precision: Precision) -> str:
        """Store numbers ``(n,)`` as a file keeps them; returns the name of a float tensor."""
        kept = stored(values, precision)
        whole = self.initializer(name, kept[""])
        if precision.is_float:
            return whole
        if precision == POWERS:
            pairs = self.add("Unsqueeze", self.add("Cast", whole, to=TensorProto.INT32), self.constant(np.array([1])))
            halves = self.add("Div", pairs, self.constant(np.array([1, POWERS.levels], dtype=np.int32)))
            indices = self.add("Mod", halves, self.constant(np.array(POWERS.levels, dtype=np.int32)))
            flat = self.add("Reshape", indices, self.constant(np.array([-1])))
            numbers = self.add("Gather", self.constant(MANTISSAS), self.slice(flat, 0, len(values), axis=0))
        else:
            numbers = self.add("Cast", whole, to=TensorProto.FLOAT)
        return self.add("Mul", numbers, self.power(f"{name}.exponent", int(kept["exponent"][0])))

    def parts(self, name: str, values: NDArray[np.float32], precision: Precision) -> list[str]:
        """Store numbers ``(n,)``; returns the names of each, tensors ``(1,)``."""
        whole = self.vector(name, values, precision)
        if len(values) == 1:
            return [whole]
        return [self.slice(whole, i, i + 1, axis=0) for i in range(len(values))]

    def row(self, name: str, values: NDArray[np.float32], precision: Precision) -> str:
        """Store numbers ``(channels,)``; returns the name of a tensor ``(1, channels, 1, 1)``."""
        shape = (1, len(values), 1, 1)
        if precision.is_float:
            return self.initializer(name, values.reshape(shape))
        return self.add("Reshape", self.vector(name, values, precision), self.constant(np.array(shape)))

    def slice(self, x: str, start: int, end: int, *, axis: int, step: int = 1) -> str:
        """Part of a tensor along one axis."""
        return self.add("Slice", x, *(self.constant(np.array([i])) for i in (start, end, axis, step)))

    def sum(self, tensors: list[str]) -> str:
        """Sum from left to right."""
        total = tensors[0]
        for tensor in tensors[1:]:
            total = self.add("Add", total, tensor)
        return total

    def sum_in_pairs(self, x: str, n: int) -> str:
        """Sum over the last of three axes, of length ``n``, which stays with length one.

        In the order of :func:`evonas.nets.integer_network.sum_in_pairs`.
        """
        while n > 1:
            even = n - n % 2
            pairs = self.add("Add", self.slice(x, 0, even, axis=2, step=2), self.slice(x, 1, even, axis=2, step=2))
            x = self.add("Concat", pairs, self.slice(x, n - 1, n, axis=2), axis=2) if n % 2 else pairs
            n = even // 2 + n % 2
        return x

    def above(self, x: str, threshold: str) -> str:
        """1 where ``x > threshold``, else 0, as floats."""
        return self.add("Cast", self.add("Greater", x, threshold), to=TensorProto.FLOAT)


class Initializers(Nodes):
    """The same for compilers: every constant is an initializer, and nodes have names."""

    def add(self, op_type: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:
        """See :class:`Nodes`."""
        return super().add(
            op_type, *inputs, out=out, domain=domain, name=out or f"{op_type}_{len(self.made)}", **attributes
        )

    def constant(self, array: NDArray[Any]) -> str:
        """See :class:`Nodes`."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.initializer(f"constant{len(self._constants)}", array)
        return self._constants[key]

    def batch_norm(self, x: str, factor: NDArray[Any], shift: NDArray[Any]) -> str:
        """``x * factor + shift``, of as many numbers as ``x`` has channels."""
        rows = (factor, shift, np.zeros(len(factor)), np.ones(len(factor)))
        return self.add("BatchNormalization", x, *(self.constant(row.astype(np.float32)) for row in rows), epsilon=0.0)
