"""A supernet that grows: what it held stays to the bit, what is new can learn, what is locked is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.graph import Architecture
from evonas.errors import GenomeError
from evonas.nets.layer import NEW_INPUTS, QuantLayer
from evonas.nets.network import Network
from evonas.spaces import CellSpace, NetworkSpace, ResidualSpace
from evonas.spaces.staged.staged_space import StagedSpace
from tests.support.spaces import STAGED_SPACES

few = settings(max_examples=4, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def network_of(space: NetworkSpace, seed: int) -> Network:
    return Network(space.covering(), generator=torch.Generator().manual_seed(seed))


def images_of(space: CellSpace | StagedSpace, n: int = 16) -> Tensor:
    return torch.rand(n, *space.input_shape, generator=torch.Generator().manual_seed(0))


def stirred(network: Network, seed: int) -> Network:
    """As after training: nothing is as it was made, neither norms nor quantizers nor biases."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network


def some_unlocked(space: StagedSpace, rng: np.random.Generator) -> StagedSpace:
    """One to all of the locked choices are open."""
    locked = [gene.name for gene in space.genes for _ in range(gene.n_locked)]
    for name in rng.permutation(locked)[: rng.integers(1, len(locked) + 1)].tolist():
        space = space.unlock(name)
    return space


def check_equal(small: Network, grown: Network, architecture: Architecture, images: Tensor) -> None:
    with torch.no_grad():
        small.activate(architecture)
        small.calibrate(images)
        grown.activate(architecture)
        grown.calibrate(images)
        assert torch.equal(grown(images), small(images))


@pytest.mark.parametrize("space", STAGED_SPACES.values(), ids=STAGED_SPACES)
@few
@given(seed=seeds)
def test_every_network_gives_the_same_logits_in_the_grown_supernet_bit_for_bit(space: StagedSpace, seed: int) -> None:
    rng, images = np.random.default_rng(seed), images_of(space)
    small = stirred(network_of(space, 0), seed)
    unlocked = some_unlocked(space, rng)
    grown = small.grown(unlocked.covering(), generator=torch.Generator().manual_seed(1))
    for genome in [*space.sample(rng, 3), space.encode(space.covering()[-1])]:
        check_equal(small, grown, space.decode(genome), images)
    held = set(grown.state_dict())
    assert held == set(small.state_dict()) == set(network_of(unlocked, 0).state_dict())


@few
@given(seed=seeds)
def test_concatenations_and_groups_grow_segment_by_segment(seed: int) -> None:
    small_space, large_space = (
        CellSpace.of(
            (1, 8, 8),
            10,
            channels=8,
            ops=("skip", "conv_3x3", "group_conv_3x3"),
            residual_downsamplings=("float",),
            modules=("norm-quant-conv-prelu",),
            expansions=expansions,
        )
        for expansions in ((0.5, 1.0), (0.5, 1.0, 1.5))
    )
    rng, images = np.random.default_rng(seed), images_of(small_space)
    small = stirred(network_of(small_space, 0), seed)
    grown = small.grown(large_space.covering(), generator=torch.Generator().manual_seed(1))
    for genome in small_space.sample(rng, 2):
        check_equal(small, grown, small_space.decode(genome), images)


def test_calibrated_statistics_and_the_mode_come_along() -> None:
    space = STAGED_SPACES["residual"]
    small, images = network_of(space, 0), images_of(space)
    small.activate(space.covering()[0])
    assert small.grown(space.covering(), generator=torch.Generator()).training
    small.calibrate(images)
    grown = small.grown(space.unlock("stage1/width").covering(), generator=torch.Generator())
    assert not grown.training
    grown.activate(space.covering()[0])
    with torch.no_grad():
        assert torch.equal(grown(images), small(images))


def test_a_grown_supernet_stays_as_it_is_when_the_old_one_goes_on() -> None:
    space = STAGED_SPACES["residual"]
    small = network_of(space, 0)
    grown = small.grown(space.fully_unlocked().covering(), generator=torch.Generator())
    before = {name: tensor.clone() for name, tensor in grown.state_dict().items()}
    stirred(small, 0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in grown.state_dict().items())


def test_new_filters_start_whole_and_their_readers_near_zero() -> None:
    space = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=16)
    name, (new, reader) = "stage1/block0/width", ("stage1/block0/conv0", "stage1/block0/conv1")
    small = stirred(network_of(space, 0), 0)
    grown = small.grown(space.unlock(name).unlock(name).covering(), generator=torch.Generator().manual_seed(1))
    layers = {name: layer for name, layer in grown.layers.items() if isinstance(layer, QuantLayer)}
    filters, columns = layers[new].latent_weight[32:].detach(), layers[reader].latent_weight[:, :, 32:].detach()
    assert len(filters) == columns.shape[2] == 16
    for part, reads, share in ((filters, 16, 1.0), (columns, 48, NEW_INPUTS)):
        assert part.std() == pytest.approx(share * (2 / (9 * reads)) ** 0.5, rel=0.05)
    norm = layers[reader].norms["before"]
    for gamma, beta in zip(norm.gamma.values(), norm.beta.values(), strict=True):  # type: ignore[operator,union-attr]
        assert (gamma[:, 32:] == 1).all()
        assert not beta[:, 32:].any()
        assert (gamma[:, :32] != 1).all()
    unchanged = [name for name in layers if name not in (new, reader)]
    state, before = grown.state_dict(), small.state_dict()
    for key in before:
        if any(key.startswith(f"layers.{name}.") for name in unchanged):
            assert torch.equal(state[key], before[key])


@pytest.mark.parametrize("precision", ["binary", "ternary", "2-bit", "4-bit"])
def test_what_is_new_learns(precision: str) -> None:
    """Its readers get gradients at once; after a few steps in their direction so do the filters."""
    only = dict.fromkeys(("weight_precisions", "stem_precisions", "classifier_precisions"), (precision,))
    space = ResidualSpace.of((1, 8, 8), 10, depth=8, channels=8, act_precisions=(precision,), **only)
    small = network_of(space, 0)
    name, new, reader = "stage1/block0/width", "stage1/block0/conv0", "stage1/block0/conv1"
    unlocked = space.unlock(name)
    grown = small.grown(unlocked.covering(), generator=torch.Generator().manual_seed(1))
    grown.activate(unlocked.covering()[0])
    filters, columns = (grown.layers[name].latent_weight for name in (new, reader))
    assert isinstance(filters, Tensor)
    assert isinstance(columns, Tensor)

    def gradients() -> tuple[Tensor, Tensor]:
        grown.zero_grad()
        labels = torch.arange(64) % 10
        F.cross_entropy(grown(images_of(space, 64)), labels).backward()  # type: ignore[no-untyped-call]
        assert isinstance(filters.grad, Tensor)
        assert isinstance(columns.grad, Tensor)
        return filters.grad[16:], columns.grad[:, :, 16:]

    _, of_columns = gradients()
    assert (of_columns != 0).double().mean() > 0.5
    with torch.no_grad():
        columns[:, :, 16:] -= 0.1 * of_columns.sign()
    of_filters, _ = gradients()
    assert (of_filters != 0).double().mean() > 0.5


@pytest.mark.parametrize("space", STAGED_SPACES.values(), ids=STAGED_SPACES)
def test_a_locked_width_is_refused_by_a_supernet_that_does_not_hold_it(space: StagedSpace) -> None:
    """Instead of running a narrower network under its name."""
    supernet = network_of(space, 0)
    for gene in space.genes:
        if gene.n_locked:
            largest = (gene.name, "layers")  # with fewer of them, some are not there
            genome = np.array([(len(other.choices) - 1) * (other.name in largest) for other in space.genes])
            architecture = space.decode(genome)
            with pytest.raises(GenomeError, match="that this network holds"):
                supernet.activate(architecture)
            wider = supernet.grown(space.fully_unlocked().covering(), generator=torch.Generator())
            wider.activate(architecture)
    with pytest.raises(GenomeError, match="at most the 0 channels"):
        network_of(CellSpace.of((1, 8, 8), 10), 0).activate(space.covering()[-1])
