"""Cells: a normal and a reduction cell, searched edge by edge, stacked into a network with a precision a layer.

After NASNet (Zoph 2018) and DARTS (Liu 2019): each cell reads the outputs of the two cells before it, each of its nodes
adds two incoming edges, its output concatenates the nodes. The inter-cell residual is that of BNAS (Kim 2020) and TAS
(Loni 2022). All cells of a kind share their topology; every layer has its own precisions, every cell its own width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from evonas.architecture import INPUT, Architecture, Op, prune
from evonas.errors import GenomeError
from evonas.genome import Gene, Genome, check_genome
from evonas.precision import EIGHT_BIT, precision
from evonas.quant.scheme import DEFAULT_SCHEME, Scheme
from evonas.spaces.space import Space


@dataclass(frozen=True, slots=True)
class EdgeOp:
    """What an edge computes: the kind of operation, its kernel side and dilation."""

    kind: str
    kernel: int = 1
    dilation: int = 1


EDGE_OPS: dict[str, EdgeOp | None] = {
    "none": None,
    "skip": EdgeOp("skip"),
    "max_pool_3x3": EdgeOp("max_pool", 3),
    "avg_pool_3x3": EdgeOp("avg_pool", 3),
    "conv_1x1": EdgeOp("conv", 1),
    "conv_3x3": EdgeOp("conv", 3),
    "conv_5x5": EdgeOp("conv", 5),
    "dil_conv_3x3": EdgeOp("conv", 3, dilation=2),
    "dil_conv_5x5": EdgeOp("conv", 5, dilation=2),
}

CELL_KINDS = ("normal", "reduction")


@dataclass(frozen=True)
class CellSpace(Space):
    """Search space of cell-based networks.

    Attributes:
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        cells: Kind of each cell in order; a reduction cell halves the side and doubles the width.
        nodes: Nodes a cell.
        channels: Width of a node before the first reduction, at expansion 1.
        stem_channels: Output channels of the first convolution.
        ops: Names from ``EDGE_OPS`` that an edge may take.
        weight_precisions, act_precisions: Names that a layer inside a cell may take.
        stem_precisions, classifier_precisions: Names that the weights of the first and last layer may take.
        expansions: Factors on a cell's width.
        has_residual: Whether a cell's output adds the output of the cell before it, from the second cell on.
        has_prelu: Whether a shift, a PReLU and a shift follow every convolution inside a cell.
        scheme: Which method quantizes what.
    """

    input_shape: tuple[int, int, int]
    n_classes: int
    cells: tuple[str, ...] = ("normal", "reduction", "normal")
    nodes: int = 2
    channels: int = 8
    stem_channels: int = 16
    ops: tuple[str, ...] = ("none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5")
    weight_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    act_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    stem_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    classifier_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    expansions: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    has_residual: bool = True
    has_prelu: bool = False
    scheme: Scheme = DEFAULT_SCHEME

    def __post_init__(self) -> None:
        self.scheme.check(
            weights=[*self.weight_precisions, *self.stem_precisions, *self.classifier_precisions],
            acts=[*self.act_precisions, EIGHT_BIT.name],
        )
        object.__setattr__(self, "_genes", self._list_genes())

    @property
    def genes(self) -> tuple[Gene, ...]:
        """Topology of each kind of cell first, then precisions and widths in network order."""
        genes: tuple[Gene, ...] = self._genes  # type: ignore[attr-defined]  # set once in __post_init__
        return genes

    def decode(self, genome: Genome) -> Architecture:
        """See :meth:`Space.decode`. Edges that carry a constant, and what only they feed, are left out."""
        choice = self.describe(check_genome(genome, self.genes))
        ops = [
            Op(
                "stem",
                "conv",
                ("input",),
                self.stem_channels,
                kernel=3,
                weight=precision(choice["stem/weight"]),
                act=EIGHT_BIT,
                is_preactivated=False,
            )
        ]
        outputs: list[str | None] = ["stem", "stem"]  # of the two cells before; None: constant
        for index in range(len(self.cells)):
            outputs.append(self._add_cell(ops, index, (outputs[-2], outputs[-1]), choice))
        last = outputs[-1]
        if last is None:
            dead = next(index for index, name in enumerate(outputs[2:]) if name is None)
            last = f"cell{dead}"
            ops.append(Op(last, "zeros", (INPUT,), self._width(dead, choice) * self.nodes))
        ops.append(
            Op(
                "classifier",
                "classifier",
                (last,),
                self.n_classes,
                weight=precision(choice["classifier/weight"]),
                act=EIGHT_BIT,
            )
        )
        return Architecture(self.input_shape, prune(ops), self.scheme)

    def encode(self, architecture: Architecture) -> Genome:
        """See :meth:`Space.encode`. Reads the operations' names, so it holds for this space's networks only."""
        by_name = {op.name: op for op in architecture.ops}
        choice = {gene.name: gene.choices[0] for gene in self.genes}
        for name in ("stem", "classifier"):  # a dead network has lost its stem
            if name in by_name:
                choice[f"{name}/weight"] = by_name[name].weight.name
        used: dict[tuple[str, int], dict[int, str]] = {}
        for name in by_name:
            match name.split("/"):
                case [cell, node_part, from_part, edge_op]:
                    kind = self.cells[int(cell.removeprefix("cell"))]
                    edges = used.setdefault((kind, int(node_part.removeprefix("node"))), {})
                    edges[int(from_part.removeprefix("from"))] = edge_op
        for kind, node in product(dict.fromkeys(self.cells), range(self.nodes)):
            live = used.get((kind, node), {})
            pair = next(pair for pair in _pairs(node) if set(live) <= set(pair))
            choice[f"{kind}/node{node}/inputs"] = _pair_label(pair)
            for edge, source in enumerate(pair):
                choice[f"{kind}/node{node}/edge{edge}/op"] = live.get(source, self._idle_op)
                for index in self._cells_of(kind):
                    if op := by_name.get(f"cell{index}/node{node}/from{source}/{live.get(source)}"):
                        self._encode_layer(choice, f"cell{index}/node{node}/edge{edge}", op)
        for index in range(len(self.cells)):
            self._encode_cell(choice, index, by_name)
        try:
            genome = [gene.choices.index(choice[gene.name]) for gene in self.genes]
        except ValueError as error:
            raise GenomeError(
                "an architecture of this search space", found=str(error), remedy="encode it with the space that made it"
            ) from error
        return check_genome(genome, self.genes)

    def revive(self, genome: Genome) -> Genome:
        """See :meth:`Space.revive`. Puts a convolution on the edge from the cell before, kind by kind."""
        genome = genome.copy()
        position = {gene.name: index for index, gene in enumerate(self.genes)}
        kinds = {name: edge_op.kind for name in self.ops if (edge_op := EDGE_OPS[name]) is not None}
        live_op = next((name for name, kind in kinds.items() if kind == "conv"), next(iter(kinds)))
        for kind in dict.fromkeys(self.cells):
            if self.decode(genome).dead_reason is None:
                break
            genome[position[f"{kind}/node0/edge1/op"]] = self.ops.index(live_op)
        return genome

    def covering(self) -> list[Architecture]:
        """See :meth:`Space.covering`: every edge operation, source and precision, cells at their widest."""
        widest = str(max(self.expansions))
        live_ops = [op for op in self.ops if op != "none"]
        pair_turns = range(len(_pairs(self.nodes - 1)))
        precision_turns = range(max(len(gene.choices) for gene in self.genes if gene.name.endswith(("weight", "act"))))
        architectures = []
        for op, pair_turn, precision_turn in product(live_ops, pair_turns, precision_turns):
            turns = {"op": self.ops.index(op), "inputs": pair_turn}
            genome = []
            for gene in self.genes:
                role = gene.name.rsplit("/", 1)[-1]
                if role == "expansion":
                    genome.append(gene.choices.index(widest))
                else:
                    genome.append(turns.get(role, precision_turn) % len(gene.choices))
            architectures.append(self.decode(np.array(genome)))
        return architectures

    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """See :meth:`Space.corners`. The topology of each is drawn at random."""
        genomes = []
        for weight, act, factor in product(self.weight_precisions, self.act_precisions, self.expansions):
            uniform = {"weight": weight, "act": act, "expansion": str(factor)}
            genome = rng.integers([len(gene.choices) for gene in self.genes])
            for position, gene in enumerate(self.genes):
                label = uniform.get(gene.name.rsplit("/", 1)[-1])
                if label in gene.choices:
                    genome[position] = gene.choices.index(label)
            genomes.append(self.repair(genome))
        return np.stack(genomes)

    # How genes are laid out

    def _list_genes(self) -> tuple[Gene, ...]:
        genes = []
        for kind, node in product(dict.fromkeys(self.cells), range(self.nodes)):
            genes.append(Gene(f"{kind}/node{node}/inputs", tuple(_pair_label(pair) for pair in _pairs(node))))
            genes += [Gene(f"{kind}/node{node}/edge{edge}/op", self.ops) for edge in range(2)]
        genes.append(Gene("stem/weight", self.stem_precisions, is_ordered=True))
        for index in range(len(self.cells)):
            genes.append(Gene(f"cell{index}/expansion", tuple(map(str, self.expansions)), is_ordered=True))
            for layer in self._layers_of(index):
                genes.append(Gene(f"{layer}/weight", self.weight_precisions, is_ordered=True))
                genes.append(Gene(f"{layer}/act", self.act_precisions, is_ordered=True))
        genes.append(Gene("classifier/weight", self.classifier_precisions, is_ordered=True))
        return tuple(genes)

    def _layers_of(self, index: int) -> list[str]:
        edges = [f"cell{index}/node{node}/edge{edge}" for node in range(self.nodes) for edge in range(2)]
        return [f"cell{index}/in0", f"cell{index}/in1", *edges]

    def _cells_of(self, kind: str) -> list[int]:
        return [index for index, cell in enumerate(self.cells) if cell == kind]

    @property
    def _idle_op(self) -> str:
        return "none" if "none" in self.ops else self.ops[0]

    # From genes to operations

    def _width(self, index: int, choice: dict[str, str]) -> int:
        reductions = self.cells[: index + 1].count("reduction")
        return max(1, round((self.channels << reductions) * float(choice[f"cell{index}/expansion"])))

    def _add_cell(
        self, ops: list[Op], index: int, inputs: tuple[str | None, str | None], choice: dict[str, str]
    ) -> str | None:
        """Append a cell's operations; return its output's name, or None when the output would be constant."""
        kind, width, cell = self.cells[index], self._width(index, choice), f"cell{index}"
        stride = 2 if kind == "reduction" else 1
        tensors: dict[int, str] = {}  # what edges may read: sources 0 and 1, then the nodes that are alive
        body: list[Op] = []
        nodes: list[list[str]] = []
        for node in range(self.nodes):
            edges = []
            for edge, source in enumerate(_pair(choice[f"{kind}/node{node}/inputs"])):
                name = choice[f"{kind}/node{node}/edge{edge}/op"]
                edge_op = EDGE_OPS[name]
                if edge_op is None or (source not in tensors if source >= 2 else inputs[source] is None):
                    continue
                if source not in tensors:
                    body.append(self._input_op(index, source, inputs, choice))
                    tensors[source] = body[-1].name
                op = Op(
                    f"{cell}/node{node}/from{source}/{name}",
                    edge_op.kind,
                    (tensors[source],),
                    width,
                    kernel=edge_op.kernel,
                    dilation=edge_op.dilation,
                    stride=stride if source < 2 else 1,
                )
                if op.kind == "conv":
                    op = self._with_precisions(op, choice, f"{cell}/node{node}/edge{edge}")
                elif op.kind == "skip" and op.stride == 2:
                    op = replace(op, kind="avg_pool", kernel=2)
                body.append(op)
                edges.append(op.name)
            if edges:
                tensors[2 + node] = f"{cell}/node{node}"
                body.append(Op(tensors[2 + node], "add", tuple(edges), width))
            nodes.append(edges)
        residual = inputs[1] if self.has_residual and index > 0 else None
        if residual is None and not any(nodes):
            return None
        ops += body
        for node, edges in enumerate(nodes):
            if not edges:
                shrink = 2 ** self.cells[: index + 1].count("reduction")
                ops.append(Op(f"{cell}/node{node}", "zeros", (INPUT,), width, stride=shrink))
        names = tuple(f"{cell}/node{node}" for node in range(self.nodes))
        ops.append(Op(cell, "concat", names, width * self.nodes))
        if residual is None:
            return cell
        if stride == 2:
            before = self._width(index - 1, choice) * self.nodes
            ops.append(Op(f"{cell}/residual/pool", "avg_pool", (residual,), before, kernel=2, stride=2))
            residual = ops[-1].name
        ops.append(Op(f"{cell}/residual", "align", (residual,), width * self.nodes))
        ops.append(Op(f"{cell}/sum", "add", (cell, ops[-1].name), width * self.nodes))
        return ops[-1].name

    def _input_op(self, index: int, source: int, inputs: tuple[str | None, str | None], choice: dict[str, str]) -> Op:
        """The 1x1 convolution that brings a cell's input to its width; 3x3 with stride 2 after a reduction cell."""
        tensor = inputs[source]
        assert tensor is not None
        is_larger = source == 0 and index > 0 and self.cells[index - 1] == "reduction"
        op = Op(
            f"cell{index}/in{source}",
            "conv",
            (tensor,),
            self._width(index, choice),
            kernel=3 if is_larger else 1,
            stride=2 if is_larger else 1,
        )
        return self._with_precisions(op, choice, op.name)

    def _with_precisions(self, op: Op, choice: dict[str, str], layer: str) -> Op:
        weight, act = precision(choice[f"{layer}/weight"]), precision(choice[f"{layer}/act"])
        return replace(op, weight=weight, act=act, has_prelu=self.has_prelu)

    # From operations to genes

    def _encode_cell(self, choice: dict[str, str], index: int, by_name: dict[str, Op]) -> None:
        cell = f"cell{index}"
        if f"{cell}/node0" not in by_name:
            return
        width = by_name[f"{cell}/node0"].channels
        for factor in self.expansions:
            candidate = {f"{cell}/expansion": str(factor)}
            if self._width(index, candidate) == width:
                choice |= candidate
                break
        for source in range(2):
            if op := by_name.get(f"{cell}/in{source}"):
                self._encode_layer(choice, op.name, op)

    def _encode_layer(self, choice: dict[str, str], layer: str, op: Op) -> None:
        if op.kind == "conv":
            choice[f"{layer}/weight"] = op.weight.name
            choice[f"{layer}/act"] = op.act.name


def _pairs(node: int) -> list[tuple[int, int]]:
    """The source pairs open to a node: cells' outputs 0 and 1, then the nodes before it as 2, 3, …"""
    return list(combinations(range(2 + node), 2))


def _pair_label(pair: Sequence[int]) -> str:
    return ",".join(map(str, pair))


def _pair(label: str) -> tuple[int, ...]:
    return tuple(int(source) for source in label.split(","))
