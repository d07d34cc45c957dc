"""What a genome decodes to: a graph of operations as plain frozen data, whatever the search space.

Every part of evonas that needs a network reads this graph: the modules in ``nets`` execute it, the cost models count it
(through :meth:`Architecture.layers`), the supernet keeps one shared kernel for each operation name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from evonas.architecture.fitting import Sides, Window, fit
from evonas.architecture.layer_counts import act_facts, conv_layer, module_facts, weight_facts
from evonas.architecture.precision import EIGHT_BIT, FLOAT, Precision
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.architecture.stored_numbers import input_bytes, number_facts
from objectives import Layer
from objectives.device.storage import storage
from objectives.layer import AVG_POOL, MAX_POOL, NO_POOL, Reading

INPUT = "input"
PREACTIVATED = ("norm", "quant", "conv")
CLASSIFIER = ("norm", "relu", "pool", "quant", "conv")
ONE_PIXEL = Window()
COMPUTES = ("conv", "add", "avg_pool")  # other kinds give numbers of their inputs, and zeros
POOLS = {"max_pool": MAX_POOL, "avg_pool": AVG_POOL}
STEPS = ("norm", "standardize", "relu", "pool", "quant", "conv", "shuffle", "shortcut", "prelu")


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of the graph; its output has the same name.

    Attributes:
        name: Unique in the network. In a supernet, operations of the same name share one latent kernel.
        kind: One of

            - ``conv``: the only kind with weights, a module of several ``steps``; a classifier is one that pools first;
            - ``max_pool``, ``avg_pool``, ``skip``, ``add``, ``concat``;
            - ``align``: cut or zero-pad the channels of each segment;
            - ``splice``: the first input's p channels, then those of the second from p on, shuffled as by a channel
              shuffle of ``ceil(channels / p)`` groups, so that the first input's lie evenly among the others;
            - ``zeros``: zeros in the place of a constant branch, of the image's sides divided by the stride.
        inputs: Names of the operations it reads, or ``"input"``.
        channels: Of the output; classes for a classifier.
        kernel: Height and width of the kernel.
        stride: Of kernel or pool, along height and width; an output side is ``ceil(side / stride)``.
        dilation: Of the kernel.
        groups: Of a grouped convolution; divides the channels of input and output.
        weight: Precision of the kernel.
        act: Precision of the activations that a convolution reads.
        steps: Structure of the module that a convolution sits in, in order:

            - ``norm``: batch norm; ``standardize``: the same without learned scale and shift;
            - ``quant``: activation quantizer; a ReLU where activations are float;
            - ``conv``: quantized weights, convolution, bias if ``has_bias``;
            - ``shuffle``: mixes the channels of the groups, by the order of the filters, so at no cost;
            - ``shortcut``: adds the module's input, average-pooled if there is a stride; channels must be equal;
            - ``prelu``: a learned shift, PReLU and shift, one of each per channel (RPReLU);
            - ``relu``, and ``pool``, which averages over the whole image.
        has_bias: Whether the convolution adds a bias per channel.
        segments: Equal groups of a convolution's output channels; a narrower use cuts each of them, so that a channel
            keeps its meaning where the output is added to a concatenation.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    channels: int
    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    dilation: int = 1
    groups: int = 1
    weight: Precision = FLOAT
    act: Precision = FLOAT
    steps: tuple[str, ...] = PREACTIVATED
    has_bias: bool = False
    segments: int = 1

    @property
    def padding(self) -> Sides:
        """Rows and columns of zeros around what a convolution reads, or that a pool leaves out, on each side."""
        height, width = ((side - 1) // 2 for side in self.kernel)
        return self.dilation * height, self.dilation * width

    def padding_behind(self, height: int, width: int) -> Sides:
        """Rows below and columns behind that a convolution needs besides: an even kernel covers an odd side only so."""
        below, behind = (
            side % stride if kernel % 2 == 0 else 0
            for side, stride, kernel in zip((height, width), self.stride, self.kernel, strict=True)
        )
        return below, behind


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

    Kernels are never wider than what they read has use for, whatever was given: on 2x2 pixels 5x5 becomes 3x3, across a
    signal, an image of one row or one column, it becomes 1, see :func:`evonas.architecture.fitting.fit`. A pool of one
    pixel is a skip.

    Attributes:
        input_shape: ``(channels, height, width)`` of an image.
        ops: In an order in which every input comes before its reader.
        scheme: Which method quantizes what.
        stream: How tensors between layers are kept: as floats, or as fixed-point numbers of 8 or 16 bits.
        norms: How scales and shifts of norms are stored, see :data:`evonas.architecture.precision.NUMBERS`.
        scales: How all other numbers that are no weights are stored.
    """

    input_shape: tuple[int, int, int]
    ops: tuple[Op, ...]
    scheme: Scheme = DEFAULT_SCHEME
    stream: Precision = FLOAT
    norms: Precision = FLOAT
    scales: Precision = FLOAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", tuple(_fitted(op, self.shapes[op.inputs[0]]) for op in self.ops))

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
        stored = input_bytes(self.scheme.input_values, self.stream.bits)
        image = Layer(INPUT, "input", (), self.input_shape, output_bits=EIGHT_BIT.bits, bias_bytes=stored)
        layers = [image]
        views: dict[str, str] = {}
        for op in self.ops:
            inputs = tuple(views.get(name, name) for name in op.inputs)
            if self.is_view(op):
                views[op.name] = inputs[0]
            else:
                layers.append(self._layer(op, inputs))
        return tuple(replace(one, output_bits=FLOAT.bits) if one.name == self.logits else one for one in layers)

    @cached_property
    def logits(self) -> str:
        """The operation whose output they are, which others may hand on."""
        name = self.ops[-1].name
        for op in reversed(self.ops):
            if op.name == name and self.is_view(op):
                (name,) = op.inputs
        return name

    @cached_property
    def is_rounded(self) -> frozenset[str]:
        """Operations whose output is rounded to a number of the stream: tensors of their own that compute anew.

        The others move such numbers, are kept as the codes of their reader, are added to a sum as they are computed, or
        give the logits.
        """
        if self.stream.is_float:
            return frozenset()
        layers, kept = self.layers, storage(self.layers)
        kinds = {op.name: op.kind for op in self.ops}
        reads_image = {INPUT}
        for op in self.ops:
            if op.kind not in COMPUTES and reads_image.intersection(op.inputs):
                reads_image.add(op.name)
        found = []
        for layer, is_coded, is_added in zip(layers[1:], kept.is_coded[1:], kept.is_added[1:], strict=True):
            computes = kinds[layer.name] in COMPUTES or layer.name in reads_image
            if computes and not is_coded[0] and not is_added[0] and layer.name != self.logits:
                found.append(layer.name)
        return frozenset(found)

    def is_view(self, op: Op) -> bool:
        """Whether an operation hands its one input on unchanged, so that it is no tensor of its own."""
        is_alone = len(op.inputs) == 1 and op.stride == (1, 1) and op.kind in ("skip", "add", "concat", "align")
        return is_alone and self.shapes[op.inputs[0]].channels == op.channels

    def _layer(self, op: Op, inputs: tuple[str, ...]) -> Layer:
        shape = self.shapes[op.name]
        output_shape = (shape.channels, shape.height, shape.width)
        bits = self.stream.bits
        if op.kind == "zeros":  # needs the image for its size only
            return Layer(op.name, op.kind, (), output_shape, output_bits=bits)
        read = sum(self.shapes[name].elements * (EIGHT_BIT.bits if name == INPUT else bits) for name in op.inputs)
        source = self.shapes[op.inputs[0]]
        reading = Reading((source.channels, source.height, source.width), op.kernel, op.stride, op.dilation, op.groups)
        if op.kind != "conv":
            pool = POOLS.get(op.kind, NO_POOL)
            return Layer(
                op.name, op.kind, inputs, output_shape, output_bits=bits, input_bits=read, reading=reading, pool=pool
            )
        return conv_layer(
            op.name,
            op="linear" if "pool" in op.steps else "conv",
            inputs=inputs,
            reading=reading,
            channels=shape.channels,
            height=shape.height,
            width=shape.width,
            weight=weight_facts(op.weight, self.scheme),
            act=act_facts(op.act, self.scheme),
            module=module_facts(op.steps),
            has_bias=int(op.has_bias),
            input_bits_each=EIGHT_BIT.bits if op.inputs[0] == INPUT else bits,
            output_bits=bits,
            numbers=number_facts(self.norms, self.scales),
        )


def _fitted(op: Op, source: Shape) -> Op:
    """The same with a kernel and a stride that fit its input."""
    given = Window(op.kernel, op.stride, op.dilation)
    if given == ONE_PIXEL and op.kind not in ("max_pool", "avg_pool"):
        return op
    window = fit(given, (1, 1) if "pool" in op.steps else (source.height, source.width))
    kind = "skip" if window == ONE_PIXEL and op.kind in ("max_pool", "avg_pool") else op.kind
    return op if (window, kind) == (given, op.kind) else replace(op, kind=kind, **window._asdict())


def _output_shape(op: Op, inputs: list[Shape]) -> Shape:
    first = inputs[0]
    height, width = -(-first.height // op.stride[0]), -(-first.width // op.stride[1])
    match op.kind:
        case "conv":
            return Shape(op.channels, *((1, 1) if "pool" in op.steps else (height, width)), segments=op.segments)
        case "concat":
            return Shape(op.channels, height, width, segments=sum(shape.segments for shape in inputs))
        case "zeros":
            return Shape(op.channels, height, width)
        case _:
            return Shape(op.channels, height, width, segments=first.segments)
