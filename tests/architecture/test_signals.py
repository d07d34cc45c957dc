"""Costs of 320 random networks for signals and for images that are not square, against what torch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from evonas.nets.network import Network
from evonas.spaces import SPACES
from objectives.device.storage import storage
from objectives.macs import macs
from objectives.parameters import parameters
from tests.architecture.test_architecture import counted, stored
from tests.evaluation.test_peak_memory import Walk

OPS = (
    "none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_1x1", "conv_3x3", "conv_1x5", "conv_5x1", "dil_conv_3x3",
    "dil_conv_1x5", "group_conv_3x3", "conv_7x1",
)  # fmt: skip
NETWORKS = 20  # of each space


def settings(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Random settings of a space: strides, kernels, widths."""
    stride = [(2, 1), (1, 2), (2, 2)][rng.integers(3)]
    few = rng.permutation(len(OPS))[:6]
    match kind:
        case "cells":
            cells = ("normal", "reduction", "normal")[rng.integers(2) :]
            ops = tuple(OPS[index] for index in few)
            return {"cells": cells, "nodes": 2, "channels": 4, "ops": ops, "reduction_stride": stride}
        case "residual":
            return {"depth": 8, "channels": 3, "kernels": (3, (1, 5), (5, 1)), "strides": (stride, (1, 2))}
        case _:
            stages = ((6, 1, stride), (7, 2, (1, 2)))
            return {"stem_channels": 5, "stages": stages, "kernels": (3, (1, 5), (5, 1), (3, 1)), "ratios": (1, 2)}


@pytest.mark.parametrize("seed", range(16))
def test_costs_are_those_of_the_network(seed: int) -> None:
    """Operations as torch counts them, parameters of the module, stored numbers, and a walk over all tensors."""
    rng = np.random.default_rng(seed)
    kind = ("cells", "residual", "inverted_residual")[seed % 3]
    long, short, channels = int(rng.integers(9, 50)), int(rng.integers(2, 12)), int(rng.integers(1, 7))
    shape = [(channels, 1, long), (channels, long, 1), (channels, long, short), (channels, short, long)][seed % 4]
    space = SPACES[kind].of(shape, 4, **settings(kind, rng))
    for genome in space.sample(rng, NETWORKS):
        architecture = space.decode(genome)
        network = Network([architecture], generator=torch.Generator()).eval()
        with FlopCounterMode(display=False) as counter:
            tensors = network.activations(torch.rand(1, *shape))
        layers = architecture.layers
        assert 2 * macs(layers) == counter.get_total_flops()
        assert parameters(layers) == sum(parameter.numel() for parameter in network.parameters())
        assert counted(architecture) == stored(network)
        kept = storage(layers)
        assert (kept.alive() - kept.scratch)[:, 0].tolist() == Walk(architecture, tensors).n_bytes_by_step()
