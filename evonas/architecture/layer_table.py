"""An architecture as a table for people: a row per layer, kernels and precisions by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evonas.architecture.graph import Architecture, Op
from reports.tables.network import LayerLabel, network_table

if TYPE_CHECKING:
    import pandas as pd


def architecture_table(architecture: Architecture) -> pd.DataFrame:
    """An architecture as :func:`reports.tables.network.network_table` lists it, with named kernels and bits."""
    labels = {op.name: LayerLabel(_operation(op), op.weight.name, op.act.name) for op in architecture.ops}
    return network_table(architecture.layers, labels=labels)


def _operation(op: Op) -> str:
    """An operation as people write it, such as ``group conv 3×3 /2`` with stride 2."""
    if op.kind not in ("conv", "max_pool", "avg_pool"):
        return op.kind
    if "pool" in op.steps:
        return "linear"
    words = [op.kind.replace("_", " "), "×".join(map(str, op.kernel))]
    if op.groups > 1:
        words.insert(0, "depthwise" if op.groups == op.channels else "group")
    if op.dilation > 1:
        words.insert(0, "dilated")
    if op.stride != (1, 1):
        down, aside = op.stride
        words.append(f"/{down}" if down == aside else f"/{down}×{aside}")
    return " ".join(words)
