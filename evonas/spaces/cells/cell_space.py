"""Cells: a normal and a reduction cell, searched edge by edge, stacked into a network with a precision per layer.

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
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.errors import GenomeError
from evonas.spaces.cells.canonical import CellCanonical
from evonas.spaces.cells.decode import build, edges_of
from evonas.spaces.cells.layer_arrays import batch_layers
from evonas.spaces.cells.layout import CellLayout, pair_label, pairs
from evonas.spaces.cells.settings import EDGE_OPS, CellSettings
from evonas.spaces.configured import ConfiguredSpace
from evonas.spaces.genome import Gene, Genome, check_genome
from objectives import Layer


@dataclass(frozen=True)
class CellSpace(ConfiguredSpace[CellSettings]):
    """Search space of cell-based networks.

    Attributes:
        settings: The run file's ``[space]``.
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        scheme: Which method quantizes what.

    Raises:
        RunFileError: A precision without a method, or grouped convolutions that some widths do not allow.
    """

    settings_type: ClassVar[type[CellSettings]] = CellSettings

    settings: CellSettings
    input_shape: tuple[int, int, int]
    n_classes: int
    scheme: Scheme = DEFAULT_SCHEME

    def __post_init__(self) -> None:
        assert self.layout  # impossible settings raise an error now

    @cached_property
    def layout(self) -> CellLayout:
        """What follows from the settings: widths, groups, names."""
        return CellLayout(self.settings, self.input_shape, self.n_classes, self.scheme)

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """Topology of each kind of cell first, then precisions and widths in network order."""
        genes = []
        for kind in self.layout.kinds:
            genes.append(Gene(f"{kind}/module", self.settings.modules))
            for node in range(self.settings.nodes):
                genes.append(Gene(f"{kind}/node{node}/inputs", tuple(map(pair_label, pairs(node)))))
                genes += [Gene(f"{kind}/node{node}/edge{edge}/op", self.settings.ops) for edge in range(2)]
        genes.append(Gene("stem/weight", self.settings.stem_precisions, is_ordered=True))
        for index, kind in enumerate(self.settings.cells):
            genes.append(Gene(f"cell{index}/expansion", tuple(map(str, self.settings.expansions)), is_ordered=True))
            for layer in dict.fromkeys(map(self.layout.precision_gene, self.layout.layers_of(index))):
                genes.append(Gene(f"{layer}/weight", self.settings.weight_precisions, is_ordered=True))
                genes.append(Gene(f"{layer}/act", self.settings.act_precisions, is_ordered=True))
            if kind == "reduction" and self.layout.has_residual_at(index):
                genes.append(Gene(f"cell{index}/residual", self.settings.residual_downsamplings))
        genes.append(Gene("classifier/weight", self.settings.classifier_precisions, is_ordered=True))
        return (*genes, *self.network_genes)

    @cached_property
    def _positions(self) -> tuple[tuple[str, dict[str, int]], ...]:
        """Every gene's name, and the index of each of its labels."""
        return tuple((gene.name, {label: index for index, label in enumerate(gene.choices)}) for gene in self.genes)

    def decode(self, genome: Genome) -> Architecture:
        """See :meth:`NetworkSpace.decode`. Edges that carry a constant, and what only they feed, are left out."""
        return self.decode_canonical(self.canonical(genome))

    def decode_canonical(self, genome: Genome) -> Architecture:
        """See :meth:`NetworkSpace.decode_canonical`."""
        return build(self.layout, self.describe(genome), self._canonical.liveness(genome[None]))

    def published(self, genotype: Mapping[str, Sequence[tuple[str, int]]]) -> Genome:
        """Read a genotype as DARTS and its successors print it.

        Args:
            genotype: For ``"normal"`` and ``"reduction"`` the edges, two per node: operation and source, where 0 and 1
                are the cells before and 2, 3, … the nodes.

        Returns:
            Its genome, not repaired; all other genes have their first choice.

        Raises:
            GenomeError: An operation or a pair of sources that the space does not have.
        """
        choice = {gene.name: gene.choices[0] for gene in self.genes}
        for kind, edges in genotype.items():
            for node in range(self.settings.nodes):
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
        return self._living(self._in_range(genomes))[1]

    @cached_property
    def _canonical(self) -> CellCanonical:
        return CellCanonical(self.layout, self.genes)

    def _read(self, architecture: Architecture) -> Genome:
        """Read the genes off the operations' names; genes of what a dead network has lost get their first choice."""
        by_name = {op.name: op for op in architecture.ops}
        choice = {gene.name: gene.choices[0] for gene in self.genes}
        choice |= self.labels_of(architecture)
        for name in ("stem", "classifier"):  # a dead network has lost its stem
            if name in by_name:
                choice[f"{name}/weight"] = by_name[name].weight.name
        edges = list(edges_of(architecture))
        used: dict[tuple[str, int], dict[int, str]] = {}
        for index, node, source, name, _ in edges:
            used.setdefault((self.settings.cells[index], node), {})[source] = name
        chosen: dict[tuple[str, int], tuple[int, ...]] = {}
        for kind, node in product(self.layout.kinds, range(self.settings.nodes)):
            live = used.get((kind, node), {})
            pair = chosen[kind, node] = next(pair for pair in pairs(node) if set(live) <= set(pair))
            choice[f"{kind}/node{node}/inputs"] = pair_label(pair)
            for edge, source in enumerate(pair):
                choice[f"{kind}/node{node}/edge{edge}/op"] = live.get(source, self._idle_op)
        for index, node, source, _, op in edges:
            if op.kind == "conv":
                edge = chosen[self.settings.cells[index], node].index(source)
                self._encode_precisions(choice, f"cell{index}/node{node}/edge{edge}", op)
        for index in range(len(self.settings.cells)):
            self._encode_cell(choice, index, by_name)
        for kind in self.layout.kinds:
            choice[f"{kind}/module"] = self._module_of(kind, by_name, edges)
        return self._genome(choice)

    def make_alive(self, genome: Genome) -> Genome:
        """See :meth:`NetworkSpace.make_alive`. Puts a convolution on the edge from the cell before, kind by kind."""
        (alive,), _ = self._living(genome[None])
        return np.asarray(alive)

    def _living(self, genomes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Make genomes alive, ``(n, n_genes)``; also their canonical forms, which tell the living ones."""
        genomes = genomes.copy()
        kinds = {name: edge_op.kind for name in self.settings.ops if (edge_op := EDGE_OPS[name]) is not None}
        live_op = next((name for name, kind in kinds.items() if kind == "conv"), next(iter(kinds)))
        canonical, is_alive = self._canonical(genomes)
        for kind in self.layout.kinds:
            dead = np.flatnonzero(~is_alive)
            if len(dead) == 0:
                break
            genomes[dead, self._canonical.row[f"{kind}/node0/edge1/op"]] = self.settings.ops.index(live_op)
            canonical[dead], is_alive[dead] = self._canonical(genomes[dead])
        return genomes, canonical

    def covering(self) -> list[Architecture]:
        """See :meth:`NetworkSpace.covering`: every edge operation, source, module and precision, cells at widest."""
        widest = str(max(self.settings.expansions))
        live_ops = [op for op in self.settings.ops if op != "none"]
        pair_turns = range(len(pairs(self.settings.nodes - 1)))
        others = [gene for gene in self.genes if not gene.name.endswith(("/op", "/inputs", "/expansion", "/module"))]
        turns = range(max(len(gene.choices) for gene in others))
        genomes = []
        for op, pair_turn, turn, module_turn in product(live_ops, pair_turns, turns, range(len(self.settings.modules))):
            fixed = {"op": self.settings.ops.index(op), "inputs": pair_turn, "module": module_turn}
            genome = []
            for gene in self.genes:
                role = gene.name.rsplit("/", 1)[-1]
                if role == "expansion":
                    genome.append(gene.choices.index(widest))
                else:
                    genome.append(fixed.get(role, turn) % len(gene.choices))
            genomes.append(genome)
        canonical, _ = self._canonical(np.array(genomes))  # of all at once, which takes little longer than of one
        return list(map(self.decode_canonical, canonical))

    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.corners`. The topology of each is drawn at random."""
        genomes = []
        for weight, act, factor in product(
            self.settings.weight_precisions, self.settings.act_precisions, self.settings.expansions
        ):
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
        column = {gene.name: np.asarray(genomes)[:, index] for index, gene in enumerate(self.genes)}
        facts = {"stream_bits": self.stream_bits(column), "numbers": self.number_facts(column)}
        return batch_layers(self.layout, column, n=len(genomes), **facts)

    @property
    def _idle_op(self) -> str:
        return "none" if "none" in self.settings.ops else self.settings.ops[0]

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
            str(factor) for factor in self.settings.expansions if self.layout.width(index, factor) == width
        )
        for source in range(2):
            if op := by_name.get(f"{cell}/in{source}"):
                self._encode_precisions(choice, op.name, op)
        if (op := by_name.get(f"{cell}/residual")) and op.kind == "conv":
            choice[f"{cell}/residual"] = op.weight.name
        elif f"{cell}/residual/pool" in by_name:
            choice[f"{cell}/residual"] = "free"

    def _encode_precisions(self, choice: dict[str, str], layer: str, op: Op) -> None:
        gene = self.layout.precision_gene(layer)
        choice[f"{gene}/weight"], choice[f"{gene}/act"] = op.weight.name, op.act.name

    def _module_of(self, kind: str, by_name: Mapping[str, Op], edges: list[tuple[int, int, int, str, Op]]) -> str:
        """The first module that gives every convolution of a kind of cell the steps that it has."""
        if len(self.settings.modules) == 1:
            return self.settings.modules[0]  # who reads a foreign architecture compares what it means, see _checked
        convs = [(op, True, 0) for index, *_, op in edges if self.settings.cells[index] == kind and op.kind == "conv"]
        for index, source in product(self.layout.cells_of(kind), range(2)):
            if op := by_name.get(f"cell{index}/in{source}"):
                convs.append((op, False, self.layout.has_larger_input(index, source)))
        for module in self.settings.modules:
            if all(
                op.steps
                == (
                    self.layout.edge_steps(module, groups=op.groups)
                    if is_edge
                    else self.layout.input_steps(module, is_larger=bool(is_larger))
                )
                for op, is_edge, is_larger in convs
            ):
                return module
        return "none of the space's modules"
