"""The graph against the network that executes it: shapes, MACs, parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from evonas.architecture.graph import CLASSIFIER, Architecture, Op
from evonas.architecture.precision import EIGHT_BIT, NUMBERS, PRECISIONS
from evonas.nets.freeze import freeze
from evonas.nets.network import Network
from evonas.spaces import CellSpace, NetworkSpace
from objectives import OBJECTIVES
from objectives.model_size import model_size
from tests.support.spaces import random_architectures, uneven

often = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 2**32 - 1)


def measure(name: str, architecture: Architecture) -> float:
    count = OBJECTIVES[name].measure
    assert count is not None
    return count(architecture.layers)


@settings(often, max_examples=3)  # a network holds ten to thirty layers, and they are what is counted
@given(seed=seeds)
def test_counts_and_shapes_are_those_of_the_network(network_space: NetworkSpace, seed: int) -> None:
    """Operations as torch counts them, every learned and every stored number, and the shapes of all tensors."""
    drawn = random_architectures(network_space, seed)
    for architecture in (*drawn, uneven(drawn[0], seed)):
        network = Network([architecture], generator=torch.Generator()).eval()
        with FlopCounterMode(display=False) as counter:
            tensors = network.activations(torch.rand(2, *network_space.input_shape))
        assert 2 * measure("flops", architecture) == counter.get_total_flops() == 4 * measure("macs", architecture)
        assert measure("parameters", architecture) == sum(parameter.numel() for parameter in network.parameters())
        assert counted(architecture) == stored(network)
        for name, shape in architecture.shapes.items():
            assert tensors[name].shape[1:] == (shape.channels, shape.height, shape.width)


def stored(network: Network) -> tuple[int, dict[str, int]]:
    """Kernels' numbers, and the bytes that a file stores of each layer: what nothing is left of is not there."""
    weights = sum(layer.latent_weight.numel() for layer in network.layers.values())  # type: ignore[misc, operator, union-attr]
    return weights, freeze(network).stored_bytes


def counted(architecture: Architecture) -> tuple[int, dict[str, int]]:
    """The same by the cost models."""
    sizes = {layer.name: model_size([layer]) for layer in architecture.layers}
    return sum(layer.weights for layer in architecture.layers), {name: size for name, size in sizes.items() if size}


@often
@given(seed=seeds)
def test_more_bits_never_cost_less(space: CellSpace, seed: int) -> None:
    """Nor do more weight bits in bytes and energy from ternary on; binary weights have a scale a filter."""
    genome = space.sample(np.random.default_rng(seed), 1)[0]
    rng = np.random.default_rng(seed)
    precisions = [index for index, gene in enumerate(space.genes) if gene.name.endswith(("/weight", "/act"))]
    index = rng.choice(precisions)
    ordered = sorted(space.genes[index].choices, key=lambda name: (PRECISIONS[name].bits, PRECISIONS[name].levels))
    costs = []
    for name in ordered:
        genome[index] = space.genes[index].choices.index(name)
        architecture = space.decode(genome)
        costs.append([measure(cost, architecture) for cost in ("bitops", "model_size", "energy")])
    for name, cheaper, dearer in zip(ordered, costs, costs[1:], strict=False):
        n_costs = 3 if space.genes[index].name.endswith("/weight") and name != "binary" else 1
        assert all(a <= b for a, b in zip(cheaper[:n_costs], dearer[:n_costs], strict=True))


def test_model_size_by_hand() -> None:
    ternary, binary = PRECISIONS["ternary"], PRECISIONS["binary"]
    architecture = Architecture(
        (1, 4, 4),
        (
            Op("stem", "conv", ("input",), 3, kernel=(3, 3), weight=EIGHT_BIT, act=EIGHT_BIT, steps=("conv",)),
            Op("body", "conv", ("stem",), 5, kernel=(3, 3), weight=ternary, act=PRECISIONS["2-bit"]),
            Op("tail", "conv", ("body",), 7, weight=binary, act=binary),
            Op("classifier", "conv", ("tail",), 2, weight=EIGHT_BIT, act=EIGHT_BIT, steps=CLASSIFIER, has_bias=True),
        ),
    )
    stem = 27 + 4  # 8-bit weights, one scale
    body = 27 + 4 * (1 + 2 * 3)  # 135 trits in 27 bytes; scale, batch norm of 3 channels, which takes up the step
    tail = 5 + 4 * (7 + 2 * 5)  # 35 bits in 5 bytes; a scale a filter, batch norm of 5 channels
    classifier = 14 + 4 * (1 + 2 * 7 + 2)  # scale, batch norm of 7 channels, bias
    assert measure("model_size", architecture) == stem + body + tail + classifier
    short = replace(architecture, norms=NUMBERS["8-bit"], scales=NUMBERS["8-bit"])  # a vector has an exponent of a byte
    norms = 2 * (3 + 1) + 2 * (5 + 1) + 2 * (7 + 1)
    assert measure("model_size", short) == 27 + 2 + 27 + 2 + 5 + 8 + 14 + 2 + 3 + norms
    half = replace(short, norms=NUMBERS["power-of-two"])  # 3, 5 and 7 scales of four bits in 2, 3 and 4 bytes
    assert measure("model_size", short) - measure("model_size", half) == 1 + 2 + 3
    macs = 16 * 27, 16 * 135, 16 * 35, 14
    assert measure("macs", architecture) == sum(macs)
    assert measure("bitops", architecture) == 64 * macs[0] + 4 * macs[1] + 1 * macs[2] + 64 * macs[3]


@pytest.mark.parametrize("name", ["macs", "bitops", "model_size", "peak_memory"])
def test_wider_never_costs_less(name: str) -> None:
    space = CellSpace.of((1, 8, 8), 10)
    genome = space.sample(np.random.default_rng(1), 1)[0]
    widths = [index for index, gene in enumerate(space.genes) if gene.name.endswith("/expansion")]
    costs = []
    for choice in range(4):
        genome[widths] = choice
        costs.append(measure(name, space.decode(genome)))
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
