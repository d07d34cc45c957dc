"""Where each tensor of a network lies in the C code's one block of memory, and which tensors are stored as codes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.export.c.kernels.choice import Scratch, choose
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from objectives.storage import storage

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
        added: For a convolution that is added to a sum as it is computed, the operation that is the sum.
        blocks: For each convolution, how many filters are computed at a time.
    """

    offsets: Mapping[str, int]
    cells: int
    home: Mapping[str, str]
    readers: Mapping[str, str]
    added: Mapping[str, Op] = field(default_factory=dict)
    blocks: Mapping[str, int] = field(default_factory=dict)

    def at(self, name: str) -> int:
        """Where the output of an operation lies, in cells."""
        return self.offsets[self.home.get(name, name)]

    def reads(self, name: str) -> int:
        """Where an operation finds a tensor, in cells; below zero: in the image."""
        return -1 if self.home.get(name, name) == INPUT else self.at(name)


def work_of(name: str) -> str:
    """Name of the buffer for what a convolution reads."""
    return f"{name} reads"


def scratch_of(name: str) -> str:
    """Name of the buffer for what a convolution needs beside its tensors."""
    return f"{name} scratch"


def plan_memory(frozen: FrozenNetwork) -> Plan:
    """Give every tensor a place, so that those alive at once do not overlap.

    Which there are, how wide and for how long, is what :func:`objectives.storage.storage` says. The image has a place,
    too: where a caller may write it.
    """
    architecture, layers = frozen.architecture, frozen.architecture.layers
    kept, ops = storage(layers), {op.name: op for op in frozen.architecture.ops}
    home = _views(architecture)
    names, step = [layer.name for layer in layers], {layer.name: index for index, layer in enumerate(layers)}
    last = {name: int(end) for name, end in zip(names, kept.end[:, 0], strict=True)}
    for index, (name, over) in enumerate(zip(names, kept.over[:, 0], strict=True)):
        if over >= 0:
            place = home.get(names[over], names[over])
            home |= {view: place for view in home if home[view] == name} | {name: place}
            last[place] = max(last[place], int(kept.end[index, 0]))
    readers, added = {}, {}
    for index, name in enumerate(names):
        if kept.is_coded[index, 0] or kept.is_added[index, 0]:
            (reader,) = [layer.name for layer in layers if name in layer.inputs]
            if kept.is_coded[index, 0]:
                readers[name] = reader
            else:
                added[name] = ops[reader]
                home[name] = home.get(reader, reader)
    fixed = [
        Buffer(name, int(size) // CELL, int(begin), last[name])
        for name, size, begin in zip(names, kept.n_bytes[:, 0], kept.begin[:, 0], strict=True)
        if size and name not in home
    ]
    scratches = {}
    for name, conv in frozen.convs.items():
        if cells := int(kept.workspace[step[name], 0]) // CELL:
            fixed.append(Buffer(work_of(name), cells, step[name], step[name]))
        scratches[name] = step[name], choose(conv).scratch
    offsets, cells, blocks = _place_all(fixed, scratches)
    return Plan(offsets, cells, home, readers, added, blocks)


def front_steps(conv: FrozenConv) -> tuple[str, ...]:
    """Steps in front of the convolution."""
    return conv.op.steps[: conv.op.steps.index("conv")]


def _views(architecture: Architecture) -> dict[str, str]:
    """Operations that hand their input on, each with the one whose output that is."""
    home: dict[str, str] = {}
    for op in architecture.ops:
        if architecture.is_view(op):
            home[op.name] = home.get(op.inputs[0], op.inputs[0])
    return home


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
