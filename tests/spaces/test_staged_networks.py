"""The networks of the two spaces of blocks in stages, and their supernets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.nets.network import Network
from evonas.spaces import ResidualSpace
from evonas.spaces.staged.staged_space import StagedSpace
from tests.support.spaces import STAGED_SPACES
from tests.support.staged import every_space, images_of, raw_architecture

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=8, deadline=None)


@every_space
def test_the_supernet_covers_every_open_form_of_every_operation_and_no_more(space: StagedSpace) -> None:
    rng = np.random.default_rng(0)
    for one in (space, space.unlock(next(gene.name for gene in space.genes if gene.n_locked)), space.fully_unlocked()):
        held: dict[str, set[object]] = {}
        width: dict[str, int] = {}
        for architecture in one.covering():
            for op in architecture.ops:
                held.setdefault(op.name, set()).update((("weight", op.weight), ("act", op.act, op.steps), op.kernel))
                width[op.name] = max(width.get(op.name, 0), op.channels)
        for genome in one.sample(rng, 100):
            for op in one.decode(genome).ops:
                assert held[op.name] >= {("weight", op.weight), ("act", op.act, op.steps), op.kernel}
                assert width[op.name] >= op.channels
        for architecture in one.covering():
            genome = one.encode(architecture)
            assert np.array_equal(one.repair(genome), genome), "a locked width is in the supernet"


@every_space
def test_an_extracted_subnet_gives_the_same_logits_bit_for_bit(space: StagedSpace) -> None:
    """Of any widths, the locked ones too."""
    covering, images = space.fully_unlocked().covering(), images_of(space)
    supernet = Network(covering, generator=torch.Generator().manual_seed(0))
    for seed in range(10):
        architecture = raw_architecture(space, seed)
        supernet.activate(architecture)
        supernet.calibrate(images)
        subnet = supernet.extract(architecture)
        with torch.no_grad():
            assert torch.equal(subnet(images), supernet(images))


@every_space
def test_the_gradient_of_a_path_stays_within_its_slices(space: StagedSpace) -> None:
    supernet = Network(space.covering(), generator=torch.Generator().manual_seed(0))
    architecture = space.decode(space.sample(np.random.default_rng(1), 1)[0])
    supernet.activate(architecture)
    supernet(images_of(space)).square().sum().backward()  # type: ignore[no-untyped-call]
    used = {op.name: op for op in architecture.ops if op.kind == "conv"}
    for name, layer in supernet.layers.items():
        grad = layer.latent_weight.grad
        if name not in used:
            assert grad is None
            continue
        assert isinstance(grad, torch.Tensor)
        reads = architecture.shapes[used[name].inputs[0]].channels // used[name].groups
        assert not grad[used[name].channels :].any()
        assert not grad[:, :, reads:].any()
        assert grad.isfinite().all()


@every_space
@few
@given(seed=seeds)
def test_a_network_tells_images_apart(space: StagedSpace, seed: int) -> None:
    architecture = raw_architecture(space, seed)
    network = Network([architecture], generator=torch.Generator().manual_seed(seed))
    images = images_of(space)
    network.calibrate(images)
    with torch.no_grad():
        logits = network(images)
    assert logits.isfinite().all()
    assert len(logits.unique(dim=0)) > 1 or min(op.channels for op in architecture.ops) == 1  # one number may be cut


def test_shortcuts_average_pool_and_cut_or_pad_channels() -> None:
    space = ResidualSpace.of((3, 9, 7), 4, depth=8, channels=4)
    genome = np.zeros(len(space.genes), dtype=np.int64)
    position = {gene.name: index for index, gene in enumerate(space.genes)}
    for factors in (("1.0", "1.0", "0.3"), ("0.3", "2.0", "2.0")):
        for stage, factor in enumerate(factors):
            genome[position[f"stage{stage}/width"]] = (space.settings.widths + space.settings.locked_widths).index(
                float(factor)
            )
        network = Network([space.decode(genome)], generator=torch.Generator().manual_seed(0)).eval()
        with torch.no_grad():
            tensors = network.activations(images_of(space))
        for stage in (1, 2):
            block = f"stage{stage}/block0"
            pooled = F.avg_pool2d(tensors[f"stage{stage - 1}/block0/sum"], 2, ceil_mode=True)
            branch, total = tensors[f"{block}/conv1"], tensors[f"{block}/sum"]
            both = min(pooled.shape[1], branch.shape[1])
            assert torch.equal((total - branch)[:, both:], torch.zeros_like(total[:, both:]))
            torch.testing.assert_close(total[:, :both], branch[:, :both] + pooled[:, :both])
            assert total.shape == branch.shape


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("inverted", ["stage0/block0/shortcut", "stage1/block0/shortcut", "stage1/block0/sum"]),
        ("inverted, odd sides", ["stage0/block0/project", "stage2/block0/project"]),
    ],
)
def test_an_inverted_block_filters_each_channel_alone_and_adds_its_input(name: str, inputs: list[str]) -> None:
    """In a stage's first block only if asked to."""
    space = STAGED_SPACES[name]
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    for op in architecture.ops:
        if "/depthwise/" in op.name:
            assert op.groups == op.channels == architecture.shapes[op.inputs[0]].channels
            assert op.name.endswith(f"/k{op.kernel[0]}")
    added = [op for op in architecture.ops if op.kind == "add"]
    assert [op.inputs[1] for op in added] == inputs
    assert all(op.inputs[0] == f"{op.name.removesuffix('/sum')}/project" for op in added)
