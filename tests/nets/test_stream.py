"""Tensors between layers in few bits: which are rounded, to what, and that all who compute them agree."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.architecture.precision import STREAMS, Precision
from evonas.nets.network import Network
from evonas.nets.quant.stream import Stream
from evonas.spaces import NetworkSpace, ResidualSpace
from objectives.device.storage import storage


def images_of(space: NetworkSpace, n: int = 32) -> torch.Tensor:
    pixels = torch.randint(0, 256, (n, *space.input_shape), generator=torch.Generator().manual_seed(1))
    return pixels.float() / 255


def calibrated(space: NetworkSpace, stream: Precision, *, seed: int = 0) -> Network:
    plain = space.decode(space.sample(np.random.default_rng(seed), 1)[0])
    network = Network([replace(plain, stream=stream)], generator=torch.Generator().manual_seed(seed))
    network.calibrate(images_of(space))
    return network


def test_every_tensor_that_lies_in_memory_is_made_of_whole_steps(network_space: NetworkSpace) -> None:
    stream = STREAMS["8-bit"]
    network = calibrated(network_space, stream)
    assert network.stream is not None
    step, architecture = network.stream.step(stream), network.active
    layers, kept = architecture.layers, storage(architecture.layers)
    with torch.no_grad():
        tensors = network.activations(images_of(network_space))
    for layer, is_coded, is_added in zip(layers[1:-1], kept.is_coded[1:-1], kept.is_added[1:-1], strict=True):
        units = tensors[layer.name] / step
        is_whole = torch.equal(units, units.round())
        assert is_whole or is_coded[0] or is_added[0]
        assert not is_whole or units.abs().max() <= stream.levels // 2
    logits = tensors[architecture.ops[-1].name] / step
    assert not torch.equal(logits, logits.round())


@pytest.mark.parametrize("largest", [1e-9, 0.3, 0.5, 1.0, 77.0, 1e6])
def test_the_step_is_a_power_of_two_that_holds_the_largest_number(largest: float) -> None:
    stream, x = Stream(), torch.full((2, 3), -largest)
    with stream.measuring():
        assert stream(x, STREAMS["8-bit"]) is x
    step = stream.eval().step(STREAMS["8-bit"])
    assert math.frexp(step)[0] == 0.5
    assert 64 * step <= torch.tensor(largest).item() < 128 * step
    assert stream.step(STREAMS["16-bit"]) == step / 256
    assert torch.equal(stream(x, STREAMS["8-bit"]), (x / step).round() * step)
    assert torch.equal(stream(-3 * x, STREAMS["8-bit"]), torch.full((2, 3), 127 * step))


def test_gradients_pass_unchanged_and_training_follows_what_it_sees() -> None:
    stream, x = Stream().train(), torch.linspace(-3, 3, 40).view(4, 10).requires_grad_()
    stream(x, STREAMS["8-bit"]).square().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2 * stream.eval()(x, STREAMS["8-bit"]).detach())
    assert stream.step(STREAMS["8-bit"]) == 4 / 128
    stream.train()
    for _ in range(3000):
        stream(x.detach() / 100, STREAMS["8-bit"])
    assert stream.step(STREAMS["8-bit"]) < 1 / 128


def test_sums_and_pools_are_rounded_and_floats_are_not() -> None:
    """A sum is rounded where it is made, once; the convolution that is added to it has no rounding of its own."""
    space = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=4)
    plain = space.base()
    assert plain.is_rounded == frozenset()
    rounded = replace(plain, stream=STREAMS["8-bit"]).is_rounded
    assert "stem" in rounded
    assert {op.name for op in plain.ops if op.kind in ("add", "avg_pool")} <= rounded
    convs = {op.name for op in plain.ops if op.kind == "conv"}
    assert rounded & convs == {"stem"}  # all others are codes of the next, or added


def test_a_network_of_floats_leaves_the_range_of_others_alone() -> None:
    space = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=4, stream_precisions=("8-bit", "float"))
    few, whole = (replace(space.base(), stream=STREAMS[name]) for name in ("8-bit", "float"))
    network = Network([few, whole], generator=torch.Generator().manual_seed(0))
    assert network.stream is not None
    network.calibrate(images_of(space))
    step = network.stream.step(STREAMS["8-bit"])
    network.activate(whole)
    network.calibrate(images_of(space))
    assert network.stream.step(STREAMS["8-bit"]) == step > 1e-6


def test_an_image_that_is_added_to_zeros_is_rounded_for_the_sum_alone() -> None:
    ops = (
        Op("zeros", "zeros", (INPUT,), 1),
        Op("sum", "add", (INPUT, "zeros"), 1),
        Op("both", "concat", ("sum", "sum"), 2),
        Op("out", "conv", ("both",), 3, steps=("norm", "relu", "pool", "quant", "conv")),
    )
    architecture = Architecture((1, 4, 4), ops, stream=STREAMS["8-bit"])
    assert "sum" in architecture.is_rounded
    network = Network([architecture], generator=torch.Generator().manual_seed(0))
    images = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    network.calibrate(images)
    with torch.no_grad():
        expected = network.activations(images)["out"].flatten(1)
        torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-6)


def test_the_logits_are_floats_whatever_hands_them_on() -> None:
    ops = (
        Op("first", "conv", (INPUT,), 3, (3, 3), steps=("conv",)),
        Op("last", "conv", ("first",), 2, steps=("pool", "conv")),
        Op("same", "skip", ("last",), 2),
    )
    architecture = Architecture((1, 4, 4), ops, stream=STREAMS["8-bit"])
    assert architecture.logits == "last"
    assert architecture.is_rounded == {"first"}
    assert [layer.output_bits for layer in architecture.layers] == [8, 8, 32]
