"""The slow twin of resolving aliases in cells, where a node only hands on what another one holds."""

from __future__ import annotations

from collections.abc import Mapping

from evonas.spaces.cells.layout import CellLayout, pair_label, pair_of, pairs
from evonas.spaces.cells.settings import EDGE_OPS
from evonas.spaces.window_settings import sides


def without_aliases(layout: CellLayout, choice: Mapping[str, str]) -> dict[str, str]:
    """Let edges read the first tensor of those that are equal.

    A node whose one living edge is a skip is the tensor that it reads: whoever reads the node might as well read that
    tensor. Without this, two genomes would be one network, and it would be evaluated twice.

    Args:
        layout: The space.
        choice: A label for every gene.

    Returns:
        The same with other inputs of nodes, and none on edges that carry a constant.
    """
    resolved = dict(choice)
    for kind in layout.kinds:
        root = {0: 0, 1: 1}  # of every living source: the first one that holds the same tensor
        for node in range(layout.settings.nodes):
            name = f"{kind}/node{node}"
            live = []
            for edge, source in enumerate(pair_of(choice[f"{name}/inputs"])):
                op = choice[f"{name}/edge{edge}/op"]
                if EDGE_OPS[op] is not None and source in root:
                    live.append((source, op))
            if not live:
                continue
            chosen = _first_sources(live, root, layout.settings.ops)
            pair = next(pair for pair in pairs(node) if set(chosen) <= set(pair))
            resolved[f"{name}/inputs"] = pair_label(pair)
            for edge, source in enumerate(pair):
                resolved[f"{name}/edge{edge}/op"] = chosen.get(source, "none")
            root[2 + node] = 2 + node
            if len(live) == 1:
                ((source, op),) = chosen.items()
                is_strided = source < 2 and is_resizing(layout, kind)
                if op == "skip" and not is_strided:
                    root[2 + node] = source
    return resolved


def _first_sources(live: list[tuple[int, str]], root: Mapping[int, int], ops: tuple[str, ...]) -> dict[int, str]:
    """The operation by the source that each living edge is to read; two edges cannot read the same one."""
    roots = [root[source] for source, _ in live]
    if len(live) == 1 or roots[0] != roots[1]:
        return {first: op for first, (_, op) in zip(roots, live, strict=True)}
    equal = sorted(source for source, first in root.items() if first == roots[0])
    in_order = sorted((op for _, op in live), key=ops.index)  # a sum does not mind which edge is which
    return dict(zip(equal[:2], in_order, strict=True))


def is_resizing(layout: CellLayout, kind: str) -> bool:
    """Whether a cell of that kind gives fewer pixels than it reads."""
    found = layout.input_shape[1:]
    for cell in layout.settings.cells:
        before = found
        if cell == "reduction":
            steps = sides(layout.settings.reduction_stride)
            found = -(-found[0] // steps[0]), -(-found[1] // steps[1])
        if cell == kind and found != before:
            return True
    return False
