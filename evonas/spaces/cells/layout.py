"""What a cell space is made of: the widths, groups, module steps and names of its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import NamedTuple

from evonas.architecture.fitting import Sides, Window, fit
from evonas.architecture.module_steps import module_steps
from evonas.architecture.precision import EIGHT_BIT, FLOAT, Precision
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.errors import RunFileError
from evonas.spaces.cells.settings import EDGE_OPS, FREE, CellSettings, EdgeOp
from evonas.spaces.window_settings import sides


class Edge(NamedTuple):
    """What an edge of a cell computes: the kind of an operation, its kernel, stride and dilation, and its groups."""

    kind: str
    window: Window
    groups: int


@dataclass(frozen=True)
class CellLayout:
    """What follows from the settings of a cell space.

    Attributes:
        settings: The run file's ``[space]``.
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        scheme: Which method quantizes what.

    Raises:
        RunFileError: A precision without a method, or grouped convolutions that some widths do not allow.
    """

    settings: CellSettings
    input_shape: tuple[int, int, int]
    n_classes: int
    scheme: Scheme = DEFAULT_SCHEME

    def __post_init__(self) -> None:
        self._check_groups()
        s = self.settings
        down = [name for name in s.residual_downsamplings if name != FREE]
        self.scheme.check(
            weights=[*s.weight_precisions, *s.stem_precisions, *s.classifier_precisions, *down],
            acts=[*s.act_precisions, EIGHT_BIT.name, *down],
        )

    def _check_groups(self) -> None:
        """With one group, a grouped convolution is a plain one, and two genomes would be one network."""
        for name in self.settings.ops:
            edge_op = EDGE_OPS[name]
            if edge_op is None or edge_op.groups == 1:
                continue
            for index in range(len(self.settings.cells)):
                if self.groups(index, edge_op) == 1:
                    raise RunFileError(
                        f"widths of cell {index} with a common factor of 2 or 4, for the groups of {name}",
                        found=", ".join(str(self.width(index, factor)) for factor in self.settings.expansions),
                        remedy="change channels or expansions, or leave the grouped convolutions out",
                    )

    @property
    def stem_act(self) -> Precision:
        """What the first convolution reads: 8-bit pixels, unless it normalises them before."""
        steps = module_steps(self.settings.stem_module)
        return EIGHT_BIT if steps[0] == "conv" or "quant" in steps else FLOAT

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of cells that occur."""
        return tuple(dict.fromkeys(self.settings.cells))

    def cells_of(self, kind: str) -> list[int]:
        """Which cells are of a kind."""
        return [index for index, cell in enumerate(self.settings.cells) if cell == kind]

    @cached_property
    def _reductions(self) -> tuple[int, ...]:
        return tuple(self.settings.cells[: index + 1].count("reduction") for index in range(len(self.settings.cells)))

    def reductions(self, index: int) -> int:
        """How many reduction cells there are up to a cell."""
        return self._reductions[index]

    @property
    def reduction_stride(self) -> Sides:
        """By what reduction cells divide height and width."""
        return sides(self.settings.reduction_stride)

    def sides(self, index: int) -> Sides:
        """Height and width of what a cell gives; of the stem for -1."""
        _, height, width = self.input_shape
        down, aside = self.strides(index)
        return -(-height // down), -(-width // aside)

    def strides(self, index: int) -> Sides:
        """Rows and columns of the image for one of what a cell gives; of what the stem gives for -1."""
        times = self.reductions(index) if index >= 0 else 0
        (down, aside), (rows, columns) = self.settings.stem_window.stride, self.reduction_stride
        return down * rows**times, aside * columns**times

    @cached_property
    def edges(self) -> tuple[tuple[dict[str, Edge | None], ...], ...]:
        """What each of the settings' operations is on an edge, with a kernel and stride that fit what it reads there.

        Indices: the cell; whether the edge reads a node of its own cell, and so never strides; the operation's name.
        Operations that compute the same are equal; ``none`` is None.
        """
        return tuple(
            tuple(
                {name: self._edge(index, name, is_inner=inner) for name in self.settings.ops} for inner in (False, True)
            )
            for index in range(len(self.settings.cells))
        )

    def _edge(self, index: int, name: str, *, is_inner: bool) -> Edge | None:
        edge_op = EDGE_OPS[name]
        if edge_op is None:
            return None
        is_strided = self.settings.cells[index] == "reduction" and not is_inner
        stride = self.reduction_stride if is_strided else (1, 1)
        kind, kernel = edge_op.kind, edge_op.kernel
        if kind == "skip" and is_strided:
            kind, kernel = "avg_pool", stride
        window = fit(Window(kernel, stride, edge_op.dilation), self.sides(index if is_inner else index - 1))
        if kind != "conv" and window == Window():
            kind = "skip"
        return Edge(kind, window, self.groups(index, edge_op))

    def width(self, index: int, expansion: float) -> int:
        """Channels of a node of a cell."""
        return max(1, round((self.settings.channels << self.reductions(index)) * expansion))

    def groups(self, index: int, edge_op: EdgeOp) -> int:
        """Groups of a convolution in a cell: what divides every width that the cell can have."""
        return math.gcd(edge_op.groups, *(self.width(index, factor) for factor in self.settings.expansions))

    def has_larger_input(self, index: int, source: int) -> bool:
        """Whether a cell input has larger sides than the other one, since a reduction cell lies between them."""
        return source == 0 and index > 0 and self.settings.cells[index - 1] == "reduction"

    def has_residual_at(self, index: int) -> bool:
        """Whether a cell adds the output of the one before."""
        return self.settings.has_residual and index > 0

    def layers_of(self, index: int) -> list[str]:
        """Names of a cell's layers with weights: its two inputs, then every edge."""
        edges = [f"cell{index}/node{node}/edge{edge}" for node in range(self.settings.nodes) for edge in range(2)]
        return [f"cell{index}/in0", f"cell{index}/in1", *edges]

    def precision_gene(self, layer: str) -> str:
        """Whose genes hold a layer's precisions: its own, or its cell's."""
        return layer if self.settings.precision_scope == "layer" else layer.partition("/")[0]

    def edge_steps(self, module: str, *, groups: int = 1) -> tuple[str, ...]:
        """Module of an edge's convolution; a grouped one shuffles its channels at once."""
        steps = module_steps(module)
        conv = steps.index("conv") + 1
        return steps if groups == 1 else (*steps[:conv], "shuffle", *steps[conv:])

    def input_steps(self, module: str, *, is_larger: bool) -> tuple[str, ...]:
        """Module of a cell input's convolution, which changes the channels and so can have no shortcut."""
        steps = tuple(step for step in module_steps(module) if step != "shortcut")
        if is_larger and not self.settings.has_affine_resampling:
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
