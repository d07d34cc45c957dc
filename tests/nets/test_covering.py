"""A supernet holds all that its space can sample: it is built from the networks that ``covering`` names."""

from __future__ import annotations

import numpy as np
import torch

from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from tests.support.spaces import covering


def test_a_supernet_runs_whatever_its_space_samples(network_space: NetworkSpace) -> None:
    supernet = Network(covering(network_space), generator=torch.Generator().manual_seed(0))
    images = torch.rand(2, *network_space.input_shape)
    with torch.no_grad():
        for genome in network_space.sample(np.random.default_rng(0), 12):
            supernet.activate(network_space.decode(genome))
            assert supernet(images).isfinite().all()
