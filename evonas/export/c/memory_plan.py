"""Where each tensor of a network lies in the C code's one block of memory, and which tensors are stored as codes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from evonas.architecture.graph import INPUT, Architecture, Op
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
        blocks: For each convolution, how many filters' sums exist at once; all of them, if made in place.
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


def sums_of(name: str) -> str:
    """Name of the buffer for a convolution's sums, where they are not made in place of its output."""
    return f"{name} sums"


def plan_memory(frozen: FrozenNetwork) -> Plan:
    """Give every tensor a place, so that those alive at once do not overlap.

    An output that only one convolution reads, and quantizes element by element, is stored as that one's codes. An
    operation that hands its input on, or adds to one that nobody needs afterwards, has no memory of its own.
    """
    architecture = frozen.architecture
    readers = _coded(frozen)
    home, last = _homes(architecture, readers)
    fixed, sums = [], {}
    if _image_as_floats(frozen):
        fixed.append(Buffer(INPUT, architecture.shapes[INPUT].elements, 0, last[INPUT]))
    for step, op in enumerate(architecture.ops):
        if op.name not in home:
            bits = frozen.convs[readers[op.name]].op.act.bits if op.name in readers else 8 * CELL
            cells = _cells(architecture.shapes[op.name].elements * bits)
            fixed.append(Buffer(op.name, cells, step, last[op.name]))
        if op.kind == "conv":
            conv = frozen.convs[op.name]
            if op.name not in readers.values() and (bits := work_bits(conv)):
                fixed.append(Buffer(work_of(op.name), _cells(bits), step, step))
            if not is_in_place(conv, readers):
                area = architecture.shapes[op.name].elements // op.channels
                sums[op.name] = Buffer(sums_of(op.name), area * len(conv.kernel.terms), step, step)
    offsets, cells, blocks = _place_all(fixed, sums, {op.name: op.channels for op in architecture.ops})
    return Plan(offsets, cells, home, readers, blocks)


def is_in_place(conv: FrozenConv, readers: Mapping[str, str]) -> bool:
    """Whether sums are made where their results go: one sum for each float."""
    return conv.op.name not in readers and len(conv.kernel.terms) == 1


def work_bits(conv: FrozenConv) -> int:
    """Bits of memory for what a convolution reads, where that is made from a tensor of floats."""
    if conv.image is not None or not front_steps(conv):
        return 0
    elements = conv.source.channels if "pool" in conv.op.steps else conv.source.elements
    return elements * (8 * CELL if conv.act is None else conv.op.act.bits)


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


def _cells(bits: int) -> int:
    return -(-bits // (8 * CELL))


def _place_all(
    fixed: Sequence[Buffer], sums: Mapping[str, Buffer], filters: Mapping[str, int]
) -> tuple[dict[str, int], int, dict[str, int]]:
    """Places, size, and for each of ``sums``, which holds those of one filter, how many filters fit beside the rest."""
    offsets, cells = _place([*fixed, *sums.values()])
    blocks = dict.fromkeys(filters, 1)
    for name, one in sums.items():
        used = sum(buffer.cells for buffer in fixed if buffer.first <= one.first <= buffer.last)
        blocks[name] = max(1, min(filters[name], (cells - used) // one.cells))
    while True:  # what fits by size may not fit in one piece
        wider = [replace(one, cells=one.cells * blocks[name]) for name, one in sums.items()]
        offsets, size = _place([*fixed, *wider])
        if size <= cells:
            return offsets, size, {name: blocks[name] if name in sums else filters[name] for name in filters}
        blocks = {name: max(1, n // 2) for name, n in blocks.items()}


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
