"""Small search spaces of every kind: laws of spaces run on all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from evonas.architecture import precision
from evonas.architecture.graph import Architecture, Op
from evonas.spaces import CellSpace, DenseSpace, InvertedResidualSpace, NetworkSpace, ResidualSpace
from evonas.spaces.staged.staged_space import StagedSpace

NUMBERS = tuple(precision.NUMBERS)
SHORT = {"norm_precisions": ("8-bit",), "scale_precisions": ("8-bit",)}
SMALL_SPACES = {
    "digits": CellSpace.of((1, 8, 8), 10, norm_precisions=("float",), scale_precisions=("float",)),
    "four nodes": CellSpace.of(
        (3, 9, 7), 4, cells=("normal", "reduction"), nodes=4, channels=4, expansions=(0.5, 1.0), norm_precisions=NUMBERS
    ),
    "no residual": CellSpace.of(
        (1, 8, 8),
        3,
        has_residual=False,
        channels=4,
        nodes=1,
        norm_precisions=("8-bit",),
        scale_precisions=("8-bit",),
        has_classifier_bias=False,
    ),
    "float": CellSpace.of(
        (1, 6, 6),
        3,
        weight_precisions=("float", "binary"),
        act_precisions=("float", "2-bit"),
        nodes=1,
        norm_precisions=("16-bit",),
    ),
    "no none": CellSpace.of(
        (2, 6, 6),
        2,
        modules=("norm-quant-conv-prelu",),
        ops=("skip", "conv_3x3", "dil_conv_5x5", "conv_1x1"),
        nodes=1,
        channels=3,
    ),
    "signal": CellSpace.of(
        (3, 1, 21),
        4,
        cells=("normal", "reduction", "normal"),
        nodes=1,
        channels=4,
        residual_downsamplings=("free", "ternary"),
    ),
    "modules": CellSpace.of(
        (3, 10, 10),
        5,
        cells=("reduction", "normal", "reduction"),
        modules=("norm-quant-conv", "norm-quant-conv-relu", "norm-quant-conv-norm-shortcut-prelu"),
        ops=("none", "skip", "max_pool_3x3", "group_conv_3x3", "group_conv_5x5", "conv_3x3"),
        weight_precisions=("binary", "ternary", "float"),
        act_precisions=("binary", "4-bit"),
        precision_scope="cell",
        residual_downsamplings=("free", "float", "ternary"),
        stream_precisions=("8-bit", "16-bit", "float"),
        norm_precisions=("power-of-two", "8-bit"),
        scale_precisions=("8-bit", "16-bit", "float"),
        stem_module="norm-conv",
        has_affine_resampling=False,
    ),
}

MODULES = ("norm-quant-conv", "norm-quant-conv-norm-prelu", "quant-conv-norm-relu")
STAGED_SPACES: dict[str, StagedSpace] = {
    "residual": ResidualSpace.of((1, 8, 8), 10, depth=8, channels=4),
    "residual, odd sides": ResidualSpace.of(
        (3, 9, 7),
        4,
        depth=14,
        channels=3,
        modules=MODULES,
        weight_precisions=("float", "ternary", "binary"),
        act_precisions=("float", "2-bit"),
        precision_scope="stage",
        norm_precisions=("8-bit", "float"),
        scale_precisions=("8-bit",),
    )
    .unlock("stage1/width")
    .unlock("stage1/width")
    .unlock("stage2/block1/width"),
    "inverted, signal": InvertedResidualSpace.of(
        (1, 40, 1),
        4,
        stem_channels=5,
        stages=((6, 2, 2), (7, 1, 1)),
        kernels=(3, 5),
        ratios=(1, 2),
        stream_precisions=("8-bit",),
        norm_precisions=("power-of-two",),
        scale_precisions=("8-bit", "16-bit"),
        has_classifier_bias=False,
    ),
    "inverted": InvertedResidualSpace.of((1, 8, 8), 10, stem_channels=6, stages=((6, 1, 1), (8, 2, 2))),
    "inverted, odd sides": InvertedResidualSpace.of(
        (3, 9, 7),
        4,
        stem_channels=5,
        stages=((6, 2, 2), (7, 1, 1), (6, 2, 2)),
        kernels=(3, 5, 7),
        ratios=(1, 2),
        has_stage_shortcut=False,
        widths=(0.5, 0.55, 1.0),
        modules=MODULES,
        act_precisions=("float", "ternary"),
        stream_precisions=("8-bit", "float"),
        norm_precisions=NUMBERS,
        scale_precisions=("16-bit", "float"),
    ).unlock("stage1/width"),
    "dense": DenseSpace.of((5, 1, 1), 3, units=6, modules=MODULES[:2], widths=(0.2, 0.25, 0.5, 1.0)).unlock(
        "stem/width"
    ),
}

EVERY_SPACE: dict[str, NetworkSpace] = {**SMALL_SPACES, **STAGED_SPACES}


# Settings by kind: kernels and strides that are not square.
UNEVEN: dict[str, dict[str, object]] = {
    "cells": {
        "cells": ("reduction", "normal", "reduction"),
        "reduction_stride": (2, 1),
        "channels": 4,
        "ops": (
            "none",
            "conv_3x1",
            "conv_1x3",
            "max_pool_3x3",
            "skip",
            "conv_3x3",
            "dil_conv_1x5",
            "conv_1x1",
            "conv_7x1",
        ),
        "residual_downsamplings": ("free", "ternary"),
    },
    "residual": {"depth": 8, "channels": 3, "kernels": (3, (1, 5), (3, 1)), "strides": ((2, 1), (1, 2))},
    "inverted_residual": {
        "stem_channels": 5,
        "stages": ((6, 1, (2, 1)), (7, 2, (1, 2)), (6, 1, 1)),
        "kernels": (3, 5, (1, 5), (5, 1), (3, 1)),
        "ratios": (1, 2),
    },
}


@cache
def covering(space: NetworkSpace) -> list[Architecture]:
    """Of that space, built once for all tests. Do not change it."""
    return space.covering()


def random_architectures(space: NetworkSpace, seed: int) -> list[Architecture]:
    """One of a cell space, three of a space in stages: there are fewer of those, and each kind needs as many."""
    rng, n = np.random.default_rng(seed), 1 if isinstance(space, CellSpace) else 3
    return [space.decode(genome) for genome in space.sample(rng, n)]


def uneven(architecture: Architecture, seed: int) -> Architecture:
    """The same with kernels that are not square, and strides along the width alone, as for spectrograms."""
    rng = np.random.default_rng(seed)

    def changed(op: Op) -> Op:
        side = op.kernel[0]
        forms = [(1, side)] if side % 2 == 0 else [(1, side), (side, 1), (side, side + 2)]
        kernel = forms[rng.integers(len(forms))]
        return replace(op, kernel=kernel, stride=(1, op.stride[1]))

    return replace(architecture, ops=tuple(map(changed, architecture.ops)))
