"""LSQ: its gradients against the paper, its starting steps, its two implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from evonas.architecture.precision import PRECISIONS
from evonas.nets.quant.lsq import ACT_STEPS, WEIGHT_STEPS, LsqActivation, LsqWeight, lsq
from tests.support.quantizers import latent


@pytest.mark.parametrize(("low", "high"), [(-2, 1), (-8, 7), (0, 2), (0, 255)])
def test_lsq_gradients_follow_the_paper(low: int, high: int) -> None:
    x = (3 * latent(1)).requires_grad_()
    step = torch.tensor(0.37, requires_grad=True)
    grad = latent(2)
    lsq(x, step, low=low, high=high, n=x.numel()).backward(grad)
    v = x.detach().double() / 0.37
    inside = (v >= low) & (v <= high)
    code = v.clamp(low, high).round()
    expected = (grad.double() * torch.where(inside, code - v, code)).sum() / math.sqrt(x.numel() * high)
    assert x.grad is not None
    assert step.grad is not None
    assert torch.equal(x.grad, grad * inside)
    torch.testing.assert_close(step.grad.double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [LsqWeight, LsqActivation])
def test_a_step_stays_positive_whatever_the_gradient(make: type[LsqWeight]) -> None:
    quantizer = make(PRECISIONS["4-bit"])
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=10.0)
    for sign in (1, 1, 1, -1):
        optimizer.zero_grad()
        (sign * quantizer(latent()).abs().sum()).backward()
        optimizer.step()
        assert quantizer.scale(latent()) > 0


@pytest.mark.parametrize("levels", WEIGHT_STEPS)
@pytest.mark.parametrize("is_act", [False, True])
def test_initial_steps_lose_least_on_a_gaussian(levels: int, is_act: bool) -> None:
    x = np.linspace(-8, 8, 40_001)
    density = np.exp(-x * x / 2)
    low, high = (0, levels - 1) if is_act else (-(levels // 2), (levels - 1) // 2)
    target = np.maximum(x, 0) if is_act else x
    start = (ACT_STEPS if is_act else WEIGHT_STEPS)[levels]

    def loss(step: float) -> float:
        return float((density * (target - step * np.clip(np.round(target / step), low, high)) ** 2).sum())

    assert loss(start) <= min(loss(0.97 * start), loss(1.03 * start))


@pytest.mark.parametrize("bound", [1, 2, 7, 8, 127, 128, 255])
def test_lsq_s_range_is_closed(bound: int) -> None:
    x = torch.tensor([-bound, bound, -bound * 1.0001, bound * 1.0001]).requires_grad_()
    lsq(x, torch.tensor(1.0), low=-bound, high=bound, n=4).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("is_signed", [False, True])
def test_the_compiler_s_lsq_equals_the_fused_one(is_signed: bool) -> None:
    from evonas.nets.quant.lsq import _lsq_of_plain_operations

    low, high = (-2, 1) if is_signed else (0, 3)
    x = 3 * latent(3)
    results = []
    for plain in (False, True):
        at, step = x.clone().requires_grad_(), torch.tensor(0.6, requires_grad=True)
        if plain:
            y = _lsq_of_plain_operations(at, step, low=low, high=high, factor=1 / math.sqrt(x.numel() * high))
        else:
            y = lsq(at, step, low=low, high=high, n=x.numel())
        y.backward(latent(4))
        results.append((y.detach(), at.grad, step.grad))
    for fused, composed in zip(*results, strict=True):
        torch.testing.assert_close(fused, composed, rtol=1e-5, atol=1e-6)
