"""Partial channels: in a supernet, an edge of a cell computes on a share of its input's channels; the rest passes by.

A convolution on 1/k of the channels has 1/k² of the weights and operations. What skips and pools hand on without
training now passes beside every convolution too, which is meant to make a young supernet favour them less.

References:
    Xu 2020, "PC-DARTS: partial channel connections for memory-efficient architecture search", section 3. EBNAS takes
    k = 8 in normal and 4 in reduction cells.
"""

from __future__ import annotations

import math
from dataclasses import replace

from evonas.architecture.graph import Architecture, Op
from evonas.spaces.cells.decode import edges_of
from evonas.spaces.cells.layout import CellLayout


def with_partial_channels(
    layout: CellLayout, architecture: Architecture, *, normal: int, reduction: int
) -> Architecture:
    """Let every edge compute on the first 1/k of its input's channels, rounded up.

    The other channels pass by unchanged, or by a 2x2 max pool where the edge has stride 2. Both are put side by side
    and shuffled, so that the next edge computes on others. A skip of stride 1 stays as it is. An edge's output keeps
    its name and shape, its operation is now called ``EDGE/part``.

    Args:
        layout: The space that made the architecture.
        architecture: A network of cells.
        normal: k in normal cells; 1 leaves them as they are.
        reduction: k in reduction cells.

    Returns:
        The architecture for a supernet. It is no member of the space: costs are those of the one given.
    """
    ratios = {"normal": normal, "reduction": reduction}
    cells = {op.name: cell for cell, *_, op in edges_of(architecture)}
    ops: list[Op] = []
    for op in architecture.ops:
        ratio = ratios[layout.settings.cells[cells[op.name]]] if op.name in cells else 1
        ops += [op] if ratio == 1 or op.kind == "skip" else _partial(op, layout, cells[op.name], ratio)
    return replace(architecture, ops=tuple(ops))


def _partial(op: Op, layout: CellLayout, cell: int, ratio: int) -> list[Op]:
    """The operation on the first channels, and what joins the others to its output."""
    channels = -(-op.channels // ratio)
    # the same groups at every width that the cell can have, for all of them share a kernel
    groups = math.gcd(op.groups, *(-(-layout.width(cell, factor) // ratio) for factor in layout.settings.expansions))
    first = Op(f"{op.name}/first", "align", op.inputs, channels)
    part = replace(op, name=f"{op.name}/part", inputs=(first.name,), channels=channels, groups=groups)
    if op.stride == (1, 1):
        return [first, part, Op(op.name, "splice", (part.name, *op.inputs), op.channels)]
    rest = Op(f"{op.name}/rest", "max_pool", op.inputs, op.channels, kernel=op.stride, stride=op.stride)
    return [first, part, rest, Op(op.name, "splice", (part.name, rest.name), op.channels)]
