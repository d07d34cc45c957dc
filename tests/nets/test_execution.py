"""The fast way to run an architecture against the one that defines it: logits, gradients, what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.methods import QUANTIZERS, Method
from evonas.architecture.precision import PRECISIONS
from evonas.nets.execution.codes import half_sign, rounded
from evonas.nets.execution.memory import keep_freed_memory
from evonas.nets.execution.parts import Recipe
from evonas.nets.execution.plan import channels_last
from evonas.nets.execution.pools import box_mean
from evonas.nets.execution.simplify import simplified
from evonas.nets.layer import QuantLayer
from evonas.nets.network import Network
from evonas.nets.quant.binary import ApproxSign
from evonas.nets.quant.lsq import LsqActivation, LsqWeight
from evonas.nets.quant.quantizer import HandDerived, is_hand_derived
from evonas.spaces import CellSpace, NetworkSpace
from tests.support.quantizers import EVERY, gradients, latent, make, normal
from tests.support.spaces import covering

BY_HAND = [(name, precision) for name, precision in EVERY if is_hand_derived(make(name, precision))]


def defined(network: Network, images: Tensor) -> Tensor:
    """The slow twin: operation by operation, every layer on its own."""
    return network.activations(channels_last(images))[network.active.ops[-1].name].flatten(1)


def gradients_of(network: Network, logits: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    (logits * torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)).sum().backward()
    return {name: one.grad.clone() for name, one in network.named_parameters() if one.grad is not None}


def random_networks(space: NetworkSpace, n: int) -> list[Architecture]:
    return [space.decode(genome) for genome in space.sample(np.random.default_rng(1), n)]


def in_double(space: NetworkSpace) -> tuple[Network, Tensor]:
    """In double precision: in single, a code next to a threshold may come out either way."""
    network = Network(covering(space), generator=torch.Generator().manual_seed(0)).double()
    for layer in network.layers.values():
        assert isinstance(layer, QuantLayer)
        # sums of codes are 0 now and then, and are their own mean, both up to rounding
        shifts = [] if layer.prelu is None else [layer.prelu.data[:, 1]]
        shifts += [beta.data for norm in layer.norms.values() for beta in norm.beta.values()]  # type: ignore[union-attr, operator]
        for shift in shifts:
            torch.nn.init.uniform_(shift, 0.01, 0.02, generator=torch.Generator().manual_seed(1))
    return network, normal(16, *space.input_shape).sigmoid().double()


@pytest.mark.parametrize("is_training", [True, False])
def test_logits_are_those_of_the_definition(network_space: NetworkSpace, is_training: bool) -> None:
    network, images = in_double(network_space)
    for architecture in random_networks(network_space, 3):
        network.activate(architecture)
        network.calibrate(images)
        network.train(is_training)
        with torch.no_grad():
            torch.testing.assert_close(network(images), defined(network, images), rtol=1e-6, atol=1e-8)


def test_gradients_are_those_of_the_definition(network_space: NetworkSpace) -> None:
    network, images = in_double(network_space)
    network.train()
    for architecture in random_networks(network_space, 3):
        if any(op.kind == "max_pool" for op in architecture.ops):
            continue  # among equal numbers, rounding decides which one is the largest
        network.activate(architecture)
        network(images)
        if network.stream is not None:
            network.stream.eval()  # keeps the range that it found
        fast = gradients_of(network, network(images))
        slow = gradients_of(network, defined(network, images))
        assert fast.keys() == slow.keys()
        for name, gradient in slow.items():
            torch.testing.assert_close(fast[name], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "precision"), BY_HAND)
@pytest.mark.parametrize("worth", [1.0, 0.3])
def test_a_hand_derived_kernel_and_its_gradients_are_those_of_a_call(name: str, precision: str, worth: float) -> None:
    quantizer, x, grad = make(name, precision), latent(), latent(1)
    assert isinstance(quantizer, HandDerived)
    learned = [number for one in quantizer.parameters() for number in one.detach().flatten().tolist()]
    kernel, kept = quantizer.worth(x, learned, worth)
    torch.testing.assert_close(kernel, worth * quantizer(x).detach())
    of_latent, of_learned, of_worth = quantizer.derive(kept, grad)
    expected, expected_learned = gradients(quantizer, x, worth * grad)
    torch.testing.assert_close(of_latent, expected)
    flat = torch.cat([one.flatten() for one in expected_learned]) if expected_learned else torch.zeros(0)
    torch.testing.assert_close(torch.tensor(of_learned), flat, rtol=1e-4, atol=1e-6)
    if worth != 1:
        assert of_worth == pytest.approx(float((kernel * grad).sum()), rel=1e-4)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("precision", ["ternary", "2-bit", "8-bit"])
def test_rounded_codes_are_the_quantizer_s_and_so_are_their_gradients(precision: str, is_signed: bool) -> None:
    quantizer = LsqActivation(PRECISIONS[precision], is_signed=is_signed)
    bounds = torch.tensor([quantizer.low, quantizer.high, quantizer.low - 1e-3, quantizer.high + 1e-3])
    v = torch.cat([bounds, 5 * normal(200)]).requires_grad_()
    codes = rounded(v, low=quantizer.low, high=quantizer.high)
    assert torch.equal(codes.detach(), v.detach().clamp(quantizer.low, quantizer.high).round())
    with torch.no_grad():
        assert torch.equal(rounded(v.clone(), low=quantizer.low, high=quantizer.high), codes)
    codes.sum().backward()
    assert v.grad is not None
    assert torch.equal(v.grad, ((v >= quantizer.low) & (v <= quantizer.high)).float())


def test_half_a_sign_is_half_of_approx_sign_and_of_its_gradient() -> None:
    v = torch.cat([torch.tensor([0.0, -0.0, 1.0, -1.0]), normal(200)])
    grad = normal(204, seed=1)
    whole, halved = v.clone().requires_grad_(), v.clone().requires_grad_()
    expected, found = ApproxSign(PRECISIONS["binary"])(whole), half_sign(halved)
    assert torch.equal(2 * found, expected)
    expected.backward(grad)
    found.backward(2 * grad)
    assert whole.grad is not None
    assert halved.grad is not None
    torch.testing.assert_close(halved.grad, whole.grad)


class Doubled(LsqWeight):
    """A user's own: only the public interface, and another result."""

    def forward(self, latent: Tensor) -> Tensor:
        """Twice the kernel."""
        return 2 * super().forward(latent)


def test_a_subclass_that_does_not_derive_by_hand_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    method = Method(Doubled, "weight", tuple(PRECISIONS), learned=1)
    monkeypatch.setitem(QUANTIZERS, "doubled", method)
    space = CellSpace.of((1, 8, 8), 10)
    space = replace(space, scheme=replace(space.scheme, multibit_weight="doubled"))
    network, images = in_double(space)
    network.train()
    architecture = next(one for one in random_networks(space, 50) if _bits(one) & {"2-bit", "4-bit", "8-bit"})
    network.activate(architecture)
    layers = [
        Recipe.of(network.layers[op.name], op, architecture.shapes[op.inputs[0]])  # type: ignore[arg-type]
        for op in architecture.ops
        if op.kind == "conv"
    ]
    assert None in layers
    torch.testing.assert_close(network(images), defined(network, images), rtol=1e-6, atol=1e-8)


def _bits(architecture: Architecture) -> set[str]:
    return {op.weight.name for op in architecture.ops if op.kind == "conv"}


def test_what_changes_nothing_or_is_there_twice_is_left_out() -> None:
    pool = {"channels": 4, "kernel": (3, 3)}
    architecture = Architecture(
        (1, 8, 8),
        (
            Op("stem", "conv", ("input",), 4, kernel=(3, 3), steps=("conv",)),
            Op("same", "skip", ("stem",), 4),
            Op("first", "max_pool", ("stem",), **pool),
            Op("second", "max_pool", ("same",), **pool),
            Op("nothing", "zeros", ("stem",), 4),
            Op("pooled nothing", "avg_pool", ("nothing",), **pool),
            Op("sum", "add", ("first", "pooled nothing", "second"), 4),
            Op("unread", "avg_pool", ("stem",), **pool),
            Op("alone", "concat", ("sum",), 4),
            Op("last", "conv", ("alone",), 3, steps=("norm", "relu", "pool", "quant", "conv")),
        ),
    )
    steps = simplified(architecture)
    assert [step.op.name for step in steps] == ["stem", "first", "sum", "last"]
    assert steps[2].op.inputs == ("first", "first")
    network = Network([architecture], generator=torch.Generator().manual_seed(0)).train()
    images = normal(4, 1, 8, 8)
    torch.testing.assert_close(network(images), defined(network, images))


def test_zeros_stay_where_they_are_read() -> None:
    architecture = Architecture(
        (2, 5, 5),
        (
            Op("stem", "conv", ("input",), 4, kernel=(3, 3), steps=("conv",)),
            Op("nothing", "zeros", ("stem",), 2, stride=(2, 2)),
            Op("half", "avg_pool", ("stem",), 4, kernel=(3, 3), stride=(2, 2)),
            Op("both", "concat", ("nothing", "half"), 6),
            Op("cut", "align", ("both",), 4),
            Op("last", "conv", ("cut",), 3, steps=("norm", "relu", "pool", "quant", "conv")),
        ),
    )
    network = Network([architecture], generator=torch.Generator().manual_seed(0)).eval()
    images = normal(4, 2, 5, 5)
    torch.testing.assert_close(network(images), defined(network, images))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_changes_no_number(channels: int) -> None:
    images = normal(2, channels, 4, 6)
    last = channels_last(images)
    assert torch.equal(last, images)
    assert last.stride(1) == 1
    assert last.stride(3) == channels


def test_a_plan_is_made_anew_for_another_architecture() -> None:
    network, images = in_double(CellSpace.of((1, 8, 8), 10))
    one, other = random_networks(CellSpace.of((1, 8, 8), 10), 2)
    network.activate(one)
    network.calibrate(images)
    before = network(images)
    network.activate(other)
    assert not torch.equal(network(images), before)
    network.activate(one)
    assert torch.equal(network(images), before)


def test_parameters_are_read_anew_at_every_run() -> None:
    network, images = in_double(CellSpace.of((1, 8, 8), 10))
    network.train()
    before = network(images).detach()
    state = {name: 1.1 * tensor + 0.1 for name, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    assert not torch.allclose(network(images), before)
    torch.testing.assert_close(network(images), defined(network, images), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("sides", [(8, 8), (7, 4), (2, 3), (1, 5), (1, 1)])
def test_a_box_mean_is_the_average_pool(sides: tuple[int, int]) -> None:
    x = channels_last(normal(2, 3, *sides))
    fast, slow = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = box_mean(fast), torch.nn.functional.avg_pool2d(slow, 3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(y, expected)
    for one in (y, expected):
        one.backward(normal(2, 3, *sides, seed=1))
    assert fast.grad is not None
    torch.testing.assert_close(fast.grad, slow.grad)


def test_the_mean_over_the_image_has_the_mean_s_gradient() -> None:
    layer = QuantLayer(
        [(Op("last", "conv", ("x",), 3, steps=("pool", "conv")), Architecture((4, 3, 5), ()).shapes["input"])],
        scheme=Architecture((4, 3, 5), ()).scheme,
        generator=torch.Generator().manual_seed(0),
    )
    op = Op("last", "conv", ("x",), 3, steps=("pool", "conv"))
    for x in (normal(2, 4, 3, 5), channels_last(normal(2, 4, 3, 5))):
        here, there = x.clone().requires_grad_(), x.clone().requires_grad_()
        layer(here, op, 1).square().sum().backward()
        kernel = layer.kernel_for(op, 4, 1)
        torch.nn.functional.conv2d(there.mean(dim=(2, 3), keepdim=True), kernel).square().sum().backward()
        assert here.grad is not None
        torch.testing.assert_close(here.grad, there.grad)


def test_memory_may_be_kept_on_any_system(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_freed_memory.cache_clear()
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    keep_freed_memory()
    keep_freed_memory.cache_clear()
