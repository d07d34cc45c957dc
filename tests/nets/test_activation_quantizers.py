"""Quantizers of activations: each one's gradient against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evonas.architecture.precision import PRECISIONS, TERNARY
from evonas.nets.quant.activations.pact import Pact
from evonas.nets.quant.activations.ternary_activation import PerImageTernary, TernaryActivation
from evonas.nets.quant.binary import ApproxSign, Sign
from evonas.nets.quant.weights.tas import WINDOW
from tests.support.quantizers import gradients, latent


def test_sign_gradients_pointwise() -> None:
    x = torch.tensor([-1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5])
    for quantizer, expected in (
        (ApproxSign(PRECISIONS["binary"]), [0, 0, 1, 2, 2, 1, 0, 0]),
        (Sign(PRECISIONS["binary"]), [0, 1, 1, 1, 1, 1, 1, 0]),
    ):
        assert quantizer(x).tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
        assert gradients(quantizer, x, torch.ones(8))[0].tolist() == expected


def test_pact_gradients() -> None:
    quantizer = Pact(PRECISIONS["2-bit"])
    clip = quantizer.log_clip.detach().exp().item()
    x = torch.tensor([-0.5, 0.0, 0.7, clip - 0.01, clip + 0.01, 9.0])
    grad_x, (grad_clip,) = gradients(quantizer, x, torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert grad_x.tolist() == [0, 2, 3, 4, 0, 0]
    assert grad_clip.item() == pytest.approx(11 * clip, rel=1e-5)


@pytest.mark.parametrize("is_signed", [False, True])
def test_ternary_activation_gradients(is_signed: bool) -> None:
    quantizer, x, grad = (
        TernaryActivation(TERNARY, is_signed=is_signed).double(),
        latent(2).double(),
        latent(3).double(),
    )
    t, s = quantizer.log_threshold.detach().exp(), quantizer.log_scale.detach().exp()
    grad_x, (grad_threshold, grad_scale) = gradients(quantizer, x, grad)
    passes = x.abs() <= t + s if is_signed else (x >= 0) & (x <= t + 2 * s)
    assert torch.equal(grad_x, grad * passes)
    torch.testing.assert_close(grad_scale, (grad * quantizer.codes(x)).sum() * s)
    width = WINDOW * t

    def smooth(threshold: Tensor) -> Tensor:
        def step(distance: Tensor) -> Tensor:
            u = (distance / width).clamp(-1, 1)
            return torch.where(u < 0, (1 + u) ** 2 / 2, 1 - (1 - u) ** 2 / 2)

        if is_signed:
            return (grad * s * x.sign() * step(x.abs() - threshold)).sum()
        return (grad * s * step(x - threshold)).sum()

    numeric = (smooth(t + 1e-6) - smooth(t - 1e-6)) / 2e-6
    if is_signed:
        torch.testing.assert_close(grad_threshold, numeric * t, rtol=1e-4, atol=1e-9)
    assert torch.isfinite(grad_threshold)


def test_per_image_scale_depends_on_its_image_only() -> None:
    quantizer, x = PerImageTernary(TERNARY), latent()
    alone = torch.cat([quantizer(x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(quantizer(x), alone)
    assert quantizer.scale(x).shape == (6, 1, 1, 1)
