"""Quantizers of weights: each one's codes, scale and gradient against its formula."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.precision import PRECISIONS, TERNARY
from evonas.nets.quant.binary import BinaryWeight
from evonas.nets.quant.quantizer import Quantizer
from evonas.nets.quant.weights.sawb import Sawb
from evonas.nets.quant.weights.tas import HIGH as TAS_HIGH
from evonas.nets.quant.weights.tas import LOW as TAS_LOW
from evonas.nets.quant.weights.tas import WINDOW, Tas, soft_slope
from evonas.nets.quant.weights.tga import GRADIENT_LIMIT, HIGH, LOW, Tga, tail_mean
from evonas.nets.quant.weights.ttq import Ttq
from evonas.nets.quant.weights.twn import Twn
from tests.support.quantizers import gradients, latent


def test_binary_weight_gradient_is_cut_beyond_one() -> None:
    w = torch.tensor([[0.5, -2.0], [1.0, -0.1]]).view(2, 2, 1, 1)
    quantizer = BinaryWeight(PRECISIONS["binary"])
    assert gradients(quantizer, w, torch.ones_like(w))[0].flatten().tolist() == [1, 0, 1, 1]
    torch.testing.assert_close(quantizer(w).flatten(), torch.tensor([1.25, -1.25, 0.55, -0.55]))


@pytest.mark.parametrize(
    "quantizer",
    [Twn(TERNARY), Twn(TERNARY, is_of_largest=True), Tga(TERNARY), Tga(TERNARY, planes=4)],
    ids=["twn", "twn_max", "tga", "tga_x4"],
)
def test_the_gradient_passes_to_the_weight_unchanged(quantizer: Quantizer) -> None:
    assert torch.equal(gradients(quantizer, latent(), latent(5))[0], latent(5))


def test_twn_by_hand() -> None:
    w = torch.tensor([1.0, -1.0, 0.2, -0.2, 0.6]).view(1, 5, 1, 1)  # mean 0.6, threshold 0.42
    quantizer = Twn(TERNARY)
    assert quantizer.codes(w).flatten().tolist() == [1, -1, 0, 0, 1]
    assert quantizer.scale(w).item() == pytest.approx(2.6 / 3)


def test_a_twentieth_of_the_largest_magnitude_by_hand() -> None:
    x = torch.tensor([2.0, -0.11, 0.09, 0.3, -0.1]).view(1, 5, 1, 1)
    quantizer = Twn(TERNARY, is_of_largest=True)
    assert quantizer.codes(x).flatten().tolist() == [1, -1, 0, 1, 0]  # beyond 0.1
    assert float(quantizer.scale(x)) == pytest.approx((2.0 + 0.11 + 0.3) / 3)


def test_tga_scale_is_the_mean_of_the_upper_tail() -> None:
    w = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0)) * 0.3
    quantizer = Tga(TERNARY)
    tail = w[quantizer.codes(w) == 1].mean()
    assert abs(quantizer.scale(w) / tail - 1) < 0.01


@given(st.floats(LOW, 3.0))
def test_tail_mean_has_the_derivative_that_the_gradient_uses(a: float) -> None:
    at = torch.tensor(a, dtype=torch.float64)
    tail = tail_mean(at)
    numeric = (tail_mean(at + 1e-5) - tail_mean(at - 1e-5)) / 2e-5
    torch.testing.assert_close(tail * (tail - at), numeric, rtol=1e-4, atol=0)


def test_tga_threshold_learns_through_the_scale_alone() -> None:
    """Against finite differences of ``sum(g * alpha(a) * codes)`` with the codes held fixed; clamped beyond 0.001."""
    quantizer, x = Tga(TERNARY), latent().double()
    quantizer.double()
    for size in (1e-6, 1.0):
        grad = size * latent(7).double()
        found = gradients(quantizer, x, grad)[1][0]
        codes, ratio, before = quantizer.codes(x), quantizer.ratios.detach(), quantizer.logits.detach().clone()
        value = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                quantizer.logits.copy_(before + step)
            value.append((grad * quantizer.scale(x) * codes).sum())
        with torch.no_grad():
            quantizer.logits.copy_(before)
        slope = (HIGH - LOW) * torch.sigmoid(before) * (1 - torch.sigmoid(before))
        expected = ((value[0] - value[1]) / 2e-6 / slope).clamp(-GRADIENT_LIMIT, GRADIENT_LIMIT) * slope
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-12)
        assert ((ratio >= LOW) & (ratio <= HIGH)).all()


def test_planes_come_closer_to_the_weight() -> None:
    errors = [(Tga(TERNARY, planes=planes)(latent()) - latent()).square().mean() for planes in (1, 2, 4)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("make_quantizer", [Tga, Tas])
def test_a_threshold_moves_both_ways_within_its_bounds(make_quantizer: type[Tga] | type[Tas]) -> None:
    low, high = (LOW, HIGH) if make_quantizer is Tga else (TAS_LOW, TAS_HIGH)
    for direction in (1, -1):
        quantizer = make_quantizer(TERNARY)
        ratio = quantizer.ratios if isinstance(quantizer, Tga) else quantizer.ratio
        start = ratio.detach().clone()
        threshold = quantizer.logits if isinstance(quantizer, Tga) else quantizer.logit
        optimizer = torch.optim.SGD([threshold], lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            (direction * quantizer(latent()).abs().sum()).backward()
            optimizer.step()
        ratio = quantizer.ratios if isinstance(quantizer, Tga) else quantizer.ratio
        assert ((ratio.detach() - start) * direction * (-1 if isinstance(quantizer, Tga) else 1) > 0).all()
        assert ((ratio >= low) & (ratio <= high)).all()


@pytest.mark.parametrize("make_quantizer", [Ttq, Tas])
def test_levels_get_the_sum_of_their_own_weights_gradients(make_quantizer: type[Ttq] | type[Tas]) -> None:
    quantizer, x, grad = make_quantizer(TERNARY), latent(), latent(8)
    with torch.no_grad():
        quantizer.log_ratios.copy_(torch.tensor([0.3, -0.2]))
    grad_x, _ = gradients(quantizer, x, grad)
    levels = quantizer.log_ratios.detach().exp() * x.abs().mean()
    codes = quantizer.codes(x)
    expected = torch.stack([grad[codes > 0].sum() * levels[0], -grad[codes < 0].sum() * levels[1]])
    assert quantizer.log_ratios.grad is not None
    torch.testing.assert_close(quantizer.log_ratios.grad, expected)
    assert torch.equal(grad_x[codes == 0], grad[codes == 0])
    start = 1.0 if make_quantizer is Ttq else 1.49
    torch.testing.assert_close(grad_x[codes > 0], grad[codes > 0] * math.exp(0.3) / start)
    torch.testing.assert_close(grad_x[codes < 0], grad[codes < 0] * math.exp(-0.2) / start)
    assert set(quantizer(x).sign().unique().tolist()) == {-1.0, 0.0, 1.0}


def test_tas_threshold_has_the_slope_of_a_soft_threshold() -> None:
    """Against finite differences of a threshold smoothed by the integral of the same triangle, in float64."""
    quantizer, x, grad = Tas(TERNARY).double(), latent().double(), latent(9).double()
    gradients(quantizer, x, grad)
    per_filter = x.abs().flatten(1).mean(dim=1).view(-1, 1, 1, 1)
    level = 1.49 * x.abs().mean()
    width = WINDOW * quantizer.ratio.detach() * per_filter

    def smooth(ratio: Tensor) -> Tensor:
        u = ((x.abs() - ratio * per_filter) / width).clamp(-1, 1)
        step = torch.where(u < 0, (1 + u) ** 2 / 2, 1 - (1 - u) ** 2 / 2)
        return (grad * x.sign() * level * step).sum()

    ratio, logit = quantizer.ratio.detach(), quantizer.logit.detach()
    numeric = (smooth(ratio + 1e-6) - smooth(ratio - 1e-6)) / 2e-6
    slope = (TAS_HIGH - TAS_LOW) * torch.sigmoid(logit) * (1 - torch.sigmoid(logit))
    assert quantizer.logit.grad is not None
    torch.testing.assert_close(quantizer.logit.grad, numeric * slope, rtol=1e-4, atol=1e-9)


def test_a_soft_slope_has_area_one() -> None:
    at = torch.linspace(0, 3, 100_001, dtype=torch.float64)
    area = soft_slope(at, torch.tensor(0.8, dtype=torch.float64)).sum() * 3e-5
    assert area.item() == pytest.approx(1, rel=1e-3)


def test_sawb_clip_by_hand() -> None:
    w = latent()
    clip = 3.12 * w.square().mean().sqrt() - 2.064 * w.abs().mean()
    quantizer = Sawb(PRECISIONS["2-bit"])
    torch.testing.assert_close(quantizer(w).abs().max(), clip)
    assert sorted(quantizer.codes(w).unique().tolist()) == [-3, -1, 1, 3]
    assert torch.equal(gradients(quantizer, w, torch.ones_like(w))[0], (w.abs() <= clip).float())


def test_sawb_chooses_the_nearest_level() -> None:
    quantizer, w = Sawb(PRECISIONS["4-bit"]), latent()
    levels = quantizer.scale(w) * torch.arange(-15, 16, 2)
    nearest = levels[(w.flatten()[:, None] - levels).abs().argmin(dim=1)].view_as(w)
    torch.testing.assert_close(quantizer(w), nearest)
