"""Laws of the two spaces of blocks in stages, residual and inverted residual: genomes, counts, settings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import PRECISIONS
from evonas.errors import GenomeError, RunFileError
from evonas.spaces import SPACES, CellSpace, DenseSpace, InvertedResidualSpace, ResidualSpace
from evonas.spaces.staged.staged_space import StagedSpace
from objectives import OBJECTIVES
from tests.support.spaces import STAGED_SPACES
from tests.support.staged import every_space, raw_architecture, raw_genome

seeds = st.integers(0, 2**32 - 1)
laws = settings(max_examples=150, deadline=None)
few = settings(max_examples=8, deadline=None)


def measure(name: str, architecture: Architecture) -> float:
    count = OBJECTIVES[name].measure
    assert count is not None
    return count(architecture.layers)


COUNTED = ["macs", "bitops", "model_size", "peak_memory", "parameters", "energy", "weight_bits_only", "binary_ops"]


# Genomes


@every_space
@laws
@given(seed=seeds)
def test_decode_of_encode_is_the_identity(space: StagedSpace, seed: int) -> None:
    architecture = raw_architecture(space, seed)
    assert space.decode(space.encode(architecture)) == architecture


@every_space
@laws
@given(seed=seeds)
def test_repair_gives_a_living_canonical_genome_of_open_choices_and_then_rests(space: StagedSpace, seed: int) -> None:
    repaired = space.repair(raw_genome(space, seed))
    assert space.decode(repaired).dead_reason is None
    assert all(choice < gene.n_open for choice, gene in zip(repaired, space.genes, strict=True))
    assert np.array_equal(space.repair(repaired), repaired)
    assert np.array_equal(space.canonical(repaired), repaired)


@every_space
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_canonical_genomes_are_equal_exactly_if_the_networks_are(space: StagedSpace, seed: int) -> None:
    """Only widths that round to the same channels, kernels cut alike and genes of layers not there are ever neutral."""
    genome = space.canonical(raw_genome(space, seed))
    architecture = space.decode(genome)
    for index, gene in enumerate(space.genes):
        for choice in range(len(gene.choices)):
            changed = genome.copy()
            changed[index] = choice
            is_same = np.array_equal(space.canonical(changed), genome)
            assert is_same == (space.decode(changed) == architecture)
            assert (
                is_same == (choice == genome[index])
                or gene.name.endswith(("/width", "/kernel"))
                or isinstance(space, DenseSpace)
            )


@every_space
def test_locked_choices_are_never_taken_until_unlocked(space: StagedSpace) -> None:
    rng = np.random.default_rng(0)
    index, gene = next((i, gene) for i, gene in enumerate(space.genes) if gene.name.endswith("/width"))
    taken = np.concatenate([space.sample(rng, 100), space.corners(rng)])
    assert (taken < [gene.n_open for gene in space.genes]).all()
    more = space.unlock(gene.name)
    assert more.genes[index].n_open == gene.n_open + 1
    assert [gene.n_locked for gene in more.genes[:index]] == [gene.n_locked for gene in space.genes[:index]]
    assert (more.sample(rng, 200)[:, index] == gene.n_open).any()
    assert [gene.choices for gene in more.genes] == [gene.choices for gene in space.genes]
    while more.genes[index].n_locked:
        more = more.unlock(gene.name)
    for name in (gene.name, "stem/weight", "no such gene"):
        with pytest.raises(GenomeError, match="a gene with locked choices"):
            more.unlock(name)


@every_space
def test_unlocking_width_after_width_ends_with_everything_open(space: StagedSpace) -> None:
    """In any order; then every choice is open, nothing else has changed, and the covering holds the widest of all."""
    widths = [gene.name for gene in space.genes for _ in range(gene.n_locked)]
    assert widths
    more = space
    for name in np.random.default_rng(0).permutation(widths).tolist():
        more = more.unlock(name)
    full = space.fully_unlocked()
    assert full.genes == more.genes == tuple(replace(gene, n_locked=0) for gene in space.genes)
    assert full.covering() == more.covering()
    assert full.fully_unlocked() == full
    raw = raw_genome(space, 0)
    assert full.decode(raw) == space.decode(raw)
    widest = np.array([len(gene.choices) - 1 for gene in space.genes])
    held = {op.name: op.channels for op in full.covering()[-1].ops}
    assert all(held.get(op.name, op.channels) == op.channels for op in space.decode(widest).ops)


def test_an_architecture_of_another_space_is_refused() -> None:
    foreign = CellSpace.of((1, 8, 8), 10)
    architecture = foreign.decode(foreign.sample(np.random.default_rng(0), 1)[0])
    for space in STAGED_SPACES.values():
        with pytest.raises(GenomeError, match="of this search space"):
            space.encode(architecture)


@pytest.mark.parametrize("kind", ["residual", "inverted_residual"])
def test_corners_are_uniform_in_precision_and_width(kind: str) -> None:
    space = SPACES[kind].of((1, 8, 8), 10)
    found, corners = set(), space.corners(np.random.default_rng(0))
    for genome in corners:
        chosen = {
            name: label for name, label in space.describe(genome).items() if name.count("/") > 1 or "width" in name
        }
        widths = {label for name, label in chosen.items() if name.endswith("/width")}
        weights = {label for name, label in chosen.items() if name.endswith("/weight")}
        acts = {label for name, label in chosen.items() if name.endswith("/act")}
        assert len(widths) == len(weights) == len(acts) == 1
        found.add((*widths, *weights, *acts))
    assert len(found) == len(corners) == 5 * 5 * 8


@pytest.mark.parametrize("scope", ["stage", "place", "network"])
@pytest.mark.parametrize("kind", ["residual", "inverted_residual"])
def test_layers_share_precisions_where_that_is_asked_for(kind: str, scope: str) -> None:
    """Such a network is one of the space with precisions per layer, too, but not the other way round."""
    free, tied = (SPACES[kind].of((1, 8, 8), 10, precision_scope=one) for one in ("layer", scope))
    assert isinstance(free, StagedSpace)
    assert isinstance(tied, StagedSpace)
    found: dict[str, set[object]] = {}
    for number, genome in enumerate(tied.sample(np.random.default_rng(0), 20)):
        architecture = tied.decode(genome)
        for op in architecture.ops:
            if op.kind == "conv" and op.name.count("/") > 1:
                stage, _, place = op.name.split("/")[:3]
                shared_by = {"stage": f"{stage}/{place}", "place": place, "network": ""}[scope]
                found.setdefault(f"{number} {shared_by}", set()).add((op.weight, op.act))
        assert free.decode(free.encode(architecture)) == architecture
    assert all(len(pairs) == 1 for pairs in found.values())
    assert len(set.union(*found.values())) > 10
    assert 20 * sum(gene.name.endswith("/act") for gene in tied.genes) == len(found)
    with pytest.raises(GenomeError, match="of this search space"):
        tied.encode(free.decode(raw_genome(free, 0)))


def test_an_unknown_precision_scope_is_refused() -> None:
    with pytest.raises(RunFileError, match=r"precision_scope = 'block' .*'layer', 'stage', 'place' or 'network'"):
        ResidualSpace.of((1, 8, 8), 10, precision_scope="block")


# Counts


@every_space
@few
@given(seed=seeds)
def test_the_fast_path_counts_what_one_network_at_a_time_counts(space: StagedSpace, seed: int) -> None:
    genomes = np.stack([raw_genome(space, seed + i) for i in range(20)])
    together, alone = space.batch_layers(genomes), [space.decode(genome).layers for genome in genomes]
    for number in ("input_bits", "output_elements"):  # a view is no tensor of its own
        one_by_one = [sum(getattr(layer, number) for layer in layers) for layers in alone]
        assert np.array_equal(sum(getattr(layer, number) for layer in together), one_by_one), number
    for objective in OBJECTIVES.values():
        if objective.measure:
            one_by_one = [objective.measure(layers) for layers in alone]
            assert np.array_equal(objective.measure(together), one_by_one), objective.name


@every_space
@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_more_bits_or_width_never_cost_less(space: StagedSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    genome = raw_genome(space, seed)
    ordered = {i: gene for i, gene in enumerate(space.genes) if gene.is_ordered}
    for layers in [
        i for i, gene in ordered.items() if gene.name == "layers"
    ]:  # one more may narrow what the last reads
        genome[layers] = len(ordered.pop(layers).choices) - 1
    index = int(rng.choice(list(ordered)))
    gene, role = space.genes[index], space.genes[index].name.rsplit("/", 1)[-1]
    # a width decides, too, which tensors are as large as each other, so that one may take the other's place
    choices, names = list(range(len(gene.choices))), ["macs", "bitops", "model_size", "parameters"]
    if role in ("weight", "act"):
        formats = [PRECISIONS[label] for label in gene.choices]
        choices.sort(key=lambda choice: (formats[choice].bits, formats[choice].levels))
        names = ["bitops"]  # memory depends on the kernel, too
    elif role == "stream":
        names = ["peak_memory"]
    elif role in ("norms", "scales"):
        names = ["model_size"]
    costs = []
    for genome[index] in choices:
        architecture = space.decode(genome)
        costs.append([measure(name, architecture) for name in names])
    for cheaper, dearer in pairwise(costs):
        assert all(a <= b for a, b in zip(cheaper, dearer, strict=True))
    assert role in ("weight", "act", "stream") or costs[0][0] < costs[-1][0]


@pytest.mark.parametrize("seed", range(5))
def test_depth_never_costs_less(seed: int) -> None:
    """The same choices throughout, in more and more blocks; and a cell more."""
    rng = np.random.default_rng(seed)
    shares = {role: rng.random() for role in ("weight", "act", "width")}
    costs = []
    for depth in (8, 14, 20, 26):
        space = ResidualSpace.of((3, 16, 16), 10, depth=depth, channels=8)
        genome = np.array([int(shares.get(gene.name.rsplit("/", 1)[-1], 0) * gene.n_open) for gene in space.genes])
        costs.append([measure(name, space.decode(genome)) for name in COUNTED])
    cells: tuple[str, ...] = ("normal",)
    for shallow, deep in pairwise(costs):
        assert all(a <= b for a, b in zip(shallow, deep, strict=True))
    narrower = None
    for _ in range(3):
        space_of_cells = CellSpace.of((3, 8, 8), 10, cells=cells)
        choices = [gene.choices.index("conv_3x3") if gene.name.endswith("/op") else 0 for gene in space_of_cells.genes]
        found = [measure(name, space_of_cells.decode(np.array(choices))) for name in COUNTED]
        assert narrower is None or all(a <= b for a, b in zip(narrower, found, strict=True))
        cells, narrower = (*cells, "normal"), found


@pytest.mark.parametrize("weight", ["float", "ternary"])
@pytest.mark.parametrize(("depth", "weights"), [(20, 268_336), (32, 461_872), (44, 655_408), (56, 848_944)])
def test_published_weight_counts_of_residual_networks(depth: int, weights: int, weight: str) -> None:
    only = dict.fromkeys(("weight_precisions", "stem_precisions", "classifier_precisions"), (weight,))
    space = ResidualSpace.of((3, 32, 32), 10, depth=depth, widths=(1.0,), locked_widths=(), **only)
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    assert sum(layer.weights for layer in architecture.layers) == weights
    if depth == 20:
        assert measure("macs", architecture) == 40_551_040


# Settings


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 1, 20), (2, 4, 1)])
def test_images_and_signals_are_refused_by_the_dense_space(shape: tuple[int, int, int]) -> None:
    with pytest.raises(RunFileError, match='axes = "features"'):
        DenseSpace.of(shape, 10)
    assert DenseSpace.of((int(np.prod(shape)), 1, 1), 10).genes


def test_dense_networks_have_one_to_the_given_number_of_hidden_layers() -> None:
    """Each a chain of layers that all are matrices."""
    space, depths = DenseSpace.of((7, 1, 1), 4, layers=4, units=8), set()
    for genome in space.sample(np.random.default_rng(0), 40):
        ops = space.decode(genome).ops
        assert [op.name for op in ops] == ["stem", *(f"layer{index}" for index in range(1, len(ops) - 1)), "classifier"]
        assert [op.inputs for op in ops] == [("input",), *((op.name,) for op in ops[:-1])]
        assert all((op.kind, op.kernel) == ("conv", (1, 1)) for op in ops)
        depths.add(len(ops) - 1)
    assert depths == {1, 2, 3, 4}


@pytest.mark.parametrize(("depth", "remedy"), [(21, 20), (2, 8), (0, 8), (24, 26), (-4, 8)])
def test_other_depths_than_6n_plus_2_are_refused(depth: int, remedy: int) -> None:
    with pytest.raises(RunFileError, match=rf"depth = {depth} \(must be 6 n \+ 2.*set depth = {remedy}\)"):
        ResidualSpace.of((3, 32, 32), 10, depth=depth)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modules": ("norm-quant-conv-norm-shortcut-prelu",)}, "which blocks in stages have themselves"),
        ({"modules": ("norm-conv",)}, "must hold quant"),
        ({"modules": ("norm-relu-pool-quant-conv",)}, "holds pool"),
        ({"widths": (1.0, 0.5)}, "widths .*must ascend"),
        ({"widths": ()}, r"widths = \(\).*at least 1"),
        ({"widths": (0.5, 1.0), "locked_widths": (1.0, 2.0)}, "locked_widths .*must ascend"),
        ({"stages": ()}, r"stages = \(\).*at least 1"),
        ({"stages": ((16, 1),)}, r"stages\.0\.2 .*required"),
        ({"stages": ((16, 0, 1),)}, r"stages\.0\.1 = 0 .*greater than or equal to 1"),
        ({"stages": ((16, 1, 3),)}, r"stages\.0\.2 = 3 .*1 or 2"),
        ({"kernels": (3, 4)}, r"kernels\.1 = 4 .*must be odd"),
        ({"kernels": (5, 3)}, r"kernels = \(5, 3\) .*must ascend"),
        ({"kernels": (3, (1, 4))}, r"kernels\.1 = \(1, 4\) .*must be odd"),
        ({"kernels": (3, (3, 3))}, r"kernels = \(3, \(3, 3\)\) .*must ascend"),
        ({"kernels": ((1, 3), 3, (1, 3))}, "kernels .*stands there twice"),
        ({"stages": ((16, 1, (2, 3)),)}, r"stages\.0\.2 = \(2, 3\) .*1 or 2, or a pair"),
        ({"stages": ((16, 1, "2"),)}, r"stages\.0\.2 = '2' .*1 or 2, or a pair"),
        ({"ratios": (0, 3)}, r"ratios\.0 = 0 .*greater than or equal to 1"),
        ({"ratios": (3, 1)}, r"ratios = \(3, 1\) .*must ascend"),
        ({"stem_channels": 0}, "stem_channels = 0 .*greater than or equal to 1"),
        ({"unlocked": ("stage0/width",)}, "unlocked .*not permitted"),
    ],
)
def test_impossible_settings_are_explained(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        InvertedResidualSpace.of((3, 32, 32), 10, **settings)


@pytest.mark.parametrize("unlocked", [("stage0/width",) * 4, ("module",)])
def test_a_space_with_more_unlocked_than_is_locked_is_refused(unlocked: tuple[str, ...]) -> None:
    space = InvertedResidualSpace.of((3, 32, 32), 10)
    with pytest.raises(GenomeError, match="a gene with locked choices"):
        replace(space, unlocked=unlocked)
