"""What every quantizer promises, and each one's gradient against its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture import act_scales, weight_scales
from evonas.precision import PRECISIONS
from evonas.quant import ACT_QUANTIZERS, WEIGHT_QUANTIZERS, Quantizer
from evonas.quant.binary import ApproxSign, BinaryWeight
from evonas.quant.lsq import ACT_STEPS, WEIGHT_STEPS, LsqActivation, LsqWeight, lsq
from evonas.quant.ternary import HIGH, LOW, TruncatedGaussianTernary, tail_mean

EVERY = [(f"weight {name}", make) for name, make in WEIGHT_QUANTIZERS.items()] + [
    (f"act {name}", make) for name, make in ACT_QUANTIZERS.items()
]
every_quantizer = pytest.mark.parametrize("make", [make for _, make in EVERY], ids=[name for name, _ in EVERY])


def latent(seed: int = 0, *, size: float = 1.0) -> Tensor:
    return size * torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(seed))


@every_quantizer
@given(seed=st.integers(0, 99), log_size=st.floats(-6, 6))
@settings(max_examples=20, deadline=None)
def test_effective_is_scale_times_codes_exactly(make: type[Quantizer], seed: int, log_size: float) -> None:
    quantizer, x = make(), latent(seed, size=10**log_size)
    assert torch.equal(quantizer(x), quantizer.scale(x) * quantizer.codes(x))


@every_quantizer
def test_codes_are_whole_and_of_the_declared_levels(make: type[Quantizer]) -> None:
    quantizer = make()
    heavy_tailed = 50 * torch.linspace(-1, 1, 60_000) ** 7  # so that the outermost levels are reached
    codes = quantizer.codes(heavy_tailed.view(-1, 1, 1, 1))
    found = codes.unique()
    assert torch.equal(found, found.round())
    assert len(found) == quantizer.precision.levels


@every_quantizer
@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(4, 2, 1, 1),
        torch.full((4, 2, 1, 1), 0.3),
        torch.full((4, 2, 1, 1), -0.3),
        torch.ones(1, 1, 1, 1),
        latent(size=1e30),
        latent(size=1e-30),
    ],
    ids=["zero", "constant", "negative constant", "single", "huge", "tiny"],
)
def test_extreme_input_gives_finite_output_and_gradients(make: type[Quantizer], x: Tensor) -> None:
    quantizer, x = make(), x.clone().requires_grad_()
    y = quantizer(x)
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert (quantizer.scale(x) > 0).all()
    for tensor in (x, *quantizer.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("name", WEIGHT_QUANTIZERS)
def test_stored_scales_are_those_that_the_cost_model_counts(name: str) -> None:
    scale = WEIGHT_QUANTIZERS[name]().scale(latent())
    assert scale.numel() == weight_scales(PRECISIONS[name], channels=6)
    assert act_scales(PRECISIONS[name]) == len(list(ACT_QUANTIZERS[name]().parameters()))


@pytest.mark.parametrize("name", WEIGHT_QUANTIZERS)
def test_weight_error_shrinks_with_the_slice(name: str) -> None:
    """Learned numbers are ratios: scaling a kernel scales the result, so every width of a kernel is served alike."""
    quantizer, x = WEIGHT_QUANTIZERS[name](), latent()
    torch.testing.assert_close(quantizer(4 * x), 4 * quantizer(x))


# LSQ


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


# Binary


def test_approx_sign_gradient_pointwise() -> None:
    x = torch.tensor([-1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5], requires_grad=True)
    y = ApproxSign()(x)
    y.sum().backward()
    assert x.grad is not None
    assert y.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
    assert x.grad.tolist() == [0, 0, 1, 2, 2, 1, 0, 0]


def test_binary_weight_gradient_is_cut_beyond_one() -> None:
    w = torch.tensor([[0.5, -2.0], [1.0, -0.1]]).view(2, 2, 1, 1).requires_grad_()
    y = BinaryWeight()(w)
    y.sum().backward()
    assert w.grad is not None
    assert w.grad.flatten().tolist() == [1, 0, 1, 1]
    torch.testing.assert_close(y.flatten(), torch.tensor([1.25, -1.25, 0.55, -0.55]))


# Truncated Gaussian


def test_tga_passes_the_gradient_to_the_weight_unchanged() -> None:
    w, grad = latent().requires_grad_(), latent(5)
    TruncatedGaussianTernary()(w).backward(grad)
    assert w.grad is not None
    assert torch.equal(w.grad, grad)


def test_tga_scale_is_the_mean_of_the_upper_tail() -> None:
    w = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0)) * 0.3
    quantizer = TruncatedGaussianTernary()
    tail = w[quantizer.codes(w) == 1].mean()
    assert abs(quantizer.scale(w) / tail - 1) < 0.01


@given(st.floats(LOW, HIGH))
def test_tail_mean_has_the_derivative_that_the_gradient_uses(a: float) -> None:
    at = torch.tensor(a, dtype=torch.float64)
    tail = tail_mean(at)
    numeric = (tail_mean(at + 1e-5) - tail_mean(at - 1e-5)) / 2e-5
    torch.testing.assert_close(tail * (tail - at), numeric, rtol=1e-4, atol=0)


def test_tga_threshold_moves_both_ways_within_its_bounds() -> None:
    for direction in (1, -1):
        quantizer = TruncatedGaussianTernary()
        start = quantizer.ratio.item()
        optimizer = torch.optim.SGD(quantizer.parameters(), lr=1.0)
        for _ in range(50):
            optimizer.zero_grad()
            (direction * quantizer(latent()).abs().sum()).backward()
            optimizer.step()
        assert (quantizer.ratio.item() - start) * direction < 0
        assert LOW <= quantizer.ratio.item() <= HIGH
