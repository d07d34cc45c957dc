"""Quantizers by name, and what tests give them."""

from __future__ import annotations

import torch
from torch import Tensor

from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.precision import PRECISIONS
from evonas.nets.quant.quantizer import Quantizer, build_quantizer

EVERY = [(name, precision) for name, method in QUANTIZERS.items() for precision in method.serves]
"""Every method with every precision that it serves."""


def make(name: str, precision: str) -> Quantizer:
    """Build the quantizer of a row of ``QUANTIZERS``."""
    return build_quantizer(QUANTIZERS[name], PRECISIONS[precision])


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def latent(seed: int = 0, *, size: float = 1.0) -> Tensor:
    """A kernel of six filters."""
    return size * normal(6, 3, 3, 3, seed=seed)


def gradients(quantizer: Quantizer, x: Tensor, grad: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Gradient of ``sum(grad * quantizer(x))`` for ``x``, and for each parameter."""
    x = x.detach().clone().requires_grad_()
    quantizer.zero_grad()
    quantizer(x).backward(grad)
    assert x.grad is not None
    return x.grad, [parameter.grad for parameter in quantizer.parameters() if parameter.grad is not None]
