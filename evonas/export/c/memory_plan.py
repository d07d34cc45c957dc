"""Where each tensor of a network lies in the C code's one block of memory, and which tensors are stored as codes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.export.c.kernels.choice import Scratch, choose, code_cells
from evonas.nets.frozen import FrozenConv, FrozenNetwork

CELL = 4  # bytes: a float, or a sum
ROUNDS = 10  # in which places are tried from each order


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory that something needs for a while.

    Attributes:
        name: What it is for.
        cells: Size in units of four bytes.
        first, last: The steps during which it is in use, both included.
    """

    name: str
    cells: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Memory of a whole network.

    Attributes:
        offsets: Place of each buffer, in cells: outputs under the names of the operations, see :func:`work_of`.
        cells: Size of the whole block.
        home: For operations that share another one's buffer, its name; a name that is missing has its own.
        readers: For a convolution whose output is stored as codes, the one that reads them.
        blocks: For each convolution, how many filters are computed at a time.
    """

    offsets: Mapping[str, int]
    cells: int
    home: Mapping[str, str]
    readers: Mapping[str, str]
    blocks: Mapping[str, int] = field(default_factory=dict)

    def at(self, name: str) -> int:
        """Where the output of an operation lies, in cells."""
        return self.offsets[self.home.get(name, name)]


def work_of(name: str) -> str:
    """Name of the buffer for what a convolution reads."""
    return f"{name} reads"


def scratch_of(name: str) -> str:
    """Name of the buffer for what a convolution needs beside its tensors."""
    return f"{name} scratch"


def plan_memory(frozen: FrozenNetwork) -> Plan:
    """Give every tensor a place, so that those alive at once do not overlap.

    An output that only one convolution reads, and quantizes element by element, is stored as that one's codes. An
    operation that hands its input on, or adds to one that nobody needs afterwards, has no memory of its own.
    """
    architecture = frozen.architecture
    readers = _coded(frozen)
    home, last = _homes(architecture, readers)
    fixed, scratches = [], {}
    if _image_as_floats(frozen):
        fixed.append(Buffer(INPUT, architecture.shapes[INPUT].elements, 0, last[INPUT]))
    for step, op in enumerate(architecture.ops):
        if op.name not in home:
            is_coded = op.name in readers
            cells = code_cells(frozen.convs[readers[op.name]]) if is_coded else architecture.shapes[op.name].elements
            fixed.append(Buffer(op.name, cells, step, last[op.name]))
        if op.kind == "conv":
            conv = frozen.convs[op.name]
            if op.name not in readers.values() and (cells := work_cells(conv)):
                fixed.append(Buffer(work_of(op.name), cells, step, step))
            scratches[op.name] = step, choose(conv).scratch
    offsets, cells, blocks = _place_all(fixed, scratches)
    return Plan(offsets, cells, home, readers, blocks)


def work_cells(conv: FrozenConv) -> int:
    """Memory for what a convolution reads, where that is made from a tensor of floats."""
    if conv.image is not None or not front_steps(conv):
        return 0
    if conv.act is None:
        return conv.source.channels if "pool" in conv.op.steps else conv.source.elements
    return code_cells(conv)


def front_steps(conv: FrozenConv) -> tuple[str, ...]:
    """Steps in front of the convolution."""
    return conv.op.steps[: conv.op.steps.index("conv")]


def _image_as_floats(frozen: FrozenNetwork) -> bool:
    return any(
        INPUT in op.inputs
        and op.kind != "zeros"
        and not (op.kind == "conv" and frozen.convs[op.name].image is not None)
        for op in frozen.architecture.ops
    )


def _reads(op: Op) -> tuple[str, ...]:
    return () if op.kind == "zeros" else op.inputs  # which needs the image for its size only


def _coded(frozen: FrozenNetwork) -> dict[str, str]:
    """Convolutions whose output may be stored as codes, each with the one that reads them."""
    ops = frozen.architecture.ops
    readers: dict[str, list[Op]] = {op.name: [] for op in ops}
    for op in ops:
        for name in _reads(op):
            readers.get(name, []).append(op)
    found = {}
    for op in ops[:-1]:
        if op.kind == "conv" and len(readers[op.name]) == 1 and readers[op.name][0].kind == "conv":
            conv = frozen.convs[readers[op.name][0].name]
            is_elementwise = {*front_steps(conv)} <= {"norm", "standardize", "relu", "quant"}
            has_codes = conv.act is not None and conv.act.rule != "per_image"
            if has_codes and is_elementwise and "shortcut" not in conv.op.steps:
                found[op.name] = conv.op.name
    return found


def _homes(architecture: Architecture, readers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, int]]:
    """Which outputs share another one's buffer, and the last step at which each buffer is read."""
    home: dict[str, str] = {}
    for op in architecture.ops:
        if is_view(architecture, op):
            home[op.name] = home.get(op.inputs[0], op.inputs[0])
    last = {INPUT: 0}
    for step, op in enumerate(architecture.ops):
        for name in (op.name, *_reads(op)):
            last[home.get(name, name)] = step
    last[home.get(op.name, op.name)] = len(architecture.ops)  # the logits are copied out at the end
    for step, op in enumerate(architecture.ops):
        if op.kind in ("add", "skip") and op.name not in home:
            inputs = [home.get(name, name) for name in op.inputs]
            dying = [name for name in inputs if last[name] == step and name not in readers]
            if dying:
                home |= dict.fromkeys((op.name, *(view for view in home if home[view] == op.name)), dying[0])
                last[dying[0]] = last[op.name]
    return home, last


def is_view(architecture: Architecture, op: Op) -> bool:
    """Whether an operation's output is its input, unchanged."""
    return architecture.is_view(op)


def _place_all(
    fixed: Sequence[Buffer], scratches: Mapping[str, tuple[int, Scratch]]
) -> tuple[dict[str, int], int, dict[str, int]]:
    """Places, size, and how many filters of each convolution are computed at a time: what fits beside the rest."""

    def buffers(blocks: Mapping[str, int]) -> list[Buffer]:
        sized = [(name, step, one.cells(blocks[name])) for name, (step, one) in scratches.items()]
        return [*fixed, *(Buffer(scratch_of(name), cells, step, step) for name, step, cells in sized)]

    least = {name: one.least for name, (_, one) in scratches.items()}
    blocks = dict(least)
    offsets, cells = _place(buffers(blocks))
    for name, (step, one) in scratches.items():
        used = sum(buffer.cells for buffer in fixed if buffer.first <= step <= buffer.last)
        blocks[name] = one.largest_block(cells - used)
    while blocks != least:  # what fits by size may not fit in one piece
        wider, size = _place(buffers(blocks))
        if size <= cells:
            return wider, size, blocks
        blocks = {name: max(least[name], n // 2) for name, n in blocks.items()}
    return offsets, cells, least


def _place(buffers: Sequence[Buffer]) -> tuple[dict[str, int], int]:
    """First fit, in the best of several orders: what sticks out at the end is put first in the next one."""
    orders: list[Callable[[Buffer], tuple[int, ...]]] = [
        lambda buffer: (-buffer.cells, buffer.first),
        lambda buffer: (buffer.first, -buffer.cells),
        lambda buffer: (buffer.first - buffer.last, -buffer.cells),
        lambda buffer: (-buffer.last, -buffer.cells),
    ]
    least = max((sum(other.cells for other in buffers if _are_alive(one, other)) for one in buffers), default=0)
    best: tuple[dict[str, int], int] = {}, -1
    for order in orders:
        in_order = sorted(buffers, key=order)
        for _ in range(ROUNDS):
            offsets, size = _first_fit(in_order)
            if best[1] < 0 or size < best[1]:
                best = offsets, size
            if size <= least:  # no plan takes less
                return best
            in_order.sort(key=lambda buffer: offsets[buffer.name] + buffer.cells < size)
    return best


def _are_alive(one: Buffer, other: Buffer) -> bool:
    """Whether the other buffer is in use when the one begins to be."""
    return other.first <= one.first <= other.last


def _first_fit(buffers: Sequence[Buffer]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    placed: list[tuple[int, Buffer]] = []  # in order of their places
    for buffer in buffers:
        offset = 0
        for start, other in placed:
            if other.first <= buffer.last and buffer.first <= other.last:
                if start >= offset + buffer.cells:
                    break
                offset = max(offset, start + other.cells)
        offsets[buffer.name] = offset
        insort(placed, (offset, buffer), key=itemgetter(0))
    return offsets, max((start + buffer.cells for start, buffer in placed), default=0)
