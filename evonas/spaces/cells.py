"""Cells: a normal and a reduction cell, searched edge by edge, stacked into a network with a precision a layer.

After NASNet (Zoph 2018) and DARTS (Liu 2019): each cell reads the outputs of the two cells before it, each of its nodes
adds two incoming edges, its output concatenates the nodes. The inter-cell residual is that of BNAS (Kim 2020) and TAS
(Loni 2022). All cells of a kind share their topology and module structure; every layer or cell has its own precisions,
every cell its own width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evonas.architecture import Architecture, Op
from evonas.errors import GenomeError
from evonas.genome import Gene, Genome, check_genome
from evonas.spaces.cell_batch import batch_layers
from evonas.spaces.cell_canonical import CellCanonical
from evonas.spaces.cell_graph import build, edges_of
from evonas.spaces.cell_layout import EDGE_OPS, CellLayout, pair_label, pairs
from evonas.spaces.space import NetworkSpace
from objectives import Layer


@dataclass(frozen=True)
class CellSpace(CellLayout, NetworkSpace):
    """Search space of cell-based networks; its settings are those of :class:`CellLayout`."""

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """Topology of each kind of cell first, then precisions and widths in network order."""
        genes = []
        for kind in self.kinds:
            genes.append(Gene(f"{kind}/module", self.modules))
            for node in range(self.nodes):
                genes.append(Gene(f"{kind}/node{node}/inputs", tuple(map(pair_label, pairs(node)))))
                genes += [Gene(f"{kind}/node{node}/edge{edge}/op", self.ops) for edge in range(2)]
        genes.append(Gene("stem/weight", self.stem_precisions, is_ordered=True))
        for index, kind in enumerate(self.cells):
            genes.append(Gene(f"cell{index}/expansion", tuple(map(str, self.expansions)), is_ordered=True))
            for layer in dict.fromkeys(map(self.precision_gene, self.layers_of(index))):
                genes.append(Gene(f"{layer}/weight", self.weight_precisions, is_ordered=True))
                genes.append(Gene(f"{layer}/act", self.act_precisions, is_ordered=True))
            if kind == "reduction" and self.has_residual_at(index):
                genes.append(Gene(f"cell{index}/residual", self.residual_downsamplings))
        genes.append(Gene("classifier/weight", self.classifier_precisions, is_ordered=True))
        return tuple(genes)

    @cached_property
    def _positions(self) -> tuple[tuple[str, dict[str, int]], ...]:
        """Every gene's name, and the index of each of its labels."""
        return tuple((gene.name, {label: index for index, label in enumerate(gene.choices)}) for gene in self.genes)

    def decode(self, genome: Genome) -> Architecture:
        """See :meth:`NetworkSpace.decode`. Edges that carry a constant, and what only they feed, are left out."""
        return build(self, self.describe(check_genome(genome, self.genes)))

    def published(self, genotype: Mapping[str, Sequence[tuple[str, int]]]) -> Genome:
        """Read a genotype as DARTS and its successors print it.

        Args:
            genotype: For ``"normal"`` and ``"reduction"`` the edges, two a node: operation and source, where 0 and 1
                are the cells before and 2, 3, … the nodes.

        Returns:
            Its genome, not repaired; all other genes have their first choice.

        Raises:
            GenomeError: An operation or a pair of sources that the space does not have.
        """
        choice = {gene.name: gene.choices[0] for gene in self.genes}
        for kind, edges in genotype.items():
            for node in range(self.nodes):
                ordered = sorted(edges[2 * node : 2 * node + 2], key=lambda edge: edge[1])
                choice[f"{kind}/node{node}/inputs"] = pair_label([source for _, source in ordered])
                for edge, (op, _) in enumerate(ordered):
                    choice[f"{kind}/node{node}/edge{edge}/op"] = op
        return self._genome(choice)

    def encode(self, architecture: Architecture) -> Genome:
        """See :meth:`NetworkSpace.encode`."""
        return self._checked(self._read, architecture)

    def canonical(self, genome: Genome) -> Genome:
        """See :meth:`Space.canonical`."""
        (canonical,), _ = self._canonical(check_genome(genome, self.genes)[None])
        return np.asarray(canonical)

    def repair_all(self, genomes: NDArray[np.int64]) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.repair_all`."""
        genomes = self._in_range(genomes)
        canonical, is_alive = self._canonical(genomes)
        if not is_alive.all():
            canonical[~is_alive] = self._canonical(self._revived(genomes[~is_alive]))[0]
        return canonical

    @cached_property
    def _canonical(self) -> CellCanonical:
        return CellCanonical(self, self.genes)

    def _read(self, architecture: Architecture) -> Genome:
        """Read the genes off the operations' names; genes of what a dead network has lost get their first choice."""
        by_name = {op.name: op for op in architecture.ops}
        choice = {gene.name: gene.choices[0] for gene in self.genes}
        for name in ("stem", "classifier"):  # a dead network has lost its stem
            if name in by_name:
                choice[f"{name}/weight"] = by_name[name].weight.name
        edges = list(edges_of(architecture))
        used: dict[tuple[str, int], dict[int, str]] = {}
        for index, node, source, name, _ in edges:
            used.setdefault((self.cells[index], node), {})[source] = name
        chosen: dict[tuple[str, int], tuple[int, ...]] = {}
        for kind, node in product(self.kinds, range(self.nodes)):
            live = used.get((kind, node), {})
            pair = chosen[kind, node] = next(pair for pair in pairs(node) if set(live) <= set(pair))
            choice[f"{kind}/node{node}/inputs"] = pair_label(pair)
            for edge, source in enumerate(pair):
                choice[f"{kind}/node{node}/edge{edge}/op"] = live.get(source, self._idle_op)
        for index, node, source, _, op in edges:
            if op.kind == "conv":
                edge = chosen[self.cells[index], node].index(source)
                self._encode_precisions(choice, f"cell{index}/node{node}/edge{edge}", op)
        for index in range(len(self.cells)):
            self._encode_cell(choice, index, by_name)
        for kind in self.kinds:
            choice[f"{kind}/module"] = self._module_of(kind, by_name, edges)
        return self._genome(choice)

    def revive(self, genome: Genome) -> Genome:
        """See :meth:`NetworkSpace.revive`. Puts a convolution on the edge from the cell before, kind by kind."""
        (revived,) = self._revived(genome[None])
        return np.asarray(revived)

    def _revived(self, genomes: NDArray[np.int64]) -> NDArray[np.int64]:
        genomes = genomes.copy()
        kinds = {name: edge_op.kind for name in self.ops if (edge_op := EDGE_OPS[name]) is not None}
        live_op = next((name for name, kind in kinds.items() if kind == "conv"), next(iter(kinds)))
        for kind in self.kinds:
            is_dead = ~self._canonical(genomes)[1]
            genomes[is_dead, self._canonical.row[f"{kind}/node0/edge1/op"]] = self.ops.index(live_op)
        return genomes

    def covering(self) -> list[Architecture]:
        """See :meth:`NetworkSpace.covering`: every edge operation, source, module and precision, cells at widest."""
        widest = str(max(self.expansions))
        live_ops = [op for op in self.ops if op != "none"]
        pair_turns = range(len(pairs(self.nodes - 1)))
        others = [gene for gene in self.genes if not gene.name.endswith(("/op", "/inputs", "/expansion", "/module"))]
        turns = range(max(len(gene.choices) for gene in others))
        architectures = []
        for op, pair_turn, turn, module_turn in product(live_ops, pair_turns, turns, range(len(self.modules))):
            fixed = {"op": self.ops.index(op), "inputs": pair_turn, "module": module_turn}
            genome = []
            for gene in self.genes:
                role = gene.name.rsplit("/", 1)[-1]
                if role == "expansion":
                    genome.append(gene.choices.index(widest))
                else:
                    genome.append(fixed.get(role, turn) % len(gene.choices))
            architectures.append(self.decode(np.array(genome)))
        return architectures

    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.corners`. The topology of each is drawn at random."""
        genomes = []
        for weight, act, factor in product(self.weight_precisions, self.act_precisions, self.expansions):
            uniform = {"weight": weight, "act": act, "expansion": str(factor)}
            genome = rng.integers([len(gene.choices) for gene in self.genes])
            for position, gene in enumerate(self.genes):
                label = uniform.get(gene.name.rsplit("/", 1)[-1])
                if label in gene.choices:
                    genome[position] = gene.choices.index(label)
            genomes.append(genome)
        return self.repair_all(np.stack(genomes))

    def batch_layers(self, genomes: NDArray[np.int64]) -> tuple[Layer, ...]:
        """See :meth:`NetworkSpace.batch_layers`."""
        return batch_layers(self, self.genes, genomes)

    @property
    def _idle_op(self) -> str:
        return "none" if "none" in self.ops else self.ops[0]

    def _genome(self, choice: Mapping[str, str]) -> Genome:
        for gene in self.genes:
            if choice[gene.name] not in gene.choices:
                raise GenomeError(
                    f"for {gene.name} one of {', '.join(gene.choices)}",
                    found=repr(choice[gene.name]),
                    remedy="use the space that it was made for, or one with that choice",
                )
        return np.array([positions[choice[name]] for name, positions in self._positions], dtype=np.int64)

    def _encode_cell(self, choice: dict[str, str], index: int, by_name: Mapping[str, Op]) -> None:
        cell = f"cell{index}"
        if f"{cell}/node0" not in by_name:
            return
        width = by_name[f"{cell}/node0"].channels
        choice[f"{cell}/expansion"] = next(
            str(factor) for factor in self.expansions if self.width(index, factor) == width
        )
        for source in range(2):
            if op := by_name.get(f"{cell}/in{source}"):
                self._encode_precisions(choice, op.name, op)
        if (op := by_name.get(f"{cell}/residual")) and op.kind == "conv":
            choice[f"{cell}/residual"] = op.weight.name
        elif f"{cell}/residual/pool" in by_name:
            choice[f"{cell}/residual"] = "free"

    def _encode_precisions(self, choice: dict[str, str], layer: str, op: Op) -> None:
        gene = self.precision_gene(layer)
        choice[f"{gene}/weight"], choice[f"{gene}/act"] = op.weight.name, op.act.name

    def _module_of(self, kind: str, by_name: Mapping[str, Op], edges: list[tuple[int, int, int, str, Op]]) -> str:
        """The first module that gives every convolution of a kind of cell the steps that it has."""
        if len(self.modules) == 1:
            return self.modules[0]  # who reads a foreign architecture compares what it means, see _checked
        convs = [(op, True, 0) for index, *_, op in edges if self.cells[index] == kind and op.kind == "conv"]
        for index, source in product(self.cells_of(kind), range(2)):
            if op := by_name.get(f"cell{index}/in{source}"):
                convs.append((op, False, self.has_larger_input(index, source)))
        for module in self.modules:
            if all(
                op.steps
                == (
                    self.edge_steps(module, groups=op.groups)
                    if is_edge
                    else self.input_steps(module, is_larger=bool(is_larger))
                )
                for op, is_edge, is_larger in convs
            ):
                return module
        return "none of the space's modules"
