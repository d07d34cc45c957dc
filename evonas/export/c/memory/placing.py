"""Places of buffers in one block of memory: first fit in several orders; and, where that leaves gaps, moves."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from evonas.architecture.graph import INPUT
from evonas.export.c.kernels.choice import Scratch

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


@dataclass(frozen=True, slots=True)
class Move:
    """A buffer that moves down before a step, in cells.

    Attributes:
        name: Of the buffer.
        step: Before which it moves.
        start, to: Where it lay, and where it lies from then on.
        cells: Its size.
    """

    name: str
    step: int
    start: int
    to: int
    cells: int


@dataclass(frozen=True)
class Places:
    """Where buffers lie.

    Attributes:
        offsets: The first place of each, in cells.
        cells: Size of the block.
        blocks: For each convolution, how many filters are computed at a time.
        moves: In the order in which they are to be made.
    """

    offsets: Mapping[str, int]
    cells: int
    blocks: Mapping[str, int]
    moves: tuple[Move, ...] = field(default=())


def scratch_of(name: str) -> str:
    """Name of the buffer for what a convolution needs beside its tensors."""
    return f"{name} scratch"


def place_all(fixed: Sequence[Buffer], scratches: Mapping[str, tuple[int, Scratch]], *, cells: int) -> Places:
    """Place all buffers within a block, which is no larger than what is in use at once at the worst step.

    Args:
        fixed: Buffers of tensors, and of what is made of them.
        scratches: By the name of a convolution, its step and what it needs besides. As many of its filters are computed
            at a time as fit beside the rest.
        cells: Size of the block.
    """

    def buffers(blocks: Mapping[str, int]) -> list[Buffer]:
        sized = [(name, step, one.cells(blocks[name])) for name, (step, one) in scratches.items()]
        return [*fixed, *(Buffer(scratch_of(name), size, step, step) for name, step, size in sized)]

    least = {name: one.least for name, (_, one) in scratches.items()}
    blocks = dict(least)
    for name, (step, one) in scratches.items():
        used = sum(buffer.cells for buffer in fixed if buffer.first <= step <= buffer.last)
        blocks[name] = one.largest_block(cells - used)
    while True:  # what fits by size may not fit in one piece
        offsets, size = place(buffers(blocks))
        if size <= cells:
            return Places(offsets, cells, blocks)
        if blocks == least:
            return _with_moves(fixed, scratches, cells=cells)
        blocks = {name: max(least[name], n // 2) for name, n in blocks.items()}


def _with_moves(fixed: Sequence[Buffer], scratches: Mapping[str, tuple[int, Scratch]], *, cells: int) -> Places:
    """Place step by step; where a buffer finds no gap that is wide enough, all that are in use move down first.

    The image does not move, since it lies where the caller wrote it; it is the first one, at the beginning.
    """
    offsets: dict[str, int] = {}
    moves: list[Move] = []
    blocks: dict[str, int] = {}
    alive: list[tuple[int, Buffer]] = []  # in order of their places
    of_step = {step: (name, one) for name, (step, one) in scratches.items()}
    for step in range(max(buffer.last for buffer in fixed) + 1):
        alive = [(start, buffer) for start, buffer in alive if buffer.last >= step]
        new = sorted((buffer for buffer in fixed if buffer.first == step), key=lambda buffer: -buffer.cells)
        name, one = of_step.get(step, ("", None))
        least = [Buffer(scratch_of(name), one.cells(one.least), step, step)] if one else []
        if not _all_fit(alive, [*new, *least], cells):
            alive = _packed(alive, step, moves)
        for buffer in new:
            offsets[buffer.name] = start = _first_gap(alive, buffer.cells)
            insort(alive, (start, buffer), key=itemgetter(0))
        if one:
            start, width = max(_gaps(alive, cells), key=itemgetter(1))
            offsets[scratch_of(name)], blocks[name] = start, one.largest_block(width)
    return Places(offsets, cells, blocks, tuple(moves))


def _gaps(alive: Sequence[tuple[int, Buffer]], cells: int) -> list[tuple[int, int]]:
    """Where nothing lies: starts and widths."""
    ends = [0, *(start + buffer.cells for start, buffer in alive)]
    return [(end, start - end) for end, start in zip(ends, [*(start for start, _ in alive), cells], strict=True)]


def _first_gap(alive: Sequence[tuple[int, Buffer]], size: int) -> int:
    return next(start for start, width in _gaps(alive, 2**31) if width >= size)


def _all_fit(alive: Sequence[tuple[int, Buffer]], new: Sequence[Buffer], cells: int) -> bool:
    placed = list(alive)
    for buffer in new:
        start = _first_gap(placed, buffer.cells)
        if start + buffer.cells > cells:
            return False
        insort(placed, (start, buffer), key=itemgetter(0))
    return True


def _packed(alive: Sequence[tuple[int, Buffer]], step: int, moves: list[Move]) -> list[tuple[int, Buffer]]:
    """The same without gaps; what moves is noted."""
    packed, end = [], 0
    for start, buffer in alive:
        if start != end and buffer.name != INPUT:
            moves.append(Move(buffer.name, step, start, end, buffer.cells))
            start = end  # noqa: PLW2901
        packed.append((start, buffer))
        end = start + buffer.cells
    return packed


def place(buffers: Sequence[Buffer]) -> tuple[dict[str, int], int]:
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
