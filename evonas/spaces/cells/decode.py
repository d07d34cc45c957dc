"""From a canonical genome of a cell space to the graph of operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.architecture.module_steps import module_steps
from evonas.architecture.precision import EIGHT_BIT, FLOAT, Precision, precision
from evonas.spaces.cells.layout import CellLayout, pair_of
from evonas.spaces.cells.liveness import Liveness
from evonas.spaces.cells.settings import FREE
from evonas.spaces.configured import of_network


def build(layout: CellLayout, choice: Mapping[str, str], live: Liveness) -> Architecture:
    """Build a network of the operations that depend on the image and that its output depends on.

    What carries a constant is left out: counts with it would not agree with what a device measures.

    Args:
        layout: The space.
        choice: A label for every gene, of a canonical genome.
        live: What of that one genome is alive.
    """
    stem = Op(
        "stem",
        "conv",
        (INPUT,),
        layout.settings.stem_channels,
        kernel=layout.settings.stem_window.kernel,
        stride=layout.settings.stem_window.stride,
        weight=precision(choice["stem/weight"]),
        act=layout.stem_act,
        steps=module_steps(layout.settings.stem_module),
    )
    outputs, ops = ["stem", "stem"], [stem]  # of the two cells before
    for index in range(len(layout.settings.cells)):
        cell = _Cell(layout, choice, index, (outputs[-2], outputs[-1]), live)
        if live.is_needed[index, 0]:
            cell.build()
            ops += cell.ops
        outputs.append(cell.output)
    if not live.outputs[-1, 0]:  # the whole network is a constant, from some cell on
        dead = int(live.outputs[2:, 0].argmin())
        width = layout.width(dead, float(choice[f"cell{dead}/expansion"])) * layout.settings.nodes
        outputs, ops = [f"cell{dead}"], [Op(f"cell{dead}", "zeros", (INPUT,), width)]
    steps = module_steps(layout.settings.classifier_module)
    classifier = Op(
        "classifier",
        "conv",
        (outputs[-1],),
        layout.n_classes,
        weight=precision(choice["classifier/weight"]),
        act=EIGHT_BIT if "quant" in steps else FLOAT,
        steps=steps,
        has_bias=layout.settings.has_classifier_bias,
    )
    kept = of_network(layout.settings, choice)
    return Architecture(layout.input_shape, (*ops, classifier), layout.scheme, **kept)


def edges_of(architecture: Architecture) -> Iterator[tuple[int, int, int, str, Op]]:
    """Every edge of a cell network by its operation's name: cell, node, source, name in ``EDGE_OPS``, operation."""
    for op in architecture.ops:
        match op.name.split("/"):
            case [cell, node, source, edge_op] if source.startswith("from"):
                yield int(cell[4:]), int(node[4:]), int(source[4:]), edge_op, op


@dataclass
class _Cell:
    layout: CellLayout
    choice: Mapping[str, str]
    index: int
    inputs: tuple[str, str]
    live: Liveness
    ops: list[Op] = field(default_factory=list)

    def __post_init__(self) -> None:
        # attributes, because a search builds many cells
        self.name = f"cell{self.index}"
        self.kind = self.layout.settings.cells[self.index]
        self.width = self.layout.width(self.index, float(self.choice[f"{self.name}/expansion"]))
        self.module = self.choice[f"{self.kind}/module"]
        self.has_residual = self.layout.has_residual_at(self.index) and bool(self.live.outputs[self.index + 1, 0])
        self.output = f"{self.name}/sum" if self.has_residual else self.name

    def build(self) -> None:
        """Append the cell's operations."""
        for source in np.flatnonzero(self.live.is_read[self.index, :, 0]):
            self._add_input(int(source))
        nodes = tuple(self._add_node(node) for node in range(self.layout.settings.nodes))
        channels = self.width * len(nodes)
        self.ops.append(Op(self.name, "concat", nodes, channels))
        if self.has_residual:
            self._add_residual(channels)
            self.ops.append(Op(self.output, "add", (self.name, f"{self.name}/residual"), channels))

    def _add_node(self, node: int) -> str:
        name, sources = f"{self.name}/node{node}", pair_of(self.choice[f"{self.kind}/node{node}/inputs"])
        is_live = self.live.edges[self.index, node, :, 0]
        edges = tuple(self._add_edge(node, edge, source) for edge, source in enumerate(sources) if is_live[edge])
        if edges:
            self.ops.append(Op(name, "add", edges, self.width))
        else:
            self.ops.append(Op(name, "zeros", (INPUT,), self.width, stride=self.layout.strides(self.index)))
        return name

    def _add_input(self, source: int) -> None:
        """The 1x1 convolution that brings a cell's input to its width; 3x3 with stride 2 after a reduction cell."""
        is_larger = self.layout.has_larger_input(self.index, source)
        name = f"{self.name}/in{source}"
        weight, act = self._precisions(name)
        op = Op(
            name,
            "conv",
            (self.inputs[source],),
            self.width,
            kernel=(3, 3) if is_larger else (1, 1),
            stride=self.layout.reduction_stride if is_larger else (1, 1),
            weight=weight,
            act=act,
            steps=self.layout.input_steps(self.module, is_larger=is_larger),
        )
        self.ops.append(op)

    def _add_edge(self, node: int, edge: int, source: int) -> str:
        name = self.choice[f"{self.kind}/node{node}/edge{edge}/op"]
        found = self.layout.edges[self.index][source >= 2][name]
        assert found is not None
        details: dict[str, Any] = {}
        if found.kind == "conv":
            weight, act = self._precisions(f"{self.name}/node{node}/edge{edge}")
            steps = self.layout.edge_steps(self.module, groups=found.groups)
            details = {"groups": found.groups, "weight": weight, "act": act, "steps": steps}
        op = Op(
            f"{self.name}/node{node}/from{source}/{name}",
            found.kind,
            (f"{self.name}/in{source}" if source < 2 else f"{self.name}/node{source - 2}",),
            self.width,
            **found.window._asdict(),
            **details,
        )
        self.ops.append(op)
        return op.name

    def _add_residual(self, channels: int) -> None:
        """Bring the output of the cell before to this cell's channels and side."""
        before, name = self.inputs[1], f"{self.name}/residual"
        how = self.choice[name] if self.kind == "reduction" else FREE
        if how != FREE:
            self.ops.append(self._downsampling(before, how, channels))
            return
        if self.kind == "reduction":
            factor = float(self.choice[f"cell{self.index - 1}/expansion"])
            width = self.layout.width(self.index - 1, factor) * self.layout.settings.nodes
            stride = self.layout.reduction_stride
            self.ops.append(Op(f"{name}/pool", "avg_pool", (before,), width, kernel=stride, stride=stride))
            before = f"{name}/pool"
        self.ops.append(Op(name, "align", (before,), channels))

    def _downsampling(self, before: str, how: str, channels: int) -> Op:
        """Batch norm and a convolution as wide as its stride, 2x2 in BNAS; activations are quantized like weights."""
        chosen = precision(how)
        return Op(
            f"{self.name}/residual",
            "conv",
            (before,),
            channels,
            kernel=self.layout.reduction_stride,
            stride=self.layout.reduction_stride,
            weight=chosen,
            act=chosen,
            steps=("norm", "conv") if chosen.is_float else ("norm", "quant", "conv"),
            has_bias=True,
            segments=self.layout.settings.nodes,
        )

    def _precisions(self, layer: str) -> tuple[Precision, Precision]:
        gene = self.layout.precision_gene(layer)
        return precision(self.choice[f"{gene}/weight"]), precision(self.choice[f"{gene}/act"])
