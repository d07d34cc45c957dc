"""Laws of the cell space, for several shapes of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.errors import GenomeError
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.spaces.genome import Genome, check_genome, from_text, to_text
from objectives import OBJECTIVES
from tests.support.spaces import covering

laws = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 2**32 - 1)


@cache
def supernet_of(space: CellSpace) -> Network:
    return Network(covering(space), generator=torch.Generator().manual_seed(0))


def raw_genome(space: CellSpace, seed: int) -> Genome:
    """Any genome in range; a quarter of them with mostly dead edges."""
    rng = np.random.default_rng(seed)
    genome = rng.integers([len(gene.choices) for gene in space.genes])
    if rng.random() < 0.25:
        for index, gene in enumerate(space.genes):
            if gene.name.endswith("/op") and rng.random() < 0.8:
                genome[index] = 0
    return genome


@laws
@given(seed=seeds)
def test_decode_of_encode_is_the_identity(space: CellSpace, seed: int) -> None:
    architecture = space.decode(raw_genome(space, seed))
    if architecture.dead_reason is None:
        assert space.decode(space.encode(architecture)) == architecture


@laws
@given(seed=seeds)
def test_repair_gives_a_living_canonical_genome_and_then_rests(space: CellSpace, seed: int) -> None:
    repaired = space.repair(raw_genome(space, seed))
    assert space.decode(repaired).dead_reason is None
    assert np.array_equal(space.repair(repaired), repaired)
    assert np.array_equal(space.canonical(repaired), repaired)


@laws
@given(seed=seeds)
def test_repair_leaves_living_networks_as_they_are(space: CellSpace, seed: int) -> None:
    genome = raw_genome(space, seed)
    architecture = space.decode(genome)
    if architecture.dead_reason is None:
        assert space.decode(space.repair(genome)) == architecture


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_genomes_compute_the_same_if_and_only_if_their_canonical_forms_are_equal(space: CellSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    genome = raw_genome(space, seed)
    canonical = space.canonical(genome)
    if space.decode(genome).dead_reason is not None:
        return
    supernet = supernet_of(space)
    images = torch.rand(8, *space.input_shape, generator=torch.Generator().manual_seed(1))

    def logits(candidate: Genome) -> torch.Tensor:
        supernet.activate(space.decode(candidate))
        supernet.calibrate(images)
        with torch.no_grad():
            return supernet(images)

    expected = logits(genome)
    assert torch.equal(logits(canonical), expected)
    for index in rng.choice(len(genome), 6):
        changed = genome.copy()
        changed[index] = rng.integers(len(space.genes[index].choices))
        is_same = np.array_equal(space.canonical(changed), canonical)
        assert is_same == (space.decode(changed) == space.decode(genome))
        if space.decode(changed).dead_reason is None and torch.equal(logits(changed), expected) != is_same:
            # wider zeros beside a residual compute the same, at a higher cost
            assert not is_same, space.genes[index].name
            assert space.decode(changed).layers != space.decode(genome).layers, space.genes[index].name


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_the_fast_path_counts_what_one_network_at_a_time_counts(space: CellSpace, seed: int) -> None:
    genomes = space.repair_all(np.stack([raw_genome(space, seed + i) for i in range(12)]))
    together, alone = space.batch_layers(genomes), [space.decode(genome).layers for genome in genomes]
    for objective in OBJECTIVES.values():
        if objective.measure:
            one_by_one = [objective.measure(layers) for layers in alone]
            assert np.array_equal(objective.measure(together), one_by_one), objective.name


def genome_of(space: CellSpace, **labels: str) -> Genome:
    """The first choice of every gene, and the labels given, such as ``normal_node0_inputs="0,1"``."""
    choice = {gene.name: gene.choices[0] for gene in space.genes}
    choice |= {name.replace("_", "/"): label for name, label in labels.items()}
    return np.array([gene.choices.index(choice[gene.name]) for gene in space.genes])


def test_a_node_that_only_hands_on_is_what_it_hands_on() -> None:
    space = CellSpace.of((1, 8, 8), 10, cells=("normal",), nodes=3)
    skip = {"normal_node0_inputs": "0,1", "normal_node0_edge1_op": "skip"}  # node 0 is the cell's input 1
    through = genome_of(space, **skip, normal_node1_inputs="0,2", normal_node1_edge1_op="conv_3x3")
    direct = genome_of(space, **skip, normal_node1_inputs="0,1", normal_node1_edge1_op="conv_3x3")
    assert space.decode(through) == space.decode(direct)
    assert np.array_equal(space.canonical(through), space.canonical(direct))
    both = {"normal_node1_edge0_op": "conv_5x5", "normal_node1_edge1_op": "conv_3x3"}
    swapped = {"normal_node1_edge0_op": "conv_3x3", "normal_node1_edge1_op": "conv_5x5"}
    twice = [genome_of(space, **skip, **ops, normal_node1_inputs="1,2") for ops in (both, swapped)]
    assert space.decode(twice[0]) == space.decode(twice[1])
    chain = genome_of(
        space,
        **skip,
        normal_node1_inputs="0,2",
        normal_node1_edge1_op="skip",
        normal_node2_inputs="0,3",
        normal_node2_edge1_op="conv_3x3",
    )
    assert "cell0/node2/from1/conv_3x3" in {op.name for op in space.decode(chain).ops}


def test_a_skip_that_halves_the_side_is_no_alias() -> None:
    space = CellSpace.of((1, 8, 8), 10, cells=("reduction",))
    skip = {"reduction_node0_inputs": "0,1", "reduction_node0_edge1_op": "skip"}
    genome = genome_of(space, **skip, reduction_node1_inputs="0,2", reduction_node1_edge1_op="conv_3x3")
    assert "cell0/node1/from2/conv_3x3" in {op.name for op in space.decode(genome).ops}


def test_precisions_of_layers_in_use_matter() -> None:
    """A living layer's precision is never neutral: it changes the network and its bytes or BitOPs."""
    space = CellSpace.of((1, 8, 8), 10)
    for seed in range(60):
        genome = space.repair(raw_genome(space, seed))
        names = {op.name for op in space.decode(genome).ops}
        for cell in range(3):
            if f"cell{cell}/in1" in names:
                index = [gene.name for gene in space.genes].index(f"cell{cell}/in1/weight")
                changed = genome.copy()
                changed[index] = (genome[index] + 1) % len(space.genes[index].choices)
                assert not np.array_equal(space.canonical(changed), genome)


def test_a_constant_branch_keeps_nothing_alive() -> None:
    """A node without inputs is zeros of its own; it does not hold on to the tensor whose shape it has."""
    space = CellSpace.of((1, 8, 8), 10, has_residual=False)
    for seed in range(300):
        architecture = space.decode(space.repair(raw_genome(space, seed)))
        alive = {"input"}
        for op in architecture.ops:
            if op.kind != "zeros":
                alive.add(op.name)
        assert all(op.inputs == ("input",) for op in architecture.ops if op.kind == "zeros")
        needed = {architecture.ops[-1].name}
        for op in reversed(architecture.ops):
            if op.name in needed and op.kind != "zeros":
                needed.update(op.inputs)
        assert {op.name for op in architecture.ops} <= needed


@pytest.mark.parametrize(
    "ops", [("none", "skip"), ("skip", "none"), ("none", "dil_conv_3x3"), ("max_pool_3x3", "none")]
)
def test_any_operation_that_is_not_none_can_revive(ops: tuple[str, ...]) -> None:
    space = CellSpace.of((1, 8, 8), 10, ops=ops)
    dead = np.array([gene.choices.index("none") if gene.name.endswith("/op") else 0 for gene in space.genes])
    assert space.decode(dead).dead_reason is not None
    assert space.decode(space.repair(dead)).dead_reason is None


@laws
@given(seed=seeds)
def test_operations_come_after_what_they_read_and_all_lead_to_the_output(space: CellSpace, seed: int) -> None:
    ops = space.decode(space.repair(raw_genome(space, seed))).ops
    known = {"input"}
    for op in ops:
        assert known.issuperset(op.inputs)
        known.add(op.name)
    read = {name for op in ops for name in op.inputs}
    assert all(op.name in read for op in ops[:-1])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_a_living_network_tells_images_apart(space: CellSpace, seed: int) -> None:
    network = Network([space.decode(space.repair(raw_genome(space, seed)))], generator=torch.Generator())
    images = torch.rand(16, *space.input_shape, generator=torch.Generator().manual_seed(seed))
    network.calibrate(images)
    with torch.no_grad():
        assert len(network(images).unique(dim=0)) > 1


def test_the_supernet_blueprint_covers_everything(space: CellSpace) -> None:
    held: dict[str, set[str]] = {}
    width: dict[str, int] = {}
    for architecture in covering(space):
        for op in architecture.ops:
            if op.kind == "conv":
                held.setdefault(op.name, set()).update((f"weight {op.weight}", f"act {op.act}"))
                width[op.name] = max(width.get(op.name, 0), op.channels)
    rng = np.random.default_rng(0)
    for genome in (*space.sample(rng, 50), *space.corners(rng)[:30]):
        for op in space.decode(genome).ops:
            if op.kind == "conv":
                assert held[op.name] >= {f"weight {op.weight}", f"act {op.act}"}
                assert width[op.name] >= op.channels


def test_corners_are_uniform_in_precision_and_width() -> None:
    space = CellSpace.of((1, 8, 8), 10)
    corners = space.corners(np.random.default_rng(0))
    found = set()
    for genome in corners:
        ops = [op for op in space.decode(genome).ops if op.kind == "conv" and op.name not in ("stem", "classifier")]
        assert len({(op.weight, op.act) for op in ops}) == 1
        cells = {op.name: op.channels for op in space.decode(genome).ops if op.kind == "add" and "node" in op.name}
        factors = {channels / (8 if name.startswith("cell0") else 16) for name, channels in cells.items()}
        assert len(factors) == 1
        found.add((ops[0].weight.name, ops[0].act.name, *factors))
    assert len(found) == len(corners) == 5 * 5 * 4


def test_genomes_survive_their_text_form(space: CellSpace) -> None:
    genome = space.sample(np.random.default_rng(3), 1)[0]
    assert np.array_equal(from_text(to_text(genome), space.genes), genome)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a-b", "whole numbers joined by dashes"), ("0-1", "56 genes in one row"), ("9" + "-0" * 55, "between 0 and 0")],
)
def test_a_malformed_genome_is_explained(text: str, message: str) -> None:
    with pytest.raises(GenomeError, match=message):
        from_text(text, CellSpace.of((1, 8, 8), 10).genes)


def test_a_genome_of_the_wrong_length_is_refused(space: CellSpace) -> None:
    with pytest.raises(GenomeError, match="genes in one row"):
        space.decode(check_genome([0], space.genes[:1]))
