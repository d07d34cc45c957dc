"""The run file's ``[space]`` for networks of blocks in stages: what they share, and one model per kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from evonas.architecture.module_steps import module_steps
from evonas.spaces.settings import MOST, Factor, Factors, NetworkSpaceSettings, Width, ascending
from evonas.spaces.stem_settings import StemSettings
from evonas.spaces.window_settings import Kernel, Stride, distinct

KERNELS = "odd sides, ascending, or in any order with pairs of height and width such as [1, 5]"
Blocks = Annotated[int, Field(ge=1, le=64)]
STAGES = 3  # of a residual network
CONVS = 2  # of a basic block


class StagedSettings(NetworkSpaceSettings):
    """Settings of all spaces of blocks in stages.

    Width genes follow neural channel expansion (Park 2022): a layer starts with factors up to 1, and larger ones are
    unlocked for layers that want to grow.
    """

    precision_scope: Literal["layer", "stage", "place", "network"] = Field(
        "layer",
        description="what has precisions of its own; stage: a place in the blocks of a stage; place: in all blocks",
    )
    widths: Factors = Field(
        (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0), description="factors on a layer's channels, ascending"
    )
    locked_widths: tuple[Factor, ...] = Field(
        (1.25, 1.5, 2.0), description="larger factors, ascending; locked until a layer has earned them"
    )

    @field_validator("modules")
    @classmethod
    def _without_shortcuts(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        for label in labels:
            if "shortcut" in module_steps(label):
                raise ValueError(f"{label!r} holds shortcut, which blocks in stages have themselves")
        return labels

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        ascending(self.widths + self.locked_widths, "widths and the locked_widths behind them")
        return self


class DenseSettings(StagedSettings):
    """[space] kind = "dense": fully connected layers, for features that are no image and no signal."""

    kind: Literal["dense"] = Field("dense", description="which search space")
    layers: int = Field(3, ge=1, le=64, description="hidden layers at most; how many there are is a gene")
    units: Width = Field(64, description="units of a hidden layer at factor 1")
    precision_scope: Literal["layer", "network"] = Field("layer", description="what has precisions of its own")


class ResidualSettings(StagedSettings, StemSettings):
    """[space] kind = "residual": networks like ResNet-20, a precision and a width per layer."""

    kind: Literal["residual"] = Field("residual", description="which search space")
    depth: int = Field(20, ge=8, le=1202, description="layers with weights: 6 n + 2 for n blocks per stage")
    channels: Width = Field(16, description="width of the first of three stages at factor 1; it doubles each time")
    kernels: tuple[Kernel, ...] = Field((3,), min_length=1, description=KERNELS + "; a gene where there are several")
    strides: tuple[Stride, Stride] = Field(
        (2, 2), description="of the second and third stage: 1, 2, or height and width such as [2, 1]"
    )

    @field_validator("kernels")
    @classmethod
    def _distinct(cls, kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
        return distinct(kernels)

    @field_validator("depth", mode="before")
    @classmethod
    def _at_least_one_block(cls, depth: Any) -> Any:
        if type(depth) is int and -MOST < depth < STAGES * CONVS + 2:  # what it must be says more than its range
            _whole_blocks(depth)
        return depth

    @field_validator("depth")
    @classmethod
    def _only_whole_blocks(cls, depth: int) -> int:
        return _whole_blocks(depth)


class InvertedResidualSettings(StagedSettings, StemSettings):
    """[space] kind = "inverted_residual": MobileNetV2's blocks; a kernel, a ratio, widths and precisions per block."""

    kind: Literal["inverted_residual"] = Field("inverted_residual", description="which search space")
    stem_channels: Width = Field(16, description="output channels of the first convolution")
    stages: tuple[tuple[Width, Blocks, Stride], ...] = Field(
        ((16, 1, 1), (24, 2, 2), (40, 2, 2)),
        min_length=1,
        description="channels, blocks and stride of each stage; a stride is 1, 2, or height and width such as [2, 1]",
    )
    has_stage_shortcut: bool = Field(
        True,
        description="whether a stage's first block has a shortcut too, average-pooled and with channels cut or padded; "
        "MobileNetV2's has none, but then a supernet of low-bit paths hardly learns",
    )
    kernels: tuple[Kernel, ...] = Field((3, 5), min_length=1, description="depthwise; " + KERNELS)
    ratios: tuple[Blocks, ...] = Field(
        (1, 3, 6), min_length=1, description="factors from a block's input to its inner channels, ascending"
    )

    @field_validator("kernels")
    @classmethod
    def _distinct(cls, kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
        return distinct(kernels)

    @field_validator("ratios")
    @classmethod
    def _ascending_ratios(cls, ratios: tuple[int, ...]) -> tuple[int, ...]:
        ascending(ratios)
        return ratios


def _whole_blocks(depth: int) -> int:
    per_block = STAGES * CONVS
    if depth < per_block + 2 or (depth - 2) % per_block:
        near = per_block * max(1, round((depth - 2) / per_block)) + 2
        raise ValueError(f"must be {per_block} n + 2, such as 8, 14, 20, 32, 44, 56; set depth = {near}")
    return depth
