"""The canonical form of many genomes of a cell space at once, as arrays: no network is built.

A network is built from it (:mod:`evonas.spaces.cells.decode`). Two genomes of one network have one canonical form: what
carries a constant gets its first choice, of sources that hold the same tensor the first is read, and of operations that
compute the same, because their kernels are cut to few pixels, the first stands for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from evonas.spaces.cells.layout import CellLayout, pairs
from evonas.spaces.cells.liveness import Ints, Liveness, Mask, Topology, liveness, topologies
from evonas.spaces.cells.settings import EDGE_OPS
from evonas.spaces.configured import WHOLE_NETWORK
from evonas.spaces.genome import Gene


class CellCanonical:
    """Finds canonical forms.

    Args:
        layout: The space.
        genes: Its genes.
    """

    def __init__(self, layout: CellLayout, genes: Sequence[Gene]) -> None:
        self.layout = layout
        self.row = {gene.name: index for index, gene in enumerate(genes)}
        self.skip = layout.settings.ops.index("skip") if "skip" in layout.settings.ops else -1
        self.none = layout.settings.ops.index("none") if "none" in layout.settings.ops else 0  # carries nothing
        self.is_op = np.array([name != "none" for name in layout.settings.ops])
        self.is_conv = np.array(
            [(one := EDGE_OPS[name]) is not None and one.kind == "conv" for name in layout.settings.ops]
        )
        self.pair_index = np.zeros(
            (layout.settings.nodes, 2 + layout.settings.nodes, 2 + layout.settings.nodes), dtype=np.int64
        )
        for node in range(layout.settings.nodes):
            for index, (first, second) in enumerate(pairs(node)):
                self.pair_index[node, first, second] = index
        cells = range(len(layout.settings.cells))
        self.first_expansion = [
            _first([layout.width(index, factor) for factor in layout.settings.expansions]) for index in cells
        ]
        self.first_module = self._first_modules()
        self.preferred = np.argsort(np.arange(len(self.is_op)) != self.skip, kind="stable")  # aliases know skips only
        self.is_same = {kind: self._same_ops(kind) for kind in layout.kinds}
        self.has_same = {
            kind: bool(same.sum() > same.shape[0] * 2 * len(self.is_op)) for kind, same in self.is_same.items()
        }
        # a skip from another cell changes the sides
        self.is_resizing = {
            kind: any(layout.sides(index) != layout.sides(index - 1) for index in layout.cells_of(kind))
            for kind in layout.kinds
        }

    def __call__(self, genomes: Ints) -> tuple[Ints, Mask]:
        """Canonical forms.

        Args:
            genomes: In range, ``(n, n_genes)``.

        Returns:
            The same genomes in canonical form, and whether each network is alive, ``(n,)``.
        """
        canonical, is_alive, has_new_alias = self._pass(genomes)
        while len(rows := np.flatnonzero(has_new_alias)):
            has_new_alias = np.zeros_like(is_alive)
            canonical[rows], is_alive[rows], has_new_alias[rows] = self._pass(canonical[rows])
        return canonical, is_alive

    def _pass(self, genomes: Ints) -> tuple[Ints, Mask, Mask]:
        """Resolve aliases, then drop what is constant; also where that may have left a node that is an alias now."""
        chosen = np.ascontiguousarray(genomes.T)
        column = {name: chosen[row] for name, row in self.row.items()}
        read = {kind: self._without_aliases(kind, one) for kind, one in topologies(self.layout, column).items()}
        found = liveness(self.layout, read)
        is_alive = found.outputs[-1]
        canonical = np.zeros_like(chosen)
        for name in ("classifier/weight", *WHOLE_NETWORK):
            if name in self.row:
                canonical[self.row[name]] = column[name]
        canonical[self.row["stem/weight"]] = column["stem/weight"] * is_alive
        has_new_alias = np.zeros_like(is_alive)
        for kind in self.layout.kinds:
            has_new_alias |= self._enter_kind(kind, read[kind], found, chosen, canonical)
        for index, kind in enumerate(self.layout.settings.cells):
            is_needed, name = found.is_needed[index], f"cell{index}"
            width = self.first_expansion[index][column[f"{name}/expansion"]]
            canonical[self.row[f"{name}/expansion"]] = width * is_needed
            if kind == "reduction" and self.layout.has_residual_at(index):
                has_residual = is_needed & found.outputs[1 + index]
                canonical[self.row[f"{name}/residual"]] = column[f"{name}/residual"] * has_residual
        return canonical.T.copy(), is_alive, has_new_alias

    def liveness(self, genomes: Ints) -> Liveness:
        """What of canonical genomes, ``(n, n_genes)``, depends on the image and is needed."""
        column = {name: genomes[:, row] for name, row in self.row.items()}
        return liveness(self.layout, topologies(self.layout, column))

    def _without_aliases(self, kind: str, topology: Topology) -> Topology:
        """Let edges read the first source of those that hold the same tensor, the lower source first.

        A node whose one living edge is a skip holds what it reads: whoever reads the node might as well read that.
        Without this, two genomes would be one network, and it would be evaluated twice.
        """
        nodes, _, n = topology.ops.shape
        everyone = np.arange(n)
        sources, ops = topology.sources.copy(), topology.ops.copy()
        root = np.full((2 + nodes, n), -1)  # -1: constant
        root[0], root[1] = 0, 1
        for node in range(nodes):
            op = ops[node]
            roots = root[sources[node], everyone]
            is_live = (roots >= 0) & self.is_op[op]
            is_pair, is_one = is_live.all(axis=0), is_live[0] ^ is_live[1]
            is_swapped = is_pair & (roots[0] > roots[1])
            low, high = np.where(is_swapped, roots[::-1], roots)
            low_op, high_op = np.where(is_swapped, op[::-1], op)
            only, only_op = np.where(is_live[0], roots[0], roots[1]), np.where(is_live[0], op[0], op[1])
            if is_one.any():  # it is read beside the first source, or that beside the second
                is_first = only == 0
                low, high = np.where(is_one, 0, low), np.where(is_one, np.where(is_first, 1, only), high)
                low_op = np.where(is_one, np.where(is_first, only_op, self.none), low_op)
                high_op = np.where(is_one, np.where(is_first, self.none, only_op), high_op)
            is_equal = is_pair & (roots[0] == roots[1])
            if is_equal.any():  # two edges cannot read the same source: the first two that hold that tensor
                holds = root[: 2 + node] == roots[0]
                first = holds.argmax(axis=0)
                holds[first, everyone] = False
                low, high = np.where(is_equal, first, low), np.where(is_equal, holds.argmax(axis=0), high)
                low_op, high_op = np.where(is_equal, np.sort(op, axis=0), (low_op, high_op))
            is_any = is_pair | is_one
            sources[node] = np.where(is_any, (low, high), sources[node])
            ops[node] = np.where(is_any, (low_op, high_op), op)
            is_handed_on = is_one & (only_op == self.skip)
            if self.is_resizing[kind]:
                is_handed_on &= only >= 2
            root[2 + node] = np.where(is_handed_on, only, np.where(is_any, 2 + node, -1))
        return Topology(sources, ops)

    def _enter_kind(self, kind: str, read: Topology, found: Liveness, chosen: Ints, canonical: Ints) -> Mask:
        """Enter a kind's topology as it is in use, its module, and its layers' precisions; where it has a new alias."""
        layout, cells = self.layout, self.layout.cells_of(kind)
        carries = found.edges[cells] & found.is_needed[cells, None, None]  # cells, nodes, edges, n
        in_use: Mask = np.logical_or.reduce(carries)
        is_merged = np.zeros(chosen.shape[1], dtype=bool)
        if self.has_same[kind]:
            ops = np.where(in_use, self._first_same(kind, read, carries), read.ops)
            is_merged = (ops != read.ops).any(axis=(0, 1))
            read = Topology(read.sources, ops)
        # An edge that is left alone is read beside the first source: it becomes the second, unless it reads that one.
        moves = in_use[:, 0] & ~in_use[:, 1] & (read.sources[:, 0] > 0)
        for node in range(layout.settings.nodes):
            (low, high), (has_low, has_high) = read.sources[node], in_use[node]
            op = np.where(in_use[node], read.ops[node], self.none)
            op = np.where(moves[node], op[::-1], op)
            first = np.where(has_low & has_high, low, 0)
            second = np.where(has_high, high, np.where(moves[node], low, 1))
            name = f"{kind}/node{node}"
            canonical[self.row[f"{name}/inputs"]] = self.pair_index[node, first, second]
            canonical[self.row[f"{name}/edge0/op"]], canonical[self.row[f"{name}/edge1/op"]] = op
        has_conv = carries & self.is_conv[read.ops]
        is_read = found.is_read[cells] & found.is_needed[cells, None]
        for place, index in enumerate(cells):
            self._enter_precisions(index, is_read[place], has_conv[place], moves, chosen, canonical)
        if len(layout.settings.modules) > 1:
            is_larger = np.array([[[layout.has_larger_input(index, number)] for number in range(2)] for index in cells])
            parts = (
                has_conv.any(axis=(0, 1, 2)),
                *((is_read & which).any(axis=(0, 1)) for which in (~is_larger, is_larger)),
            )
            row = self.row[f"{kind}/module"]
            canonical[row] = self.first_module[(*(part.astype(np.int64) for part in parts), chosen[row])]
        lost_one = self.is_op[read.ops].all(axis=1) & (in_use[:, 0] ^ in_use[:, 1])
        return np.asarray(is_merged | (lost_one & (in_use & (read.ops == self.skip)).any(axis=1)).any(axis=0))

    def _first_same(self, kind: str, read: Topology, carries: Mask) -> Ints:
        """For each edge the first operation, a skip before all others, that computes the same wherever it carries."""
        is_inner = (read.sources >= 2).astype(np.int64)
        is_same = np.ones((*read.ops.shape, len(self.is_op)), dtype=bool)  # nodes, edges, n, operations
        for place, same in enumerate(self.is_same[kind]):
            is_same &= same[is_inner, read.ops] | ~carries[place][..., None]
        first: Ints = self.preferred[is_same[..., self.preferred].argmax(axis=-1)]
        return first

    def _same_ops(self, kind: str) -> Mask:
        """Which operations compute the same: cells of a kind, whether an edge reads a node, operation, operation."""
        cells = self.layout.cells_of(kind)
        edges = [[list(found.values()) for found in self.layout.edges[index]] for index in cells]
        return np.array([[[[one == other for other in ops] for one in ops] for ops in cell] for cell in edges])

    def _enter_precisions(
        self, index: int, is_read: Mask, has_conv: Mask, moves: Mask, chosen: Ints, canonical: Ints
    ) -> None:
        """Those of the layers that a cell has; an edge that moves takes its own along."""
        if self.layout.settings.precision_scope == "cell":
            for role in ("weight", "act"):
                row = self.row[f"cell{index}/{role}"]
                canonical[row] = chosen[row] * (is_read.any(axis=0) | has_conv.any(axis=(0, 1)))
            return
        present = np.array([*is_read, *(edge for node in has_conv for edge in node)])
        for role in ("weight", "act"):
            rows = [self.row[f"{layer}/{role}"] for layer in self.layout.layers_of(index)]
            canonical[rows] = chosen[rows] * present
            for node in np.flatnonzero(moves.any(axis=1)):
                low, high = rows[2 + 2 * node : 4 + 2 * node]
                canonical[high] = np.where(moves[node], canonical[low], canonical[high])
                canonical[low] = canonical[low] * ~moves[node]

    def _first_modules(self) -> Ints:
        """The first module that looks the same where a cell has only some convolutions.

        Indices: whether there are convolutions on edges, at inputs, at larger inputs; the module.
        """
        layout = self.layout
        seen = [
            (layout.edge_steps(one), layout.input_steps(one, is_larger=False), layout.input_steps(one, is_larger=True))
            for one in layout.settings.modules
        ]
        first = np.zeros((2, 2, 2, len(layout.settings.modules)), dtype=np.int64)
        for flags in np.ndindex(2, 2, 2):
            first[flags] = _first([tuple(itertools.compress(parts, flags)) for parts in seen])
        return first


def _first(values: Sequence[object]) -> Ints:
    """For each value, the index of the first that equals it."""
    return np.array([values.index(value) for value in values])
