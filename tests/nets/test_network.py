"""The supernet: shared weights, subnets that come out as they were inside, calibration."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.nets.layer import QuantLayer
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.training.loop import TrainingPlan, train
from evonas.training.strategies.single_path import SinglePath
from tests.support.spaces import covering

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def images_of(space: CellSpace, n: int = 32) -> Tensor:
    return torch.rand(n, *space.input_shape, generator=torch.Generator().manual_seed(0))


def supernet_of(space: CellSpace, seed: int = 0) -> Network:
    return Network(covering(space), generator=torch.Generator().manual_seed(seed))


@cache
def kept_supernet(space: CellSpace) -> Network:
    """Built once, for tests that leave its weights alone."""
    return supernet_of(space)


@few
@given(seed=seeds)
def test_an_extracted_subnet_gives_the_same_logits_bit_for_bit(space: CellSpace, seed: int) -> None:
    supernet, images = kept_supernet(space), images_of(space)
    architecture = space.decode(space.sample(np.random.default_rng(seed), 1)[0])
    supernet.activate(architecture)
    supernet.calibrate(images)
    subnet = supernet.extract(architecture)
    with torch.no_grad():
        assert torch.equal(subnet(images), supernet(images))
    assert sum(p.numel() for p in subnet.parameters()) < sum(p.numel() for p in supernet.parameters())


def test_a_subnet_stays_as_it_is_when_the_supernet_goes_on(space: CellSpace) -> None:
    supernet, images = supernet_of(space), images_of(space)
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    supernet.activate(architecture)
    supernet.calibrate(images)
    subnet = supernet.extract(architecture)
    with torch.no_grad():
        before = subnet(images)
        for parameter in supernet.parameters():
            parameter.add_(1.0)
        assert torch.equal(subnet(images), before)


def test_a_step_moves_only_what_its_path_uses() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    supernet = supernet_of(space)
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    before = {name: parameter.clone() for name, parameter in supernet.named_parameters()}
    labels = torch.arange(32) % 10
    train(
        supernet,
        SinglePath(lambda: architecture),
        [(images_of(space), labels)] * 3,
        plan=TrainingPlan(3, learning_rate=0.01, weight_decay=0.1),
    )
    ops = {op.name: op for op in architecture.ops}
    for name, parameter in supernet.named_parameters():
        layer, part = name.removeprefix("layers.").split(".", 1)
        is_used = layer in ops and (
            part in ("latent_weight", "bias")
            or part.split(".")[-1 if part.startswith("norms") else 1].removeprefix("act ")
            == (ops[layer].weight if part.startswith("weight") else ops[layer].act).name
        )
        assert torch.equal(parameter, before[name]) != is_used, name


def test_dead_layers_and_vanishing_steps_are_warned_of() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    supernet = supernet_of(space)
    assert supernet.warnings() == []
    stem, body = supernet.layers["stem"], supernet.layers["cell0/in0"]
    assert isinstance(stem, QuantLayer)
    assert isinstance(body, QuantLayer)
    with torch.no_grad():
        stem.latent_weight[1:] *= 1e-3
        body.act_quantizers["4-bit"].log_step.fill_(-9.0)  # type: ignore[union-attr,operator]
    found = supernet.warnings()
    assert any(text.startswith("stem: ") and "ternary weights are zero" in text for text in found)
    with torch.no_grad():
        body.act_quantizers["2-bit"].log_step.fill_(4.0)  # type: ignore[union-attr,operator]
    assert "cell0/in0: 100% of its 2-bit activations are zero" in supernet.warnings()
    assert "cell0/in0: the step of its 4-bit activations is near zero" in found


def test_the_unused_width_of_a_shared_kernel_gets_no_gradient() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    supernet = supernet_of(space)
    genome = space.corners(np.random.default_rng(0))[0]  # half width
    architecture = space.decode(genome)
    supernet.train()
    supernet.activate(architecture)
    supernet(images_of(space)).sum().backward()
    for op in architecture.ops:
        if op.kind == "conv" and op.name != "stem":
            layer = supernet.layers[op.name]
            assert isinstance(layer, QuantLayer)
            grad = layer.latent_weight.grad
            assert grad is not None
            assert not grad[op.channels :].any()


def test_calibration_makes_batch_and_stored_statistics_agree(space: CellSpace) -> None:
    supernet, images = supernet_of(space), images_of(space)
    supernet.activate(space.decode(space.sample(np.random.default_rng(1), 1)[0]))
    supernet.train()
    with torch.no_grad():
        by_batch = supernet(images)
        supernet.calibrate(images)
        torch.testing.assert_close(supernet(images), by_batch, rtol=1e-3, atol=1e-3)


def test_without_calibration_statistics_do_not_fit() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    supernet, images = supernet_of(space), images_of(space)
    supernet.eval()
    with torch.no_grad():
        stale = supernet(images)
        supernet.calibrate(images)
        assert not torch.allclose(supernet(images), stale, atol=1e-2)


def test_a_network_does_not_look_at_its_neighbours_in_a_batch(space: CellSpace) -> None:
    supernet, images = supernet_of(space), images_of(space)
    supernet.calibrate(images)
    with torch.no_grad():
        torch.testing.assert_close(supernet(images[:3]), supernet(images)[:3], rtol=1e-4, atol=1e-5)


def test_weights_depend_on_the_seed_only() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    first, same, other = (supernet_of(space, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["layers.stem.latent_weight"], other["layers.stem.latent_weight"])


def test_segments_keep_their_meaning_when_a_cell_narrows() -> None:
    """Channel c of node j reads the same latent weights at every width of the cell before."""
    space = CellSpace.of((1, 8, 8), 10)
    corners = space.corners(np.random.default_rng(0))
    narrow = next(
        a
        for a in map(space.decode, corners)
        if any(op.name == "cell1/in1" for op in a.ops) and a.shapes["cell0"].channels == 8
    )
    supernet = supernet_of(space)
    layer = supernet.extract(narrow).layers["cell1/in1"]
    shared = supernet.layers["cell1/in1"]
    assert isinstance(layer, QuantLayer)
    assert isinstance(shared, QuantLayer)
    assert torch.equal(layer.latent_weight[:, 1, 0], shared.latent_weight[: len(layer.latent_weight), 1, 0])


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    supernet = supernet_of(space)
    with torch.no_grad():
        supernet.layers["stem"].latent_weight.fill_(float("nan"))  # type: ignore[union-attr,operator]
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    batch = (images_of(space), torch.zeros(32, dtype=torch.long))
    with pytest.raises(FloatingPointError, match="the training loss became nan at step 1"):
        train(
            supernet,
            SinglePath(lambda: architecture),
            [batch],
            plan=TrainingPlan(1, learning_rate=0.01, weight_decay=0.0),
        )


def test_filters_keep_their_node_when_a_down_sampling_residual_narrows() -> None:
    """Its output is added to a concatenation: a channel of the narrow one is the same channel of the same node."""
    space = CellSpace.of((1, 8, 8), 10, residual_downsamplings=("float",), nodes=3)
    supernet = supernet_of(space)
    expansion = [gene.name for gene in space.genes].index("cell1/expansion")
    genome = space.sample(np.random.default_rng(0), 1)[0]
    residuals = {}
    for choice, factor in enumerate(space.settings.expansions):
        genome[expansion] = choice
        supernet.activate(space.decode(genome))
        residuals[factor] = supernet.activations(images_of(space))["cell1/residual"].unflatten(1, (3, -1))
    width = residuals[0.5].shape[2]
    for factor in space.settings.expansions:
        torch.testing.assert_close(residuals[factor][:, :, :width], residuals[0.5])
