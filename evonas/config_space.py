"""The run file's [space], one model a kind of search space, and what all sections share."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from evonas.errors import nearest
from evonas.plugins import is_path
from evonas.precision import PRECISIONS

Count = Annotated[int, Field(ge=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Factor = Annotated[float, Field(gt=0, le=8)]
Factors = Annotated[tuple[Factor, ...], Field(min_length=1)]

LOW_BITS = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
FIRST_AND_LAST = ("ternary", "4-bit", "8-bit")


class Section(BaseModel):
    """A section of the run file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _NetworkSpaceConfig(Section):
    weight_precisions: Names = Field(LOW_BITS, description="of searched layers")
    act_precisions: Names = Field(LOW_BITS, description="of the inputs of searched layers")
    stem_precisions: Names = Field(
        FIRST_AND_LAST, description="of the weights of the first layer; it reads 8-bit pixels"
    )
    classifier_precisions: Names = Field(
        FIRST_AND_LAST, description="of the weights of the last layer; it reads 8 bits"
    )
    modules: Names = Field(
        ("norm-quant-conv",),
        description="structures of convolutions: orders of norm, quant, conv, relu, prelu, shortcut, joined by dashes",
    )

    @field_validator("weight_precisions", "act_precisions", "stem_precisions", "classifier_precisions")
    @classmethod
    def _known_precisions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = known(names, PRECISIONS)
        return tuple(sorted(found, key=list(PRECISIONS).index))  # by bits, so that a mutation can step

    @field_validator("modules")
    @classmethod
    def _known_modules(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        from evonas.spaces.modules import inner_steps

        return tuple("-".join(inner_steps(label)) for label in known(labels, labels))

    @field_validator("expansions", "widths", check_fields=False)
    @classmethod
    def _ascending(cls, factors: tuple[float, ...]) -> tuple[float, ...]:
        if any(narrow >= wide for narrow, wide in pairwise(factors)):
            raise ValueError("factors must ascend")
        return factors


class CellsConfig(_NetworkSpaceConfig):
    """[space] kind = "cells": a normal and a reduction cell, searched edge by edge and stacked."""

    kind: Literal["cells"] = Field("cells", description="which search space")
    cells: Names = Field(("normal", "reduction", "normal"), description="kind of each cell, first to last")
    nodes: Count = Field(2, le=6, description="nodes a cell; each adds two incoming edges")
    channels: Count = Field(8, description="width of a node before the first reduction, at expansion 1")
    stem_channels: Count = Field(16, description="output channels of the first convolution")
    ops: Names = Field(
        ("none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5"), description="what an edge may compute"
    )
    precision_scope: Literal["layer", "cell"] = Field("layer", description="what has precisions of its own")
    expansions: Factors = Field((0.5, 1.0, 1.5, 2.0), description="factors on a cell's width, ascending")
    has_residual: bool = Field(True, description="whether a cell adds the output of the cell before it")
    residual_downsamplings: Names = Field(
        ("free",),
        description="how that residual passes a reduction cell: free (pooled), or a 2x2 convolution's precision",
    )
    stem_module: str = Field("conv", description="structure of the first layer")
    classifier_module: str = Field("norm-relu-pool-quant-conv", description="structure of the last layer")
    has_affine_resampling: bool = Field(
        True, description="whether batch norm in a stride-2 cell input learns a scale and shift"
    )

    @field_validator("ops")
    @classmethod
    def _known_ops(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from evonas.spaces.cell_layout import EDGE_OPS

        known(names, EDGE_OPS)
        if set(names) == {"none"}:
            raise ValueError("at least one operation besides none is needed")
        return names

    @field_validator("cells")
    @classmethod
    def _known_cells(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from evonas.spaces.cell_layout import CELL_KINDS

        return known(names, CELL_KINDS, is_repeatable=True)

    @field_validator("residual_downsamplings")
    @classmethod
    def _known_downsamplings(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return known(names, ("free", *PRECISIONS))

    @field_validator("stem_module")
    @classmethod
    def _known_stem(cls, label: str) -> str:
        from evonas.spaces.modules import stem_steps

        return "-".join(stem_steps(label))

    @field_validator("classifier_module")
    @classmethod
    def _known_classifier(cls, label: str) -> str:
        from evonas.spaces.modules import classifier_steps

        return "-".join(classifier_steps(label))


class OwnSpaceConfig(Section):
    """[space] kind = "FILE.py:NAME": a search space of your own, a class or an object."""

    kind: str = Field("FILE.py:NAME", description="where it is; `NAME` is a `NetworkSpace` or a `TableSpace`")
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments for a class")


class _StagedConfig(_NetworkSpaceConfig):
    precision_scope: Literal["layer", "stage", "place", "network"] = Field(
        "layer",
        description="what has precisions of its own; a place is one of each block, in a stage or in all",
    )
    widths: Factors = Field(
        (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0), description="factors on a layer's channels, ascending"
    )
    expansions: tuple[Factor, ...] = Field(
        (1.25, 1.5, 2.0), description="larger factors, ascending; locked until a layer has earned them"
    )


class ResidualConfig(_StagedConfig):
    """[space] kind = "residual": ResNet-20 and its kin, a precision and a width a layer."""

    kind: Literal["residual"] = Field("residual", description="which search space")
    depth: int = Field(20, description="layers with weights: 6 n + 2 for n blocks a stage")
    channels: Count = Field(16, description="width of the first of three stages at factor 1; it doubles each time")


class InvertedResidualConfig(_StagedConfig):
    """[space] kind = "inverted_residual": MobileNetV2's blocks, a kernel, a ratio, widths and precisions a block."""

    kind: Literal["inverted_residual"] = Field("inverted_residual", description="which search space")
    stem_channels: Count = Field(16, description="output channels of the first convolution")
    stages: tuple[tuple[int, int, int], ...] = Field(
        ((16, 1, 1), (24, 2, 2), (40, 2, 2)), description="channels, blocks and stride of each stage"
    )
    has_stage_shortcut: bool = Field(
        True, description="whether a stage's first block has a shortcut too; MobileNetV2's has none"
    )
    kernels: tuple[int, ...] = Field((3, 5), description="sides of depthwise kernels, ascending")
    ratios: tuple[int, ...] = Field(
        (1, 3, 6), description="factors from a block's input to its inner channels, ascending"
    )


SPACE_CONFIGS: dict[str, type[Section]] = {
    "cells": CellsConfig,
    "residual": ResidualConfig,
    "inverted_residual": InvertedResidualConfig,
}


def _kind_of(raw: Any) -> str | None:
    kind = raw.get("kind", "cells") if isinstance(raw, dict) else getattr(raw, "kind", None)
    if isinstance(kind, str) and (is_path(kind) or kind.startswith(GIVEN_IN_PYTHON)):
        return "own"
    return kind if kind in SPACE_CONFIGS else None


GIVEN_IN_PYTHON = "given in Python: "
SpaceConfig = Annotated[
    Annotated[CellsConfig, Tag("cells")]
    | Annotated[ResidualConfig, Tag("residual")]
    | Annotated[InvertedResidualConfig, Tag("inverted_residual")]
    | Annotated[OwnSpaceConfig, Tag("own")],
    Discriminator(
        _kind_of,
        custom_error_type="space_kind",
        custom_error_message=f"kind must be {', '.join(SPACE_CONFIGS)}, or FILE.py:NAME of your own",
    ),
]


def known(names: tuple[str, ...], table: Any, *, is_repeatable: bool = False) -> tuple[str, ...]:
    """Check names against a table.

    Raises:
        ValueError: One is not in it, or stands there twice.
    """
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError("; ".join(f"{name!r} is unknown, {nearest(name, table)}" for name in unknown))
    if not is_repeatable and len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return names
