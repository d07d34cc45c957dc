"""What a cell space is made of: its settings, the operations of edges, the widths and names of its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

from evonas.errors import RunFileError, nearest
from evonas.precision import EIGHT_BIT, FLOAT, Precision
from evonas.quant.scheme import DEFAULT_SCHEME, Scheme
from evonas.spaces.modules import classifier_steps, inner_steps, module_steps, stem_steps


@dataclass(frozen=True, slots=True)
class EdgeOp:
    """What an edge computes: the kind of operation, its kernel side, dilation and groups at most."""

    kind: str
    kernel: int = 1
    dilation: int = 1
    groups: int = 1


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
    "group_conv_3x3": EdgeOp("conv", 3, groups=4),
    "group_conv_5x5": EdgeOp("conv", 5, groups=4),
}

CELL_KINDS = ("normal", "reduction")
FREE = "free"  # the down-sampling residual without weights


@dataclass(frozen=True)
class CellLayout:
    """Settings of a cell space; the run file's ``[space]`` explains them one by one.

    Attributes:
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        cells: Kind of each cell in order; a reduction cell halves the side and doubles the width.
        nodes: Nodes a cell; each adds two incoming edges.
        channels: Width of a node before the first reduction, at expansion 1.
        stem_channels: Output channels of the first convolution.
        ops: Names from ``EDGE_OPS`` that an edge may take.
        modules: Structures that the convolutions of a kind of cell may have; see :func:`module_steps`.
        weight_precisions, act_precisions: Names that a layer inside a cell may take.
        precision_scope: ``layer`` or ``cell``: what has precisions of its own.
        stem_precisions, classifier_precisions: Names that the weights of the first and last layer may take.
        expansions: Factors on a cell's width.
        has_residual: Whether a cell's output adds the output of the cell before it, from the second cell on.
        residual_downsamplings: How that residual may pass a reduction cell: ``free`` (average pool, channels padded),
            or the precision of a 2x2 convolution with stride 2.
        stem_module, classifier_module: Structure of the first and last layer.
        has_affine_resampling: Whether batch norm in the module of a stride-2 cell input learns a scale and shift.
        scheme: Which method quantizes what.
    """

    input_shape: tuple[int, int, int]
    n_classes: int
    cells: tuple[str, ...] = ("normal", "reduction", "normal")
    nodes: int = 2
    channels: int = 8
    stem_channels: int = 16
    ops: tuple[str, ...] = ("none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5")
    modules: tuple[str, ...] = ("norm-quant-conv",)
    weight_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    act_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    precision_scope: str = "layer"
    stem_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    classifier_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    expansions: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    has_residual: bool = True
    residual_downsamplings: tuple[str, ...] = (FREE,)
    stem_module: str = "conv"
    classifier_module: str = "norm-relu-pool-quant-conv"
    has_affine_resampling: bool = True
    scheme: Scheme = DEFAULT_SCHEME

    def __post_init__(self) -> None:
        try:
            for label in self.modules:
                inner_steps(label)
            stem_steps(self.stem_module)
            classifier_steps(self.classifier_module)
        except ValueError as error:
            raise RunFileError("modules of cells, stem and classifier", found=str(error), remedy="mend them") from error
        for name, table in (*((op, EDGE_OPS) for op in self.ops), *((cell, CELL_KINDS) for cell in self.cells)):
            if name not in table:
                raise RunFileError(f"names among {', '.join(table)}", found=repr(name), remedy=nearest(name, table))
        self._check_groups()
        down = [name for name in self.residual_downsamplings if name != FREE]
        self.scheme.check(
            weights=[*self.weight_precisions, *self.stem_precisions, *self.classifier_precisions, *down],
            acts=[*self.act_precisions, EIGHT_BIT.name, *down],
        )

    def _check_groups(self) -> None:
        """With one group, a grouped convolution is a plain one, and two genomes would be one network."""
        for name in self.ops:
            edge_op = EDGE_OPS[name]
            if edge_op is None or edge_op.groups == 1:
                continue
            for index in range(len(self.cells)):
                if self.groups(index, edge_op) == 1:
                    raise RunFileError(
                        f"widths of cell {index} with a common factor of 2 or 4, for the groups of {name}",
                        found=", ".join(str(self.width(index, factor)) for factor in self.expansions),
                        remedy="change channels or expansions, or leave the grouped convolutions out",
                    )

    @property
    def stem_act(self) -> Precision:
        """What the first convolution reads: 8-bit pixels, unless it normalises them before."""
        steps = module_steps(self.stem_module)
        return EIGHT_BIT if steps[0] == "conv" or "quant" in steps else FLOAT

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of cells that occur."""
        return tuple(dict.fromkeys(self.cells))

    def cells_of(self, kind: str) -> list[int]:
        """Which cells are of a kind."""
        return [index for index, cell in enumerate(self.cells) if cell == kind]

    @cached_property
    def _reductions(self) -> tuple[int, ...]:
        return tuple(self.cells[: index + 1].count("reduction") for index in range(len(self.cells)))

    def reductions(self, index: int) -> int:
        """How often the side was halved behind a cell."""
        return self._reductions[index]

    def width(self, index: int, expansion: float) -> int:
        """Channels of a node of a cell."""
        return max(1, round((self.channels << self.reductions(index)) * expansion))

    def groups(self, index: int, edge_op: EdgeOp) -> int:
        """Groups of a convolution in a cell: what divides every width that the cell can have."""
        return math.gcd(edge_op.groups, *(self.width(index, factor) for factor in self.expansions))

    def has_larger_input(self, index: int, source: int) -> bool:
        """Whether a cell input has twice the side of the other one, since a reduction cell lies between them."""
        return source == 0 and index > 0 and self.cells[index - 1] == "reduction"

    def has_residual_at(self, index: int) -> bool:
        """Whether a cell adds the output of the one before."""
        return self.has_residual and index > 0

    def layers_of(self, index: int) -> list[str]:
        """Names of a cell's layers with weights: its two inputs, then every edge."""
        edges = [f"cell{index}/node{node}/edge{edge}" for node in range(self.nodes) for edge in range(2)]
        return [f"cell{index}/in0", f"cell{index}/in1", *edges]

    def precision_gene(self, layer: str) -> str:
        """Whose genes hold a layer's precisions: its own, or its cell's."""
        return layer if self.precision_scope == "layer" else layer.partition("/")[0]

    def edge_steps(self, module: str, *, groups: int = 1) -> tuple[str, ...]:
        """Module of an edge's convolution; a grouped one shuffles its channels at once."""
        steps = module_steps(module)
        conv = steps.index("conv") + 1
        return steps if groups == 1 else (*steps[:conv], "shuffle", *steps[conv:])

    def input_steps(self, module: str, *, is_larger: bool) -> tuple[str, ...]:
        """Module of a cell input's convolution, which changes the channels and so can have no shortcut."""
        steps = tuple(step for step in module_steps(module) if step != "shortcut")
        if is_larger and not self.has_affine_resampling:
            steps = tuple("standardize" if step == "norm" else step for step in steps)
        return steps


def pairs(node: int) -> list[tuple[int, int]]:
    """The source pairs open to a node: cells' outputs 0 and 1, then the nodes before it as 2, 3, …"""
    return list(combinations(range(2 + node), 2))


def pair_label(pair: Sequence[int]) -> str:
    """Name of a source pair as a gene's choice: ``"0,2"``."""
    return ",".join(map(str, pair))


@lru_cache
def pair_of(label: str) -> tuple[int, ...]:
    """The source pair of a gene's choice."""
    return tuple(int(source) for source in label.split(","))
