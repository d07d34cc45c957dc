"""Numbers that others published about their networks come out exactly from ours."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from evonas.architecture.graph import Architecture
from evonas.errors import GenomeError
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from objectives import OBJECTIVES
from tests.twins.cell_build import build

LAYERS = 20
KINDS = tuple("reduction" if index in (LAYERS // 3, 2 * LAYERS // 3) else "normal" for index in range(LAYERS))
BNAS = CellSpace.of(
    (3, 32, 32),
    10,
    cells=KINDS,
    nodes=4,
    channels=36,
    stem_channels=108,
    ops=("none", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    weight_precisions=("binary", "ternary"),
    act_precisions=("binary", "ternary"),
    stem_precisions=("float",),
    classifier_precisions=("float",),
    expansions=(1.0,),
    residual_downsamplings=("float", "ternary", "free"),
    stem_module="norm-conv",
    classifier_module="pool-conv",
    has_affine_resampling=False,
)
BNAS_A = {
    "normal": [
        *[("none", 1), ("dil_conv_3x3", 0), ("conv_3x3", 1), ("none", 2)],
        *[("none", 2), ("none", 3), ("none", 3), ("none", 4)],
    ],
    "reduction": [
        *[("max_pool_3x3", 0), ("none", 1), ("max_pool_3x3", 0), ("none", 2)],
        *[("none", 3), ("none", 2), ("none", 3), ("none", 4)],
    ],
}
TAS = {
    "normal": [("none", source) for source in (1, 0, 2, 1, 3, 2, 4, 3)],
    "reduction": [
        *[("max_pool_3x3", 0), ("conv_3x3", 1), ("max_pool_3x3", 0), ("conv_3x3", 2)],
        *[("max_pool_3x3", 0), ("none", 3), ("max_pool_3x3", 0), ("none", 2)],
    ],
}


def bnas_a() -> Architecture:
    """With the two cell inputs that no edge reads, which the published counts include."""
    return build(BNAS.layout, BNAS.describe(BNAS.published(BNAS_A)), keeps_unused=True)


def test_bnas_a_has_its_published_parameters_and_their_split() -> None:
    network = Network([bnas_a()], generator=torch.Generator())
    binary = float_ = norms = 0
    for name, parameter in network.named_parameters():
        layer, part = name.removeprefix("layers.").split(".", 1)
        if part.startswith("norms"):
            norms += parameter.numel()
        elif layer in ("stem", "classifier") or layer.endswith("residual"):
            float_ += parameter.numel()
        else:
            binary += parameter.numel()
    assert (binary, float_, norms) == (4_708_368, 838_990, 30_894)
    assert sum(layer.parameters for layer in bnas_a().layers) == 5_578_252


def test_bnas_a_has_its_published_operations_and_bytes() -> None:
    layers = bnas_a().layers
    assert sum(layer.macs for layer in layers if layer.weight_bits == 1) == 696_729_600
    assert sum(layer.macs for layer in layers if layer.weight_bits == 32) == 87_926_400
    assert OBJECTIVES["binary_ops"].measure is not None
    assert OBJECTIVES["binary_ops"].measure(layers) == 87_926_400 + 696_729_600 / 64
    # batch norm unfolded, scales left out, as the paper counts
    stored = sum(
        layer.weights / 8 + 4 * (layer.parameters - layer.weights) if layer.weight_bits == 1 else 4 * layer.parameters
        for layer in layers
    )
    assert round(stored / 1e6, 3) == 4.068
    residuals = sum(4 * (layer.parameters - 2 * 144 * 2**index) for index, layer in enumerate(_residuals(layers)))
    assert 0.81 < residuals / stored < 0.83


def _residuals(layers: object) -> list[object]:
    return [layer for layer in layers if layer.name.endswith("/residual") and layer.macs]  # type: ignore[attr-defined]


def test_what_no_edge_reads_is_left_out_of_our_own_counts() -> None:
    pruned = BNAS.decode(BNAS.published(BNAS_A))
    published = {op.name for op in bnas_a().ops}
    assert published - {op.name for op in pruned.ops} == {"cell6/in1", "cell13/in1"}


def test_the_fast_path_counts_bnas_a_too() -> None:
    genome = BNAS.published(BNAS_A)
    together = BNAS.batch_layers(np.stack([genome, BNAS.repair(genome)]))
    for objective in OBJECTIVES.values():
        if objective.measure:
            assert objective.measure(together)[0] == objective.measure(BNAS.decode(genome).layers), objective.name


def test_the_genotype_published_for_tas_is_refused_as_dead() -> None:
    """Every edge of its normal cell is ``none``, and its first cell has no residual: the image goes nowhere."""
    genome = BNAS.published(TAS)
    architecture = BNAS.decode(genome)
    assert re.fullmatch(
        r"no path leads from the image to the output; everything from cell0 on is constant",
        architecture.dead_reason or "",
    )
    with pytest.raises(GenomeError, match="no path leads from the image"):
        Network([architecture], generator=torch.Generator())
    assert BNAS.decode(BNAS.repair(genome)).dead_reason is None


def test_a_genotype_of_another_space_is_refused() -> None:
    with pytest.raises(GenomeError, match="for normal/node0/edge0/op one of"):
        BNAS.published({"normal": [("sep_conv_3x3", 0), ("none", 1)] * 4})
