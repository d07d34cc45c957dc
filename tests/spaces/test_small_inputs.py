"""Images of few pixels and signals: kernels are cut to what they have use for, and no network has two genomes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from evonas.architecture.fitting import Window, fit
from evonas.architecture.graph import Architecture
from evonas.errors import RunFileError
from evonas.nets.network import Network
from evonas.spaces import SPACES, CellSpace, NetworkSpace
from evonas.spaces.genome import Genomes
from objectives import OBJECTIVES
from tests.spaces.test_canonical import by_network
from tests.support.spaces import UNEVEN, covering

SIDES = [(4, 4), (1, 9), (1, 1), (3, 2)]
SETTINGS: dict[str, dict[str, object]] = {
    "cells": {
        "cells": ("normal", "reduction", "reduction"),
        "channels": 4,
        "ops": (
            "max_pool_3x3", "none", "dil_conv_5x5", "skip", "conv_5x5", "avg_pool_3x3", "conv_3x3", "dil_conv_3x3",
            "conv_1x1", "group_conv_5x5", "group_conv_3x3",
        ),
        "modules": ("norm-quant-conv", "norm-quant-conv-norm-shortcut-prelu"),
        "residual_downsamplings": ("free", "ternary"),
    },
    "residual": {"depth": 8, "channels": 3},
    "inverted_residual": {"stem_channels": 5, "stages": ((6, 2, 2), (7, 1, 2)), "kernels": (3, 5, 7), "ratios": (1, 2)},
    "dense": {"units": 5},
}  # fmt: skip
CASES = (
    {
        f"{kind}, {sides[0]}x{sides[1]}": SPACES[kind].of((2, *sides), 3, **settings)
        for kind, settings in SETTINGS.items()
        for sides in SIDES
        if kind != "dense" or sides == (1, 1)
    }
    | {
        f"{kind}, uneven, {sides[0]}x{sides[1]}": SPACES[kind].of((2, *sides), 3, **settings)
        for kind, settings in UNEVEN.items()
        for sides in ((7, 5), (1, 9))
    }
    | {
        f"{kind}, wide stem, {sides[0]}x{sides[1]}": SPACES[kind].of(
            (2, *sides), 3, stem_kernel=(3, 9), stem_stride=(2, 7), **UNEVEN[kind]
        )
        for kind, sides in (("cells", (1, 60)), ("residual", (4, 40)), ("inverted_residual", (5, 25)))
    }
)
NAME = re.compile(r"(/from\d+)/.*|/k[\dx]+$")
every_case = pytest.mark.parametrize("space", CASES.values(), ids=CASES)
FEW = {
    name: space for name, space in CASES.items() if name.endswith(("3x2", "7x5")) or not isinstance(space, CellSpace)
}
few_cases = pytest.mark.parametrize("space", FEW.values(), ids=FEW)


def nameless(architecture: Architecture) -> Architecture:
    """Without what genes call a kernel in the names of operations."""

    def short(name: str) -> str:
        return NAME.sub(r"\1", name)

    ops = (replace(op, name=short(op.name), inputs=tuple(map(short, op.inputs))) for op in architecture.ops)
    return replace(architecture, ops=tuple(ops))


def neighbours(space: NetworkSpace, seed: int) -> Genomes:
    """A genome and all that differ from it in one gene."""
    rng = np.random.default_rng(seed)
    found = [rng.integers([gene.n_open for gene in space.genes])]
    for index, gene in enumerate(space.genes):
        for choice in range(gene.n_open):
            found.append(found[0].copy())
            found[-1][index] = choice
    return np.stack(found)


@every_case
def test_no_network_has_two_genomes(space: NetworkSpace) -> None:
    for seed in range(1 if isinstance(space, CellSpace) else 4):
        genomes = {tuple(genome) for genome in space.repair_all(neighbours(space, seed)).tolist()}
        networks = {nameless(space.decode(np.array(genome))) for genome in genomes}
        assert len(networks) == len(genomes)


@few_cases
def test_canonical_forms_are_those_that_networks_are_read_as(space: NetworkSpace) -> None:
    genomes = neighbours(space, 9)[:: 50 if isinstance(space, CellSpace) else 1]
    for genome in genomes:
        assert np.array_equal(space.canonical(genome), by_network(space, genome))


@every_case
def test_many_are_counted_as_each_alone_and_as_torch_counts_them(space: NetworkSpace) -> None:
    genomes = space.sample(np.random.default_rng(0), 10)
    together = space.batch_layers(genomes)
    assert together is not None
    architectures = [space.decode(genome) for genome in genomes]
    for objective in OBJECTIVES.values():
        if objective.measure:
            one_by_one = [objective.measure(architecture.layers) for architecture in architectures]
            assert np.array_equal(objective.measure(together), one_by_one), objective.name
    for architecture in architectures[: 2 if isinstance(space, CellSpace) else 5]:
        network = Network([architecture], generator=torch.Generator()).eval()
        with FlopCounterMode(display=False) as counter:
            network.activations(torch.rand(2, *space.input_shape))
        assert sum(layer.macs for layer in architecture.layers) * 4 == counter.get_total_flops()


@few_cases
def test_a_supernet_runs_every_network(space: NetworkSpace) -> None:
    """So all uses of one kernel have its size."""
    supernet = Network(covering(space), generator=torch.Generator().manual_seed(0)).eval()
    images = torch.rand(3, *space.input_shape, generator=torch.Generator().manual_seed(0))
    for genome in space.sample(np.random.default_rng(1), 5):
        architecture = space.decode(genome)
        supernet.activate(architecture)
        with torch.no_grad():
            assert torch.equal(supernet.extract(architecture)(images), supernet(images))


@every_case
def test_no_weight_meets_only_padding(space: NetworkSpace) -> None:
    """A weight that sees a pixel somewhere has a gradient, or the one on the other side of the kernel's middle has."""
    for genome in space.sample(np.random.default_rng(2), 6):
        architecture = space.decode(genome)
        for op in architecture.ops:
            if op.kind != "conv":
                continue
            source = architecture.shapes[op.inputs[0]]
            sides = (1, 1) if "pool" in op.steps else (source.height, source.width)
            assert fit(Window(op.kernel, op.stride, op.dilation), sides) == (op.kernel, op.stride, op.dilation)
            kernel = torch.ones(1, 1, *op.kernel, requires_grad=True)
            image = torch.nn.functional.pad(
                torch.ones(1, 1, *sides), (0, op.kernel[1] % 2 == 0, 0, op.kernel[0] % 2 == 0)
            )
            y = torch.nn.functional.conv2d(image, kernel, None, op.stride, op.padding, op.dilation)
            y.sum().backward()  # type: ignore[no-untyped-call]
            assert kernel.grad is not None
            for axis in (2, 3):
                used = kernel.grad.sum(dim=5 - axis).flatten() > 0
                assert (used | used.flip(0)).all()


@pytest.mark.parametrize("kernel", range(1, 9))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_what_is_cut_would_have_met_padding(kernel: int, dilation: int) -> None:
    """Against the definition: with the weights that are cut at zero or at one, the output is the same."""
    for side in range(1, 9):
        (fitted, _), _, _ = fit(Window((kernel, 1), (1, 1), dilation), (side, 1))
        reaches = [dilation * (place - (kernel - 1) // 2) for place in range(kernel)]
        kept = [dilation * (place - (fitted - 1) // 2) for place in range(fitted)]
        assert [reach for reach in reaches if abs(reach) < side] == [reach for reach in kept if abs(reach) < side]
        assert fitted <= kernel
        assert fitted == kernel or all(abs(reach) < side for reach in kept)


def test_choices_that_are_the_same_on_a_signal_are_one_genome() -> None:
    """Along time a kernel counts as far as it lies along time: 3 is 1x3, and 3x1 is 1x1."""
    space = SPACES["inverted_residual"].of((2, 1, 9), 3, stages=((4, 1, 1),), kernels=(3, 5, (1, 5), (5, 1), (1, 3)))
    index = [gene.name for gene in space.genes].index("stage0/block0/kernel")
    genomes = np.zeros((5, len(space.genes)), dtype=np.int64)
    genomes[:, index] = range(5)
    assert space.repair_all(genomes)[:, index].tolist() == [0, 1, 1, 3, 0]
    ops = [next(op for op in space.decode(genome).ops if "depthwise" in op.name) for genome in genomes]
    assert [op.kernel for op in ops] == [(1, 3), (1, 5), (1, 5), (1, 1), (1, 3)]
    assert ops[3].name == "stage0/block0/depthwise/k5x1"


@pytest.mark.parametrize("stride", [(2, 1), (1, 2)])
def test_strides_along_one_axis_leave_the_other_as_it_is(stride: tuple[int, int]) -> None:
    """On a spectrogram of 49x10 values."""
    expected = (-(-49 // stride[0]), -(-10 // stride[1]))
    for space, last in (
        (SPACES["cells"].of((1, 49, 10), 3, reduction_stride=stride), "cell2"),
        (SPACES["residual"].of((1, 49, 10), 3, depth=8, strides=(stride, 1)), "stage2/block0/sum"),
        (SPACES["inverted_residual"].of((1, 49, 10), 3, stages=((4, 1, stride), (5, 1, 1))), "stage1/block0/sum"),
    ):
        for genome in space.sample(np.random.default_rng(0), 3):
            shape = space.decode(genome).shapes[last]
            assert (shape.height, shape.width) == expected


def test_a_wide_first_convolution_shortens_a_signal() -> None:
    """Kernel and stride along time alone; what a stride would pass over is refused."""
    for kind in ("cells", "residual", "inverted_residual"):
        space = SPACES[kind].of((1, 1, 8000), 3, stem_kernel=31, stem_stride=16)
        stem = space.decode(space.sample(np.random.default_rng(0), 1)[0])
        assert (stem.ops[0].kernel, stem.ops[0].stride) == ((1, 31), (1, 16))
        assert (stem.shapes["stem"].height, stem.shapes["stem"].width) == (1, 500)
        for settings in ({"stem_stride": 5}, {"stem_kernel": (3, 1), "stem_stride": (1, 2)}):
            with pytest.raises(RunFileError, match="passes over pixels"):
                SPACES[kind].of((1, 8, 8), 3, **settings)
        with pytest.raises(RunFileError, match="must be 1 to 64"):
            SPACES[kind].of((1, 8, 8), 3, stem_kernel=99, stem_stride=65)


@pytest.mark.parametrize("stride", [1, (1, 1), 3, (2, 0)])
def test_a_reduction_cell_that_reduces_nothing_is_refused(stride: object) -> None:
    with pytest.raises(RunFileError, match="reduction_stride"):
        CellSpace.of((1, 8, 8), 3, reduction_stride=stride)
