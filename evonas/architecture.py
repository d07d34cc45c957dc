"""What a genome decodes to: a graph of operations as plain frozen data, whatever the search space.

Every part of evonas that needs a network reads this graph: the modules in ``nets`` execute it, the cost models count it
(through :meth:`Architecture.layers`), the supernet keeps one shared kernel for each operation name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from evonas.precision import EIGHT_BIT, FLOAT, Precision
from evonas.quant import Method
from evonas.quant.scheme import DEFAULT_SCHEME, Scheme
from objectives import Layer

INPUT = "input"
WEIGHTED = ("conv", "classifier")


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of the graph; its output goes by its name.

    Attributes:
        name: Unique in the network. In a supernet, operations of the same name share one latent kernel.
        kind: One of

            - ``conv``: batch norm, activation quantizer, convolution; the first two if ``is_preactivated``;
            - ``classifier``: batch norm, ReLU, global average pool, activation quantizer, linear with bias;
            - ``max_pool``, ``avg_pool``, ``skip``, ``add``, ``concat``;
            - ``align``: cut or zero-pad the channels of each segment;
            - ``zeros``: zeros in the place of a constant branch, with the height and width that a stride leaves.
        inputs: Names of the operations it reads, or ``"input"``.
        channels: Of the output; classes for a classifier.
        kernel: Side of the square kernel.
        stride: Of kernel or pool; output side is ``ceil(side / stride)``.
        dilation: Of the kernel.
        weight: Precision of the kernel.
        act: Precision of the input activations of a weighted operation.
        has_prelu: Whether a convolution is followed by a learned shift, PReLU and shift, a channel each (RPReLU).
        is_preactivated: Whether a convolution normalises and quantizes its input; False for the stem, which reads
            8-bit pixels.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    channels: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    weight: Precision = FLOAT
    act: Precision = FLOAT
    has_prelu: bool = False
    is_preactivated: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of one sample: ``segments`` equal groups of channels, side by side, as a concatenation makes them."""

    channels: int
    height: int
    width: int
    segments: int = 1

    @property
    def elements(self) -> int:
        """Numbers in one sample."""
        return self.channels * self.height * self.width


@dataclass(frozen=True)
class Architecture:
    """A network as data: operations in execution order. The last one gives the logits.

    Attributes:
        input_shape: ``(channels, height, width)`` of an image.
        ops: In an order in which every input comes before its reader.
        scheme: Which method quantizes what.
    """

    input_shape: tuple[int, int, int]
    ops: tuple[Op, ...]
    scheme: Scheme = DEFAULT_SCHEME

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Output shape of every operation by name, and of the image under ``"input"``."""
        shapes = {INPUT: Shape(*self.input_shape)}
        for op in self.ops:
            shapes[op.name] = _output_shape(op, [shapes[name] for name in op.inputs])
        return shapes

    @cached_property
    def dead_reason(self) -> str | None:
        """Why the logits do not depend on the image, or None for a network that is alive."""
        alive = {INPUT}
        for op in self.ops:
            if op.kind != "zeros" and alive.intersection(op.inputs):
                alive.add(op.name)
        if self.ops[-1].name in alive:
            return None
        first = next(op.name for op in self.ops if op.name not in alive)
        return f"no path leads from the image to the output; everything from {first} on is constant"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The network as the cost models of ``objectives`` see it, the image first."""
        channels, height, width = self.input_shape
        image = Layer(INPUT, "input", (), (channels, height, width), output_bits=EIGHT_BIT.bits)
        layers = [image]
        views: dict[str, str] = {}
        for op in self.ops:
            inputs = tuple(views.get(name, name) for name in op.inputs)
            if self._is_view(op):
                views[op.name] = inputs[0]
            else:
                layers.append(self._layer(op, inputs))
        return tuple(layers)

    def _is_view(self, op: Op) -> bool:
        """Whether an operation hands its one input on unchanged, so that it is no tensor of its own."""
        is_alone = len(op.inputs) == 1 and op.stride == 1 and op.kind in ("skip", "add", "concat", "align")
        return is_alone and self.shapes[op.inputs[0]].channels == op.channels

    def _layer(self, op: Op, inputs: tuple[str, ...]) -> Layer:
        shape = self.shapes[op.name]
        output_shape = (shape.channels, shape.height, shape.width)
        if op.kind not in WEIGHTED:
            return Layer(op.name, op.kind, inputs, output_shape)
        source = self.shapes[op.inputs[0]]
        quantized = source.channels if op.kind == "classifier" else source.elements  # a classifier pools first
        weight, act = self.scheme.weight(op.weight), self.scheme.act(op.act) if op.is_preactivated else None
        weights = op.channels * source.channels * op.kernel**2 * (weight.planes if weight else 1)
        return Layer(
            op.name,
            op.kind,
            inputs,
            output_shape,
            workspace_bits=quantized * op.act.bits if op.is_preactivated else 0,
            macs=weights * shape.height * shape.width,
            weights=weights,
            weight_levels=op.weight.levels,
            weight_bits=op.weight.bits,
            act_bits=op.act.bits,
            float_ops=quantized * act.flops_per_element if act else 0,
            float_values=_float_values(op, source, weight, act),
        )


def prune(ops: Iterable[Op]) -> tuple[Op, ...]:
    """Leave out the operations whose output the last one does not need; the order stays."""
    ops = tuple(ops)
    needed = {ops[-1].name}
    for op in reversed(ops):
        if op.name in needed:
            needed.update(op.inputs)
    return tuple(op for op in ops if op.name in needed)


def _float_values(op: Op, source: Shape, weight: Method | None, act: Method | None) -> int:
    """float32 numbers of a layer: scales, step sizes, batch norm folded to a scale and a shift a channel, bias."""
    norm = 2 * source.channels if op.is_preactivated else 0
    bias = op.channels if op.kind == "classifier" else 0
    prelu = 3 * op.channels if op.has_prelu else 0
    scales = weight.stored * (op.channels if weight.is_stored_per_filter else 1) if weight else 0
    return norm + bias + prelu + scales + (act.stored if act else 0)


def _output_shape(op: Op, inputs: list[Shape]) -> Shape:
    first = inputs[0]
    height, width = -(-first.height // op.stride), -(-first.width // op.stride)
    match op.kind:
        case "conv":
            return Shape(op.channels, height, width)
        case "classifier":
            return Shape(op.channels, 1, 1)
        case "concat":
            return Shape(op.channels, height, width, segments=sum(shape.segments for shape in inputs))
        case "zeros":
            return Shape(op.channels, height, width)
        case _:
            return Shape(op.channels, height, width, segments=first.segments)
