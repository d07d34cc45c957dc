"""The run file's ``[space] kind = "cells"``, and the operations that an edge of a cell may compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from evonas.architecture.fitting import Sides
from evonas.architecture.module_steps import classifier_steps, stem_steps
from evonas.architecture.precision import PRECISIONS
from evonas.spaces.settings import Factors, Names, Width, ascending, known
from evonas.spaces.stem_settings import StemSettings
from evonas.spaces.window_settings import Stride


@dataclass(frozen=True, slots=True)
class EdgeOp:
    """What an edge computes: the kind of operation, height and width of its kernel, dilation, and groups at most."""

    kind: str
    kernel: Sides = (1, 1)
    dilation: int = 1
    groups: int = 1


EDGE_OPS: dict[str, EdgeOp | None] = {
    "none": None,
    "skip": EdgeOp("skip"),
    "max_pool_3x3": EdgeOp("max_pool", (3, 3)),
    "avg_pool_3x3": EdgeOp("avg_pool", (3, 3)),
    "conv_1x1": EdgeOp("conv", (1, 1)),
    "conv_3x3": EdgeOp("conv", (3, 3)),
    "conv_5x5": EdgeOp("conv", (5, 5)),
    "dil_conv_3x3": EdgeOp("conv", (3, 3), dilation=2),
    "dil_conv_5x5": EdgeOp("conv", (5, 5), dilation=2),
    "group_conv_3x3": EdgeOp("conv", (3, 3), groups=4),
    "group_conv_5x5": EdgeOp("conv", (5, 5), groups=4),
    "conv_1x3": EdgeOp("conv", (1, 3)),
    "conv_3x1": EdgeOp("conv", (3, 1)),
    "conv_1x5": EdgeOp("conv", (1, 5)),
    "conv_5x1": EdgeOp("conv", (5, 1)),
    "conv_1x7": EdgeOp("conv", (1, 7)),
    "conv_7x1": EdgeOp("conv", (7, 1)),
    "dil_conv_1x5": EdgeOp("conv", (1, 5), dilation=2),
    "dil_conv_5x1": EdgeOp("conv", (5, 1), dilation=2),
    "group_conv_1x5": EdgeOp("conv", (1, 5), groups=4),
    "group_conv_5x1": EdgeOp("conv", (5, 1), groups=4),
}

CELL_KINDS = ("normal", "reduction")
FREE = "free"  # the down-sampling residual without weights


class CellSettings(StemSettings):
    """[space] kind = "cells": a normal and a reduction cell, searched edge by edge and stacked."""

    kind: Literal["cells"] = Field("cells", description="which search space")
    cells: Names = Field(("normal", "reduction", "normal"), description="kind of each cell, first to last")
    nodes: int = Field(2, ge=1, le=6, description="nodes per cell; each adds two incoming edges")
    channels: Width = Field(8, description="width of a node before the first reduction, at expansion 1")
    stem_channels: Width = Field(16, description="output channels of the first convolution")
    ops: Names = Field(
        ("none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5"), description="what an edge may compute"
    )
    precision_scope: Literal["layer", "cell"] = Field("layer", description="what has precisions of its own")
    expansions: Factors = Field((0.5, 1.0, 1.5, 2.0), description="factors on a cell's width, ascending")
    reduction_stride: Stride = Field(
        2, description="of reduction cells: 2, or along height and width such as [2, 1] and [1, 2]"
    )
    has_residual: bool = Field(True, description="whether a cell adds the output of the cell before it")
    residual_downsamplings: Names = Field(
        (FREE,),
        description="how that residual passes a reduction cell: free (pooled), or the precision of a convolution as "
        "wide as the stride",
    )
    stem_module: str = Field("conv", description="structure of the first layer")
    classifier_module: str = Field("norm-relu-pool-quant-conv", description="structure of the last layer")
    has_affine_resampling: bool = Field(
        True, description="whether batch norm in a stride-2 cell input learns a scale and shift"
    )

    @field_validator("reduction_stride")
    @classmethod
    def _reduces(cls, stride: Stride) -> Stride:
        if stride == 1:
            raise ValueError("must be 2 along one axis at least")
        return stride

    @field_validator("expansions")
    @classmethod
    def _ascending(cls, factors: tuple[float, ...]) -> tuple[float, ...]:
        return ascending(factors)

    @field_validator("ops")
    @classmethod
    def _known_ops(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known(names, EDGE_OPS)
        if set(names) == {"none"}:
            raise ValueError("at least one operation besides none is needed")
        return names

    @field_validator("cells")
    @classmethod
    def _known_cells(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return known(names, CELL_KINDS, is_repeatable=True)

    @field_validator("residual_downsamplings")
    @classmethod
    def _known_downsamplings(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return known(names, (FREE, *PRECISIONS))

    @field_validator("stem_module")
    @classmethod
    def _known_stem(cls, label: str) -> str:
        return "-".join(stem_steps(label))

    @field_validator("classifier_module")
    @classmethod
    def _known_classifier(cls, label: str) -> str:
        return "-".join(classifier_steps(label))
