"""Mixtures of precisions: their sums, and what forward-and-backward scaling promises."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from evonas.nets.mixture import mix_precisions
from evonas.nets.quant.quantizer import Quantizer
from tests.support.quantizers import make, normal

SHARES = torch.tensor([0.6, 0.3, 0.1])


def quantizers() -> list[Quantizer]:
    methods = {"binary": "xnor", "ternary": "tga", "4-bit": "lsq_weight"}
    return [make(method, name) for name, method in methods.items()]


def rms(x: Tensor) -> float:
    return float(x.detach().square().mean().sqrt())


def test_unscaled_precisions_are_the_plain_sum() -> None:
    x, choices = normal(4, 3, 3, 3), quantizers()
    expected = sum(share * q(x) for share, q in zip(SHARES, choices, strict=True))
    assert torch.allclose(mix_precisions(x, choices, SHARES, is_scaled=False), torch.as_tensor(expected))


@given(log_size=st.floats(-20, 15))
def test_scaled_precisions_keep_the_latents_size(log_size: float) -> None:
    x = 10**log_size * normal(4, 3, 3, 3)
    mixed = mix_precisions(x, quantizers(), SHARES, is_scaled=True)
    assert float((mixed.detach().double().square().mean() / x.double().square().mean()).sqrt()) == pytest.approx(
        1, rel=1e-4
    )


def test_a_rare_choice_learns_as_if_it_were_alone() -> None:
    x, grad, choices = normal(4, 3, 3, 3), normal(4, 3, 3, 3, seed=1), quantizers()
    mixed = mix_precisions(x, choices, SHARES, is_scaled=True)
    factor = rms(x) / rms(mix_precisions(x, choices, SHARES, is_scaled=False))
    mixed.backward(grad)
    together = [parameter.grad.clone() for parameter in choices[2].parameters() if parameter.grad is not None]
    choices[2].zero_grad()
    choices[2](x).backward(grad)
    alone = [parameter.grad for parameter in choices[2].parameters() if parameter.grad is not None]
    assert together
    assert all(torch.allclose(mine, factor * theirs, rtol=1e-4) for mine, theirs in zip(together, alone, strict=True))


def test_the_latent_gets_the_mean_over_choices() -> None:
    x, grad, choices = normal(4, 3, 3, 3).requires_grad_(), normal(4, 3, 3, 3, seed=1), quantizers()
    factor = rms(x) / rms(mix_precisions(x, choices, SHARES, is_scaled=False))
    expected = torch.zeros_like(x)
    for share, quantizer in zip(SHARES, choices, strict=True):
        expected += share * torch.autograd.grad(quantizer(x), x, grad)[0]
    (found,) = torch.autograd.grad(mix_precisions(x, choices, SHARES, is_scaled=True), x, grad)
    assert torch.allclose(found, factor * expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("is_scaled", [False, True])
def test_shares_can_learn(is_scaled: bool) -> None:
    shares = SHARES.clone().requires_grad_()
    loss = mix_precisions(normal(4, 3, 3, 3), quantizers(), shares, is_scaled=is_scaled).square().sum()
    loss.backward()
    assert shares.grad is not None
    assert torch.isfinite(shares.grad).all()
    assert (shares.grad != 0).all()


def test_zeros_stay_zeros_without_nan() -> None:
    assert (mix_precisions(torch.zeros(2, 2, 1, 1), quantizers(), SHARES, is_scaled=True) == 0).all()
    unsigned = [make("lsq", bits) for bits in ("2-bit", "3-bit", "4-bit")]
    for dead in (torch.zeros(2, 2, 1, 1), -torch.ones(2, 2, 1, 1)):  # a ReLU that nothing passes
        assert (mix_precisions(dead, unsigned, SHARES, is_scaled=True) == 0).all()
