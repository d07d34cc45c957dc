"""What every quantizer promises, and each one's gradient against its formula."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.methods import QUANTIZERS, Method
from evonas.architecture.precision import PRECISIONS
from evonas.architecture.scheme import Scheme
from evonas.errors import RunFileError
from evonas.nets.quant.binary import ApproxSign, BinaryWeight, Sign
from evonas.nets.quant.lsq import ACT_STEPS, WEIGHT_STEPS, LsqActivation, LsqWeight, lsq
from evonas.nets.quant.pact import Pact
from evonas.nets.quant.quantizer import Quantizer
from evonas.nets.quant.sawb import Sawb
from evonas.nets.quant.tas import HIGH as TAS_HIGH
from evonas.nets.quant.tas import LOW as TAS_LOW
from evonas.nets.quant.tas import WINDOW, Tas, soft_slope
from evonas.nets.quant.ternary_activation import PerImageTernary, TernaryActivation
from evonas.nets.quant.tga import GRADIENT_LIMIT, HIGH, LOW, Tga, tail_mean
from evonas.nets.quant.ttq import Ttq
from evonas.nets.quant.twn import Twn
from evonas.plugins import load_object

TERNARY = PRECISIONS["ternary"]
EVERY = [(name, precision) for name, method in QUANTIZERS.items() for precision in method.serves]
every_quantizer = pytest.mark.parametrize(("name", "precision"), EVERY)
weights = pytest.mark.parametrize(
    ("name", "precision"), [(name, precision) for name, precision in EVERY if QUANTIZERS[name].role == "weight"]
)


def make(name: str, precision: str) -> Quantizer:
    return QUANTIZERS[name].make(PRECISIONS[precision])


def latent(seed: int = 0, *, size: float = 1.0) -> Tensor:
    return size * torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(seed))


def gradients(quantizer: Quantizer, x: Tensor, grad: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Gradient of ``sum(grad * quantizer(x))`` for ``x``, and for each parameter."""
    x = x.detach().clone().requires_grad_()
    quantizer.zero_grad()
    quantizer(x).backward(grad)
    assert x.grad is not None
    return x.grad, [parameter.grad for parameter in quantizer.parameters() if parameter.grad is not None]


@every_quantizer
@given(seed=st.integers(0, 99), log_size=st.floats(-6, 6))
@settings(max_examples=10, deadline=None)
def test_effective_is_scale_times_codes_exactly(name: str, precision: str, seed: int, log_size: float) -> None:
    quantizer, x = make(name, precision), latent(seed, size=10**log_size)
    expected = quantizer.scale(x) * quantizer.codes(x)
    if QUANTIZERS[name].planes > 1:
        expected = expected.sum(dim=0)
    assert torch.equal(quantizer(x), expected)
    with torch.no_grad():
        assert torch.equal(quantizer(x), expected)


@every_quantizer
def test_codes_are_whole_and_of_the_declared_levels(name: str, precision: str) -> None:
    quantizer = make(name, precision)
    heavy_tailed = 50 * torch.linspace(-1, 1, 60_000) ** 7  # reaches the outermost levels of most
    gaussian = torch.randn(900_000, generator=torch.Generator().manual_seed(0))  # SAWB's clip is fitted to such
    codes = [quantizer.codes(x.view(1, -1, 1, 1)).flatten() for x in (heavy_tailed, gaussian)]
    found = torch.cat(codes).unique()
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
def test_extreme_input_gives_finite_output_and_gradients(name: str, precision: str, x: Tensor) -> None:
    quantizer = make(name, precision)
    assert torch.isfinite(quantizer(x)).all()
    assert (quantizer.scale(x) > 0).all()
    grad_x, grad_parameters = gradients(quantizer, x, torch.ones_like(x))
    assert torch.isfinite(grad_x).all()
    assert len(grad_parameters) == len(list(quantizer.parameters()))
    assert all(torch.isfinite(grad).all() for grad in grad_parameters)


@every_quantizer
def test_twice_gives_the_same(name: str, precision: str) -> None:
    first, second = make(name, precision), make(name, precision)
    assert torch.equal(first(latent()), second(latent()))
    grads = [gradients(quantizer, latent(), latent(1)) for quantizer in (first, second)]
    assert torch.equal(grads[0][0], grads[1][0])


@weights
def test_stored_scales_are_those_that_the_cost_model_counts(name: str, precision: str) -> None:
    method, quantizer = QUANTIZERS[name], make(name, precision)
    distinct = torch.unique(quantizer.scale(latent())).numel()
    assert distinct <= method.stored * (6 if method.is_stored_per_filter else 1)
    assert quantizer.codes(latent()).numel() == method.planes * latent().numel()


@weights
def test_the_share_of_zeros_is_counted(name: str, precision: str) -> None:
    quantizer = make(name, precision)
    share = quantizer.zero_share(latent())
    assert share == pytest.approx(float((quantizer.codes(latent()) == 0).double().mean()))
    if precision == "ternary" and QUANTIZERS[name].planes == 1:
        assert 0.005 < share < 0.7


@weights
def test_scaling_a_kernel_scales_the_result(name: str, precision: str) -> None:
    """Learned numbers are ratios, so every width of a shared kernel is served alike."""
    quantizer, x = make(name, precision), latent()
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


# Binary


def test_sign_gradients_pointwise() -> None:
    x = torch.tensor([-1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5])
    for quantizer, expected in (
        (ApproxSign(PRECISIONS["binary"]), [0, 0, 1, 2, 2, 1, 0, 0]),
        (Sign(PRECISIONS["binary"]), [0, 1, 1, 1, 1, 1, 1, 0]),
    ):
        assert quantizer(x).tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]
        assert gradients(quantizer, x, torch.ones(8))[0].tolist() == expected


def test_binary_weight_gradient_is_cut_beyond_one() -> None:
    w = torch.tensor([[0.5, -2.0], [1.0, -0.1]]).view(2, 2, 1, 1)
    quantizer = BinaryWeight(PRECISIONS["binary"])
    assert gradients(quantizer, w, torch.ones_like(w))[0].flatten().tolist() == [1, 0, 1, 1]
    torch.testing.assert_close(quantizer(w).flatten(), torch.tensor([1.25, -1.25, 0.55, -0.55]))


# Ternary weights


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


# SAWB and PACT


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


def test_pact_gradients() -> None:
    quantizer = Pact(PRECISIONS["2-bit"])
    clip = quantizer.log_clip.detach().exp().item()
    x = torch.tensor([-0.5, 0.0, 0.7, clip - 0.01, clip + 0.01, 9.0])
    grad_x, (grad_clip,) = gradients(quantizer, x, torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert grad_x.tolist() == [0, 2, 3, 4, 0, 0]
    assert grad_clip.item() == pytest.approx(11 * clip, rel=1e-5)


# Ternary activations


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


# The table


def test_methods_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RunFileError, match="choose among lsq_weight"):
        Scheme(multibit_weight="sawb").check(weights=["5-bit"], acts=[])
    with pytest.raises(RunFileError, match="which quantizes weights"):
        Scheme(binary_act="xnor").check(weights=[], acts=["binary"])
    with pytest.raises(RunFileError, match="did you mean 'tga'"):
        Scheme(ternary_weight="tgaa").check(weights=["ternary"], acts=[])


def test_the_documentation_is_the_code_s() -> None:
    docs = Path(__file__).parents[2] / "docs"
    made = runpy.run_path(str(docs / "make_quantizers.py"))["page"]()
    assert (docs / "quantizers.md").read_text(encoding="utf-8") == made, "run: python docs/make_quantizers.py"
    for name in QUANTIZERS:
        assert (docs / "quantizers" / f"{name}.png").is_file()


def test_a_user_s_own_quantizer_is_loaded_by_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from evonas.architecture.methods import Method\nfrom evonas.nets.quant.twn import Twn\n"
        "MINE = Method(Twn, 'weight', ('ternary',))\nOTHER = 3\n"
    )
    scheme = Scheme(ternary_weight=f"{tmp_path / 'mine.py'}:MINE")
    scheme.check(weights=["ternary"], acts=[])
    method = scheme.weight(TERNARY)
    assert method is not None
    assert isinstance(method.make(TERNARY), Twn)
    for name, message in (("NOTHING", "nothing"), ("OTHER", "int")):
        with pytest.raises(RunFileError, match=message):
            load_object(f"{tmp_path / 'mine.py'}:{name}", Method)
    (tmp_path / "broken.py").write_text("def (")
    with pytest.raises(RunFileError, match="SyntaxError while running it"):
        load_object(f"{tmp_path / 'broken.py'}:MINE", Method)
    with pytest.raises(RunFileError, match="no such file"):
        load_object(f"{tmp_path / 'absent.py'}:MINE", Method)
