"""Which edges of many cell networks depend on the image, and which cells their outputs need, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evonas.spaces.cells.layout import CellLayout, pairs

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Topology:
    """The edges of a kind of cell.

    Attributes:
        sources: What each edge reads: the two cells before as 0 and 1, then the nodes as 2, 3, …; ``(nodes, 2, n)``.
        ops: Index among the space's operations, of the same shape.
    """

    sources: Ints
    ops: Ints


@dataclass(frozen=True)
class Liveness:
    """What is left of networks without their constant branches.

    Attributes:
        edges: Whether each edge of each cell depends on the image, ``(cells, nodes, 2, n)``.
        is_read: Whether such an edge reads each of a cell's two inputs, ``(cells, 2, n)``.
        outputs: Whether the stem, the stem again as the first cell's other input, and each cell's output depend on the
            image, ``(2 + cells, n)``.
        is_needed: Whether each cell depends on the image and the network's output on the cell, ``(cells, n)``.
    """

    edges: Mask
    is_read: Mask
    outputs: Mask
    is_needed: Mask


def topologies(layout: CellLayout, column: Mapping[str, Ints]) -> dict[str, Topology]:
    """The edges of every kind of cell, from the choices of every gene by name, ``(n,)`` each."""
    found = {}
    for kind in layout.kinds:
        nodes = [f"{kind}/node{node}" for node in range(layout.settings.nodes)]
        sources = np.stack([np.array(pairs(node)).T[:, column[f"{name}/inputs"]] for node, name in enumerate(nodes)])
        ops = np.stack([[column[f"{name}/edge{edge}/op"] for edge in range(2)] for name in nodes])
        found[kind] = Topology(sources, ops)
    return found


def liveness(layout: CellLayout, topology: Mapping[str, Topology]) -> Liveness:
    """Follow the image forward through all cells, then what is needed backward."""
    n_cells, n = len(layout.settings.cells), topology[layout.settings.cells[0]].ops.shape[-1]
    is_op = np.array([name != "none" for name in layout.settings.ops])
    everyone = np.arange(n)
    edges = np.empty((n_cells, layout.settings.nodes, 2, n), dtype=bool)
    is_read = np.empty((n_cells, 2, n), dtype=bool)
    outputs = np.ones((2 + n_cells, n), dtype=bool)
    for index, kind in enumerate(layout.settings.cells):
        one = topology[kind]
        carries = np.empty((2 + layout.settings.nodes, n), dtype=bool)
        carries[:2] = outputs[index : index + 2]
        for node in range(layout.settings.nodes):
            edges[index, node] = is_op[one.ops[node]] & carries[one.sources[node], everyone]
            carries[2 + node] = edges[index, node].any(axis=0)
        outputs[2 + index] = carries[2:].any(axis=0)
        if layout.has_residual_at(index):
            outputs[2 + index] |= carries[1]
        for number in range(2):
            is_read[index, number] = (edges[index] & (one.sources == number)).any(axis=(0, 1))
    is_needed = np.zeros((n_cells, n), dtype=bool)
    is_needed[-1] = outputs[-1]
    for index in reversed(range(n_cells)):
        for number, before in ((0, index - 2), (1, index - 1)):
            if before >= 0:
                reads = is_needed[index]
                if number == 0 or not layout.has_residual_at(index):
                    reads = reads & is_read[index, number]
                is_needed[before] |= reads & outputs[2 + before]
    return Liveness(edges, is_read, outputs, is_needed)
