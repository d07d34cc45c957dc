"""Partial channels in a cell supernet: what an edge computes on, what passes by, and where a run meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.graph import Architecture
from evonas.config.load import parse_config
from evonas.errors import RunFileError
from evonas.evaluation.network_estimator import ScoringJob
from evonas.evaluation.scorers import InheritedWeights
from evonas.evaluation.scoring_context import Checkpoint
from evonas.files import file_hash
from evonas.nets.layer import QuantLayer
from evonas.nets.network import Network
from evonas.run.context import open_context
from evonas.run.engine import search
from evonas.run.stages.supernet_store import SUPERNET
from evonas.spaces import CellSpace
from evonas.spaces.cells.decode import edges_of
from evonas.spaces.cells.partial_channels import with_partial_channels
from evonas.spaces.genome import from_text
from evonas.training.supernet_training import as_trained, build_supernet
from evonas.workflows.run_handle import Run
from tests.conftest import TINY
from tests.support.spaces import SMALL_SPACES, covering

seeds = st.integers(0, 2**32 - 1)
ratios = st.sampled_from([1, 2, 4, 8])
few = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def drawn(space: CellSpace, seed: int) -> Architecture:
    return space.decode(space.sample(np.random.default_rng(seed), 1)[0])


def images_of(space: CellSpace, n: int = 2) -> Tensor:
    return torch.rand(n, *space.input_shape, generator=torch.Generator().manual_seed(0))


def supernet_of(space: CellSpace, *, normal: int, reduction: int) -> Network:
    return Network(
        covering(space),
        generator=torch.Generator().manual_seed(0),
        rewrite=lambda one: with_partial_channels(space.layout, one, normal=normal, reduction=reduction),
    )


@few
@given(seed=seeds)
def test_a_ratio_of_one_changes_nothing(space: CellSpace, seed: int) -> None:
    architecture = drawn(space, seed)
    assert with_partial_channels(space.layout, architecture, normal=1, reduction=1) == architecture
    other = with_partial_channels(space.layout, architecture, normal=1, reduction=2)
    is_normal = {f"cell{index}": kind == "normal" for index, kind in enumerate(space.settings.cells)}
    kept = [op for op in architecture.ops if is_normal.get(op.name.split("/")[0], True)]
    assert kept == [op for op in other.ops if is_normal.get(op.name.split("/")[0], True)]


@few
@given(seed=seeds, normal=ratios, reduction=ratios)
def test_shapes_are_those_of_the_tensors_and_edges_keep_theirs(
    space: CellSpace, seed: int, normal: int, reduction: int
) -> None:
    real = drawn(space, seed)
    architecture = with_partial_channels(space.layout, real, normal=normal, reduction=reduction)
    tensors = Network([architecture], generator=torch.Generator()).activations(images_of(space))
    assert tensors.keys() == architecture.shapes.keys()
    for name, shape in architecture.shapes.items():
        assert tensors[name].shape[1:] == (shape.channels, shape.height, shape.width)
    assert {name: architecture.shapes[name] for name in real.shapes} == real.shapes
    assert architecture.dead_reason is None


@few
@given(seed=seeds, normal=st.sampled_from([2, 3, 4, 8]), reduction=st.sampled_from([2, 3, 4, 8]))
def test_an_edge_mixes_its_operation_s_channels_evenly_among_those_that_pass_by(
    space: CellSpace, seed: int, normal: int, reduction: int
) -> None:
    real = drawn(space, seed)
    architecture = with_partial_channels(space.layout, real, normal=normal, reduction=reduction)
    before = {op.name: op for op in architecture.ops}
    tensors = Network([architecture], generator=torch.Generator()).activations(images_of(space))
    for cell, _, _, _, edge in edges_of(real):
        source, output = tensors[edge.inputs[0]], tensors[edge.name]
        if edge.kind == "skip":
            assert before[edge.name] == edge
            continue
        ratio = normal if space.settings.cells[cell] == "normal" else reduction
        part = tensors[f"{edge.name}/part"]
        n_part = part.shape[1]
        assert n_part == -(-edge.channels // ratio)
        assert torch.equal(tensors[before[f"{edge.name}/part"].inputs[0]], source[:, :n_part])
        if edge.stride != (1, 1):
            source = F.max_pool2d(source, edge.stride, edge.stride, ceil_mode=True)
        rest = source[:, n_part:]
        if edge.channels % ratio == 0:
            assert torch.equal(output, F.channel_shuffle(torch.cat([part, rest], dim=1), ratio))
        groups = -(-edge.channels // n_part)  # fewer than the ratio where that is no divisor
        assert torch.equal(output[:, ::groups], part)
        passed = [place for place in range(edge.channels) if place % groups]
        in_order = sorted(passed, key=lambda place: place % groups)
        assert torch.equal(output[:, in_order], rest)


def test_a_stride_two_skip_is_an_operation_and_no_edge_stays_none() -> None:
    space = SMALL_SPACES["digits"]
    genotype = {"normal": [("none", 0), ("skip", 1)] * 2, "reduction": [("none", 0), ("skip", 1)] * 2}
    real = space.decode(space.published(genotype))
    architecture = with_partial_channels(space.layout, real, normal=4, reduction=4)
    added = {op.name for op in architecture.ops} - {op.name for op in real.ops}
    skips = [f"cell1/node{node}/from1/skip" for node in range(2)]
    assert added == {f"{skip}/{part}" for skip in skips for part in ("first", "part", "rest")}
    assert {op.kind for op in architecture.ops if op.name.endswith("/part")} == {"avg_pool"}


@pytest.mark.parametrize("name", ["digits", "modules"])
@pytest.mark.parametrize("ratio", [2, 4])
def test_edge_kernels_shrink_on_both_sides(name: str, ratio: int) -> None:
    space = SMALL_SPACES[name]
    whole, partial = supernet_of(space, normal=1, reduction=1), supernet_of(space, normal=ratio, reduction=ratio)
    n_edges = 0
    for key, layer in whole.layers.items():
        assert isinstance(layer, QuantLayer)
        is_edge = "/from" in key
        n_edges += is_edge
        other = partial.layers[f"{key}/part" if is_edge else key]
        assert isinstance(other, QuantLayer)
        out, segments, reads, *sides = layer.latent_weight.shape
        if not is_edge:
            assert other.latent_weight.shape == layer.latent_weight.shape
        elif "group" not in key:  # a grouped kernel may have fewer groups now
            assert other.latent_weight.shape == (out // ratio, segments, reads // ratio, *sides)
    assert n_edges > 0
    assert len(partial.layers) == len(whole.layers)


def test_groups_divide_the_channels_that_are_left_and_are_the_same_at_every_width() -> None:
    space = SMALL_SPACES["modules"]
    groups: dict[str, set[int]] = {}
    for genome in space.sample(np.random.default_rng(0), 40):
        for op in with_partial_channels(space.layout, space.decode(genome), normal=2, reduction=8).ops:
            if "group" in op.name and op.kind == "conv":
                assert op.channels % op.groups == 0
                groups.setdefault(op.name.split("/")[0], set()).add(op.groups)
    assert groups == {"cell0": {1}, "cell1": {4}, "cell2": {2}}


def test_a_supernet_of_rewritten_architectures_runs_every_path(space: CellSpace) -> None:
    supernet = supernet_of(space, normal=8, reduction=4).train()
    for genome in space.sample(np.random.default_rng(0), 20):
        supernet.activate(space.decode(genome))
        assert supernet(images_of(space)).shape == (2, space.n_classes)


def test_an_extracted_subnet_has_partial_channels_too(space: CellSpace) -> None:
    supernet, images = supernet_of(space, normal=4, reduction=2), images_of(space, 16)
    architecture = drawn(space, 3)
    supernet.activate(architecture)
    supernet.calibrate(images)
    with torch.no_grad():
        assert torch.equal(supernet.extract(architecture)(images), supernet(images))


def test_a_run_scores_partial_networks_and_counts_whole_ones(finished: Run, tmp_path: Path) -> None:
    supernet = {"partial_normal": 2, "partial_reduction": 2}
    config = parse_config(
        TINY, {"supernet": supernet, "search": {"budget": 8, "has_baseline": False, "trainings": 0}}, source="tests"
    )
    run = Run(search(config, tmp_path / "partial"))
    table = run.evaluations().query("origin != 'short_training'")  # which are networks of their own, without a supernet
    assert (table["reason"] == "").all()
    of_whole = finished.evaluations().query("origin != 'short_training'").drop_duplicates("genome")
    both = table.merge(of_whole, on="genome", suffixes=("", " whole"))
    assert len(both) > 0
    assert (both["model_size"] == both["model_size whole"]).all()
    assert (both["scored_loss"] != both["scored_loss whole"]).all()
    space = open_context(config).network_space
    names = build_supernet(config, space).layers
    assert all(name.endswith("/part") for name in names if "/from" in name)
    table = table[table["origin"] == "search"]
    genome = from_text(table["genome"].iloc[0], space.genes)
    weights = Checkpoint(SUPERNET, file_hash(run.path / SUPERNET))
    again = ScoringJob(InheritedWeights(), run.path, weights, space, genome, has_latency=True).run()
    assert again.values["scored_loss"] == table["scored_loss"].iloc[0]
    assert again.values["latency"] > 0


def test_other_spaces_are_refused_before_anything_is_trained() -> None:
    raw = {"space": {"kind": "residual", "depth": 8}, "supernet": {"partial_reduction": 2}}
    with pytest.raises(RunFileError, match="partial_reduction") as caught:
        open_context(parse_config(raw, source="tests"))
    assert caught.value.found == "ResidualSpace"
    config = parse_config(raw, {"supernet": {"partial_reduction": 1}}, source="tests")
    architecture = drawn(SMALL_SPACES["digits"], 0)
    assert as_trained(config.supernet, open_context(config).space)(architecture) is architecture
