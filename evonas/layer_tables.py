"""A network's layers as plain tables, stored with the run, so that reports draw networks without torch or the space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evonas.genome import from_text
from evonas.spaces import NetworkSpace, Space
from reports.front import front_table
from reports.network import LayerLabel, network_table
from reports.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from evonas.architecture import Architecture, Op


def describe_front(run: RunFolder, space: Space) -> None:
    """Store the space's genes and the layers of every network of the front; what is stored already stays as it is."""
    run.set_meta("genes", [{"name": gene.name, "choices": list(gene.choices)} for gene in space.genes])
    if not isinstance(space, NetworkSpace):
        return
    missing = undescribed(run)
    tables = {text: architecture_table(space.decode(from_text(text, space.genes))) for text in missing}
    run.store_networks(tables)


def undescribed(run: RunFolder) -> list[str]:
    """Genomes of the front whose layers are not stored yet."""
    genomes = front_table(run)["genome"].tolist()
    known = run.networks(genomes)
    return [genome for genome in genomes if genome not in known]


def architecture_table(architecture: Architecture) -> pd.DataFrame:
    """An architecture as :func:`reports.network.network_table` lists it, kernels and precisions by their names."""
    labels = {op.name: LayerLabel(_operation(op), op.weight.name, op.act.name) for op in architecture.ops}
    return network_table(architecture.layers, labels=labels)


def _operation(op: Op) -> str:
    """An operation as people write it, such as ``group conv 3×3 /2`` with stride 2."""
    if op.kind not in ("conv", "max_pool", "avg_pool"):
        return op.kind
    if "pool" in op.steps:
        return "linear"
    words = [op.kind.replace("_", " "), f"{op.kernel}×{op.kernel}"]
    if op.groups > 1:
        words.insert(0, "depthwise" if op.groups == op.channels else "group")
    if op.dilation > 1:
        words.insert(0, "dilated")
    if op.stride > 1:
        words.append(f"/{op.stride}")
    return " ".join(words)
