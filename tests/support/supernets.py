"""A small supernet, its batches, and the short trainings that tests make of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from evonas.architecture.scheme import Scheme
from evonas.nets.network import Network
from tests.support.spaces import SMALL_SPACES, covering

SPACE = replace(SMALL_SPACES["no residual"], scheme=Scheme(ternary_weight="twn"))  # tga clips its gradients
IMAGES = torch.rand(16, *SPACE.input_shape, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % SPACE.n_classes


def supernet() -> Network:
    return Network(covering(SPACE), generator=torch.Generator().manual_seed(0))


def batches(n: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(8, *SPACE.input_shape, generator=generator), LABELS[:8]) for _ in range(n)]


def assert_same_weights(first: Network, second: Network) -> None:
    """Learned numbers alone: what is measured before each use may differ."""
    theirs = dict(second.named_parameters())
    assert all(torch.equal(mine, theirs[name]) for name, mine in first.named_parameters())
