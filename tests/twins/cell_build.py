"""The slow twin of decoding a cell genome: it finds constant edges and aliases one network at a time, by names.

The package finds them in arrays (:mod:`evonas.spaces.cells.canonical`); tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.architecture.module_steps import module_steps
from evonas.architecture.precision import EIGHT_BIT, FLOAT, NUMBERS, STREAMS, Precision, precision
from evonas.spaces.cells.layout import CellLayout, pair_of
from evonas.spaces.cells.settings import EDGE_OPS, FREE
from evonas.spaces.window_settings import sides
from tests.twins.cell_aliases import without_aliases

EDGE_NAME = re.compile(r"(/from\d+)/.*")


def build(
    layout: CellLayout, choice: Mapping[str, str], *, keeps_unused: bool = False, keeps_aliases: bool = False
) -> Architecture:
    """Build the network of a choice of every gene.

    Edges that carry a constant, and what only they feed, are left out: counting them would spoil the agreement of the
    counts with what a device measures.

    Args:
        layout: The space.
        choice: A label for every gene.
        keeps_unused: Whether to keep cell inputs that no edge reads, as published parameter counts do.
        keeps_aliases: Whether edges read what they are told to, although another node may hold the same tensor.
    """
    choice = choice if keeps_aliases else without_aliases(layout, choice)
    stem_steps = module_steps(layout.settings.stem_module)
    stem = Op(
        "stem",
        "conv",
        (INPUT,),
        layout.settings.stem_channels,
        kernel=sides(layout.settings.stem_kernel),
        stride=sides(layout.settings.stem_stride),
        weight=precision(choice["stem/weight"]),
        act=layout.stem_act,
        steps=stem_steps,
    )
    ops = [stem]
    outputs: list[str | None] = ["stem", "stem"]  # of the two cells before; None: constant
    for index in range(len(layout.settings.cells)):
        cell = _Cell(layout, choice, index, (outputs[-2], outputs[-1]), keeps_unused)
        outputs.append(cell.build())
        ops += cell.ops
    last = outputs[-1]
    if last is None:
        dead = next(index for index, name in enumerate(outputs[2:]) if name is None)
        last = f"cell{dead}"
        width = layout.width(dead, float(choice[f"cell{dead}/expansion"]))
        ops.append(Op(last, "zeros", (INPUT,), width * layout.settings.nodes))
    steps = module_steps(layout.settings.classifier_module)
    classifier = Op(
        "classifier",
        "conv",
        (last,),
        layout.n_classes,
        weight=precision(choice["classifier/weight"]),
        act=EIGHT_BIT if "quant" in steps else FLOAT,
        steps=steps,
        has_bias=layout.settings.has_classifier_bias,
    )
    ops.append(classifier)
    settings = layout.settings
    stream = STREAMS[choice.get("stream", settings.stream_precisions[0])]
    norms = NUMBERS[choice.get("norms", settings.norm_precisions[0])]
    scales = NUMBERS[choice.get("scales", settings.scale_precisions[0])]
    return Architecture(
        layout.input_shape, tuple(ops) if keeps_unused else prune(ops), layout.scheme, stream, norms, scales
    )


def without_equal_ops(layout: CellLayout, choice: Mapping[str, str]) -> dict[str, str]:
    """Give each edge the first operation, a skip before all others, that makes the same network but for names."""
    found = dict(choice)
    ops = sorted(layout.settings.ops, key=lambda op: op != "skip")
    network = build(layout, found, keeps_aliases=True)
    if not any(map(_is_cut, network.ops)):
        return found
    network = nameless(network)
    for gene in [name for name in found if name.endswith("/op")]:
        for op in ops[: ops.index(found[gene])]:
            other = found | {gene: op}
            if nameless(build(layout, other, keeps_aliases=True)) == network:
                found = other
                break
    return found


def _is_cut(op: Op) -> bool:
    edge_op = EDGE_OPS.get(op.name.rpartition("/")[2])
    return edge_op is not None and edge_op.kind != "skip" and edge_op.kernel != op.kernel


def nameless(architecture: Architecture) -> Architecture:
    """The same, without the names of what edges may compute in the names of operations."""

    def short(name: str) -> str:
        return EDGE_NAME.sub(r"\1", name)

    ops = (replace(op, name=short(op.name), inputs=tuple(map(short, op.inputs))) for op in architecture.ops)
    return replace(architecture, ops=tuple(ops))


def prune(ops: Iterable[Op]) -> tuple[Op, ...]:
    """Leave out the operations whose output the last one does not need; the order stays."""
    ops = tuple(ops)
    needed = {ops[-1].name}
    for op in reversed(ops):
        if op.name in needed:
            needed.update(op.inputs)
    return tuple(op for op in ops if op.name in needed)


@dataclass
class _Cell:
    layout: CellLayout
    choice: Mapping[str, str]
    index: int
    inputs: tuple[str | None, str | None]
    keeps_unused: bool
    ops: list[Op] = field(default_factory=list)

    def build(self) -> str | None:
        """Append the cell's operations; return its output's name, or None when the output would be constant."""
        layout, index = self.layout, self.index
        edges = [self._live_edges(node) for node in range(layout.settings.nodes)]
        for node, live in enumerate(edges):  # an edge from a constant node is constant
            edges[node] = [(edge, source) for edge, source in live if source < 2 or edges[source - 2]]
        has_residual = layout.has_residual_at(index) and self.inputs[1] is not None
        if not has_residual and not any(edges):
            return None
        read = {source for live in edges for _, source in live}
        for source in range(2):
            if source in read or (self.keeps_unused and self.inputs[source] is not None):
                self._add_input(source)
        for node, live in enumerate(edges):
            names = [self._add_edge(node, edge, source) for edge, source in live]
            if names:
                self.ops.append(Op(f"{self.cell}/node{node}", "add", tuple(names), self.width))
            else:
                times = layout.reductions(index)
                shrink = tuple(
                    first * step**times
                    for first, step in zip(
                        sides(layout.settings.stem_stride), sides(layout.settings.reduction_stride), strict=True
                    )
                )
                self.ops.append(
                    Op(f"{self.cell}/node{node}", "zeros", (INPUT,), self.width, stride=(shrink[0], shrink[1]))
                )
        nodes = tuple(f"{self.cell}/node{node}" for node in range(layout.settings.nodes))
        self.ops.append(Op(self.cell, "concat", nodes, self.width * layout.settings.nodes))
        return self._add_residual() if has_residual else self.cell

    def __post_init__(self) -> None:
        # attributes, for a search builds many cells
        self.cell = f"cell{self.index}"
        self.kind = self.layout.settings.cells[self.index]
        self.width = self.layout.width(self.index, float(self.choice[f"{self.cell}/expansion"]))
        self.module = self.choice[f"{self.kind}/module"]

    def _live_edges(self, node: int) -> list[tuple[int, int]]:
        """Edges that are not ``none`` and do not read a constant cell, as (edge, source)."""
        live = []
        for edge, source in enumerate(pair_of(self.choice[f"{self.kind}/node{node}/inputs"])):
            is_none = EDGE_OPS[self.choice[f"{self.kind}/node{node}/edge{edge}/op"]] is None
            if not is_none and (source >= 2 or self.inputs[source] is not None):
                live.append((edge, source))
        return live

    def _add_input(self, source: int) -> None:
        """The 1x1 convolution that brings a cell's input to its width; 3x3 with stride 2 after a reduction cell."""
        tensor = self.inputs[source]
        assert tensor is not None
        is_larger = self.layout.has_larger_input(self.index, source)
        name = f"{self.cell}/in{source}"
        weight, act = self._precisions(name)
        op = Op(
            name,
            "conv",
            (tensor,),
            self.width,
            kernel=(3, 3) if is_larger else (1, 1),
            stride=sides(self.layout.settings.reduction_stride) if is_larger else (1, 1),
            weight=weight,
            act=act,
            steps=self.layout.input_steps(self.module, is_larger=is_larger),
        )
        self.ops.append(op)

    def _add_edge(self, node: int, edge: int, source: int) -> str:
        name = self.choice[f"{self.kind}/node{node}/edge{edge}/op"]
        edge_op = EDGE_OPS[name]
        assert edge_op is not None
        kind, kernel, stride = (
            edge_op.kind,
            edge_op.kernel,
            sides(self.layout.settings.reduction_stride) if self.kind == "reduction" and source < 2 else (1, 1),
        )
        details: dict[str, Any] = {}
        if kind == "conv":
            groups = self.layout.groups(self.index, edge_op)
            weight, act = self._precisions(f"{self.cell}/node{node}/edge{edge}")
            steps = self.layout.edge_steps(self.module, groups=groups)
            details = {"groups": groups, "weight": weight, "act": act, "steps": steps}
        elif kind == "skip" and stride != (1, 1):
            kind, kernel = "avg_pool", stride
        op = Op(
            f"{self.cell}/node{node}/from{source}/{name}",
            kind,
            (f"{self.cell}/in{source}" if source < 2 else f"{self.cell}/node{source - 2}",),
            self.width,
            kernel=kernel,
            dilation=edge_op.dilation,
            stride=stride,
            **details,
        )
        self.ops.append(op)
        return op.name

    def _add_residual(self) -> str:
        """Add the output of the cell before; return the sum's name."""
        before = self.inputs[1]
        assert before is not None
        channels = self.width * self.layout.settings.nodes
        if self.kind == "reduction":
            how = self.choice[f"{self.cell}/residual"]
            if how == FREE:
                width = self.layout.width(self.index - 1, float(self.choice[f"cell{self.index - 1}/expansion"]))
                pool = Op(
                    f"{self.cell}/residual/pool",
                    "avg_pool",
                    (before,),
                    width * self.layout.settings.nodes,
                    kernel=sides(self.layout.settings.reduction_stride),
                    stride=sides(self.layout.settings.reduction_stride),
                )
                self.ops.append(pool)
                self.ops.append(Op(f"{self.cell}/residual", "align", (pool.name,), channels))
            else:
                self.ops.append(self._downsampling(before, how, channels))
        else:
            self.ops.append(Op(f"{self.cell}/residual", "align", (before,), channels))
        self.ops.append(Op(f"{self.cell}/sum", "add", (self.cell, f"{self.cell}/residual"), channels))
        return self.ops[-1].name

    def _downsampling(self, before: str, how: str, channels: int) -> Op:
        """Batch norm and a 2x2 convolution with stride 2, as in BNAS; activations are quantized like weights."""
        chosen = precision(how)
        return Op(
            f"{self.cell}/residual",
            "conv",
            (before,),
            channels,
            kernel=sides(self.layout.settings.reduction_stride),
            stride=sides(self.layout.settings.reduction_stride),
            weight=chosen,
            act=chosen,
            steps=("norm", "conv") if chosen.is_float else ("norm", "quant", "conv"),
            has_bias=True,
            segments=self.layout.settings.nodes,
        )

    def _precisions(self, layer: str) -> tuple[Precision, Precision]:
        gene = self.layout.precision_gene(layer)
        return precision(self.choice[f"{gene}/weight"]), precision(self.choice[f"{gene}/act"])
