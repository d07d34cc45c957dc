"""Mixed paths: one convolution for all precisions of a layer, and what must hold of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import PRECISIONS, Precision
from evonas.nets.layer import QuantLayer
from evonas.nets.mixed_path import (
    Blend,
    HardBlend,
    LayerBlends,
    MixedPath,
    SoftBlend,
    candidates,
    draw_hard,
    draw_soft,
    mix,
)
from evonas.nets.mixture import choose_precisions, mix_precisions, mix_rows
from evonas.nets.network import Network
from evonas.nets.norm import EPSILON, SlicedNorm, norm_key
from evonas.spaces import NetworkSpace, ResidualSpace
from evonas.training.strategies import STRATEGIES
from tests.support.quantizers import make, normal
from tests.support.spaces import covering

SPACE = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=8, weight_precisions=("binary", "ternary", "2-bit", "float"))
FIVE = tuple(PRECISIONS[name] for name in ("binary", "ternary", "2-bit", "4-bit", "float"))
DRAWS = {"soft": draw_soft, "hard": draw_hard}
MIXED_STRATEGIES = ("shared_convolution", "shared_convolution_soft")


def quantizers(role: str) -> list[nn.Module]:
    methods = {"weight": ("xnor", "tas", "lsq_weight", "sawb"), "act": ("approx_sign", "ternary", "lsq", "pact")}[role]
    in_float = nn.ReLU() if role == "act" else nn.Identity()
    return [*(make(name, one.name) for name, one in zip(methods, FIVE, strict=False)), in_float]


def supernet(space: NetworkSpace) -> Network:
    return Network(covering(space), generator=torch.Generator().manual_seed(0))


def one_hot(kind: str, precisions: tuple[Precision, ...], precision: Precision, channels: int) -> Blend:
    index = precisions.index(precision)
    if kind == "soft":
        return SoftBlend(precisions, tuple(float(i == index) for i in range(len(precisions))))
    return HardBlend(precisions, (index,) * channels)


def weights_of(blend: Blend, channels: int) -> Tensor:
    """Share of every candidate in every channel, ``(candidates, channels)``."""
    if isinstance(blend, SoftBlend):
        return torch.tensor(blend.shares)[:, None].expand(-1, channels)
    assert isinstance(blend, HardBlend)
    return F.one_hot(torch.tensor(blend.choice[:channels]), len(blend.precisions)).T.float()


@pytest.mark.parametrize("kind", DRAWS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_one_convolution_is_the_sum_over_all_pairs_of_precisions(kind: str, seed: int) -> None:
    rng, x = np.random.default_rng(seed), normal(4, 6, 5, 5, seed=seed)
    weights, acts = quantizers("weight"), quantizers("act")
    latent = normal(8, 6, 3, 3, seed=seed + 1)
    of_weights, of_acts = DRAWS[kind](rng, FIVE, 8), DRAWS[kind](rng, FIVE, 8)
    shared = F.conv2d(of_acts.activations(x, acts), of_weights.kernel(latent, weights))
    pairs = torch.zeros_like(shared)
    for q, act in zip(weights_of(of_acts, 6), acts, strict=True):
        for p, weight in zip(weights_of(of_weights, 8), weights, strict=True):
            pairs += p.view(1, -1, 1, 1) * F.conv2d(q.view(1, -1, 1, 1) * act(x), weight(latent))
    torch.testing.assert_close(shared, pairs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", DRAWS)
def test_batch_norm_blends_scales_and_shifts_and_normalises_once(kind: str) -> None:
    norm = SlicedNorm(12, segments=2, keys=[norm_key(one) for one in FIVE])
    for index, parameter in enumerate(norm.parameters()):
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(index))
    x, blend = normal(4, 10, 3, 3), DRAWS[kind](np.random.default_rng(0), FIVE, 10)
    gamma, beta = (
        sum(
            share * table[norm_key(one)][:, :5].flatten()
            for share, one in zip(weights_of(blend, 10), FIVE, strict=True)
        )
        for table in (norm.gamma, norm.beta)
    )
    expected = F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPSILON)
    torch.testing.assert_close(norm(x, blend, 2), expected)


def test_every_channel_of_a_hard_blend_holds_the_numbers_of_one_precision() -> None:
    blend = draw_hard(np.random.default_rng(0), FIVE, 16)
    x, latent, acts, weights = normal(3, 12, 4, 4), normal(16, 5, 3, 3), quantizers("act"), quantizers("weight")
    for channel, index in enumerate(blend.choice[:12]):
        assert torch.equal(blend.activations(x, acts)[:, channel], acts[index](x)[:, channel])
    for channel, index in enumerate(blend.choice[:16]):
        assert torch.equal(blend.kernel(latent, weights)[channel], weights[index](latent)[channel])


@given(n=st.integers(1, 8), channels=st.integers(1, 70), seed=st.integers(0, 1000))
def test_a_hard_draw_holds_every_candidate_about_equally_often(n: int, channels: int, seed: int) -> None:
    choice = draw_hard(np.random.default_rng(seed), tuple(PRECISIONS.values())[:n], channels).choice
    assert len(choice) >= channels
    for first in range(1, channels + 1):
        counts = Counter(choice[:first])
        assert max(counts.values()) - min(counts[index] for index in range(n)) <= 1


def test_draws_reach_all_assignments() -> None:
    draws = {draw_hard(np.random.default_rng(seed), FIVE[:3], 3).choice for seed in range(100)}
    assert len(draws) == 6


def test_hard_gradients_are_those_of_each_quantizer_on_its_channels() -> None:
    x, grad, acts = normal(3, 9, 4, 4).requires_grad_(), normal(3, 9, 4, 4, seed=1), quantizers("act")
    choice = torch.tensor([0, 3, 1, 4, 2, 0, 2, 2, 1])
    parameters = [parameter for act in acts for parameter in act.parameters()]
    order = torch.cat([(choice == index).nonzero().flatten() for index in range(5)])
    parts = torch.cat([act(x[:, choice == index]) for index, act in enumerate(acts)], dim=1)
    slow = torch.empty(3, 9, 4, 4).index_copy(1, order, parts)
    expected = torch.autograd.grad(slow, [x, *parameters], grad)
    found = torch.autograd.grad(choose_precisions(x, acts, choice), [x, *parameters], grad)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.equal(mine, theirs)


def test_a_batch_blends_softly_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    blend = draw_soft(np.random.default_rng(0), FIVE, 1)
    results = []
    for numbers in (1, 200, 1 << 18):
        monkeypatch.setattr("evonas.nets.mixed_path.CACHED", numbers)
        x, acts = normal(5, 6, 4, 4).requires_grad_(), quantizers("act")
        y = blend.activations(x, acts)
        parameters = [parameter for act in acts for parameter in act.parameters()]
        results.append([y, *torch.autograd.grad(y, [x, *parameters], normal(5, 6, 4, 4, seed=1))])
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


def test_what_one_precision_learns_does_not_depend_on_its_share() -> None:
    rows, grad = normal(3, 4).requires_grad_(), normal(4, seed=9)
    mixed = mix_rows(rows, torch.tensor([0.9, 0.1, 0.0]))
    torch.testing.assert_close(mixed, 0.9 * rows[0] + 0.1 * rows[1])
    mixed.backward(grad)
    assert rows.grad is not None
    torch.testing.assert_close(rows.grad, torch.stack([grad, grad, torch.zeros(4)]))


def test_a_blend_keeps_no_more_than_one_quantizer() -> None:
    x, acts = normal(2, 10, 4, 4).requires_grad_(), quantizers("act")

    def kept(run: Callable[[], Tensor]) -> int:
        """Numbers saved for the backward pass, those of a channel order aside."""
        saved: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):  # type: ignore[func-returns-value]
            run()
        return sum(tensor.numel() for tensor in saved if tensor.numel() > 10)

    of_one = kept(lambda: acts[2](x))
    assert of_one >= x.numel()
    assert (
        kept(lambda: mix_precisions(x, acts, torch.full((5,), 0.2), is_scaled=True, is_forward_scaled=False))
        == x.numel()
    )
    assert kept(lambda: choose_precisions(x, acts, torch.arange(10) % 5)) <= of_one


@pytest.mark.parametrize("kind", DRAWS)
def test_all_quantizers_and_all_norms_of_the_active_layers_learn_in_one_step(kind: str) -> None:
    network, architecture = supernet(SPACE), covering(SPACE)[-1]
    path = mix(architecture, candidates(covering(SPACE)), draw=DRAWS[kind], rng=np.random.default_rng(0))
    network.activate(path)
    F.cross_entropy(network(normal(8, 1, 8, 8).sigmoid()), torch.arange(8)).backward()  # type: ignore[no-untyped-call]
    names = {op.name for op in architecture.ops if op.kind == "conv"}
    assert names == set(network.layers)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("kind", DRAWS)
def test_a_blend_of_one_precision_is_the_plain_layer_to_the_bit(kind: str, network_space: NetworkSpace) -> None:
    network, known = supernet(network_space), candidates(covering(network_space))
    images = normal(4, *network_space.input_shape).sigmoid()  # type: ignore[attr-defined]
    for genome in network_space.sample(np.random.default_rng(0), 2):
        architecture = network_space.decode(genome)
        blends = {}
        for op in architecture.ops:
            if op.kind == "conv":
                channels = max(op.channels, architecture.shapes[op.inputs[0]].channels)
                weight = one_hot(kind, known[op.name][0], op.weight, channels)
                blends[op.name] = LayerBlends(weight, one_hot(kind, known[op.name][1], op.act, channels))
        network.activate(architecture)
        network(images)
        if network.stream is not None:
            network.stream.eval()  # keeps the range that it found
        plain = network.activations(images)[architecture.ops[-1].name].flatten(1)  # mixed paths run by the definition
        network.activate(MixedPath(architecture, blends))
        assert torch.equal(network(images), plain)


@pytest.mark.parametrize("kind", DRAWS)
def test_after_a_mixed_path_an_architecture_runs_as_before(kind: str) -> None:
    network, images = supernet(SPACE), normal(4, 1, 8, 8).sigmoid()
    architecture = SPACE.decode(SPACE.sample(np.random.default_rng(0), 1)[0])
    network.activate(architecture)
    before = network(images)
    network.activate(mix(architecture, candidates(covering(SPACE)), draw=DRAWS[kind], rng=np.random.default_rng(0)))
    assert not torch.equal(network(images), before)
    network.activate(architecture)
    assert torch.equal(network(images), before)


def test_a_layer_of_one_precision_is_not_blended() -> None:
    path = mix(covering(SPACE)[0], candidates(covering(SPACE)), draw=draw_hard, rng=np.random.default_rng(0))
    assert isinstance(path.architecture, Architecture)
    assert path.blends["stem"].act is None
    assert path.blends["classifier"].act is None
    assert path.blends["classifier"].weight is not None


def test_candidates_are_what_the_layers_hold(network_space: NetworkSpace) -> None:
    network = supernet(network_space)
    for name, (weights, acts) in candidates(covering(network_space)).items():
        layer = network.layers[name]
        assert isinstance(layer, QuantLayer)
        assert set(layer.weight_quantizers) == {one.name for one in weights if not one.is_float}
        assert set(layer.act_quantizers) <= {one.name for one in acts}


@pytest.mark.parametrize("name", MIXED_STRATEGIES)
def test_everything_random_comes_from_the_rng_when_paths_are_drawn(name: str, network_space: NetworkSpace) -> None:
    first, same, other = (STRATEGIES[name](network_space, np.random.default_rng(seed), 2) for seed in (0, 0, 1))
    drawn = [first.draw() for _ in range(2)]
    assert drawn == [same.draw() for _ in range(2)]
    assert drawn != [other.draw() for _ in range(2)]
    kinds = {type(blends.weight) for (path,) in drawn for blends in path.blends.values()}  # type: ignore[union-attr]
    assert kinds <= {HardBlend if name == "shared_convolution" else SoftBlend, type(None)}
