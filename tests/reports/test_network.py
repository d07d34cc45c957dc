"""One network as a table and as a picture: sums are the objectives', nothing overlaps, every format is written."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evonas.architecture.graph import Architecture
from evonas.architecture.layer_table import architecture_table
from evonas.architecture.precision import PRECISIONS, Precision
from evonas.spaces import CellSpace
from objectives import OBJECTIVES, Layer
from reports.figures.figures import draw_network, save
from reports.figures.layered_graph import LayeredGraph, layered_graph
from reports.tables.network import network_table, precision_label
from tests.support.spaces import SMALL_SPACES

LARGE = CellSpace.of((3, 32, 32), 10, cells=("normal", "normal", "reduction") * 2 + ("normal", "normal"), nodes=4)
IMAGE = Layer("input", "input", (), (1, 4, 4), output_bits=8)
SIDE_BY_SIDE = tuple(
    Layer(f"{row}{n}", "linear", (source if row else "input",), (2, 1, 1), macs=32, weights=32)
    for row in range(2)
    for n, source in enumerate(f"0{n}" for n in range(7))
)
SMALLEST = {
    "an image alone": (IMAGE,),
    "one layer": (IMAGE, Layer("fc", "linear", ("input",), (2, 1, 1), macs=32, weights=32, weight_levels=3)),
    "a layer that reads one input twice": (IMAGE, Layer("sum", "add", ("input", "input"), (1, 4, 4))),
    "many side by side": (IMAGE, *SIDE_BY_SIDE),
    "constant": (IMAGE, Layer("zeros", "zeros", (), (1, 4, 4)), Layer("sum", "add", ("input", "zeros"), (1, 4, 4))),
}


def network(space: CellSpace, seed: int = 0) -> Architecture:
    return space.decode(space.sample(np.random.default_rng(seed), 1)[0])


@pytest.mark.parametrize("seed", range(5))
def test_columns_add_up_to_the_objectives(space: CellSpace, seed: int) -> None:
    layers = network(space, seed).layers
    table = network_table(layers)
    assert list(table["layer"]) == [layer.name for layer in layers]
    assert list(table["inputs"]) == [layer.inputs for layer in layers]
    for column, name in (("bytes", "model_size"), ("macs", "macs"), ("bitops", "bitops")):
        measure = OBJECTIVES[name].measure
        assert measure is not None
        assert table[column].sum() == measure(layers)


def test_labels_of_the_caller_tell_ternary_from_2_bit_activations_and_kernels(space: CellSpace) -> None:
    architecture = network(space)
    ops = {op.name: op for op in architecture.ops}
    for row in architecture_table(architecture).to_dict("records"):
        op = ops.get(row["layer"])
        if op is None or not row["weights"]:
            assert (row["weight"], row["act"]) == ("", "")
        else:
            assert (row["weight"], row["act"]) == (op.weight.name, op.act.name)
            assert row["operation"] == "linear" or "×".join(map(str, op.kernel)) in row["operation"]


@pytest.mark.parametrize("precision", PRECISIONS.values(), ids=str)
def test_a_precision_is_named_after_its_levels(precision: Precision) -> None:
    assert precision_label(precision.levels) == precision.name


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    n = draw(st.integers(1, 25))
    sources = [draw(st.lists(st.integers(0, node - 1), max_size=3)) if node else [] for node in range(n)]
    return {str(node): list(map(str, of_node)) for node, of_node in enumerate(sources)}


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_a_layered_graph_keeps_its_promises(inputs: dict[str, list[str]]) -> None:
    graph = layered_graph(inputs, lambda name: 1 + int(name) % 3, gap=0.5)
    placed = [name for row in graph.rows for name, rank in row if graph.rank[name] == rank]
    assert sorted(placed) == sorted(inputs)
    for name, sources in inputs.items():
        for source in sources:
            assert leads_down(graph, source, name)
    for row, places in enumerate(graph.rows):
        assert all(rank == row for _, rank in places)
        for left, right in pairwise(places):
            widths = [(1 + int(n) % 3) if graph.rank[n] == row else 0.25 for n, _ in (left, right)]
            assert graph.x[right] - graph.x[left] >= sum(widths) / 2 + 0.5 - 1e-6


def leads_down(graph: LayeredGraph, source: str, reader: str) -> bool:
    """Whether lines join two nodes, row by row, through no other node."""
    names = [source] * (graph.rank[reader] - graph.rank[source]) + [reader]
    places = list(zip(names, range(graph.rank[source], graph.rank[reader] + 1), strict=True))
    return len(places) > 1 and set(pairwise(places)) <= set(graph.lines)


def test_a_chain_is_a_straight_line_and_a_passing_line_too() -> None:
    chain = {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]}
    graph = layered_graph(chain, lambda name: 1.0, gap=0.2)
    assert len({round(graph.x["a", row], 6) for row in (1, 2)}) == 1
    assert [graph.rank[name] for name in chain] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "layers",
    [*SMALLEST.values(), *(network(space, 3).layers for space in SMALL_SPACES.values()), network(LARGE).layers],
    ids=[*SMALLEST, *SMALL_SPACES, "large"],
)
def test_nothing_overlaps_or_leaves_the_picture(layers: tuple[Layer, ...]) -> None:
    table = network_table(layers)
    figure = draw_network(table)
    boxes = visible(figure)
    assert len(boxes["boxes"]) == len(table)
    for kind in ("texts", "boxes"):
        for (one, (left, bottom, right, top)), (other, (left2, bottom2, right2, top2)) in combinations(boxes[kind], 2):
            assert right <= left2 or right2 <= left or top <= bottom2 or top2 <= bottom, f"{one!r} overlaps {other!r}"
    width, height = figure.get_size_inches() * figure.dpi
    for text, (left, bottom, right, top) in (*boxes["texts"], *boxes["boxes"]):
        assert 0 <= left < right <= width, text
        assert 0 <= bottom < top <= height, text


def visible(figure: Figure) -> dict[str, list[tuple[str, tuple[float, float, float, float]]]]:
    """Extents in pixels of every text and every layer's box."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    ax = figure.axes[0]
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    return {
        "texts": [(text.get_text(), text.get_window_extent(renderer).extents) for text in ax.texts],
        "boxes": [(str(box), box.get_window_extent(renderer).extents) for box in boxes],
    }


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_every_format_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"net.{suffix}"
    save(draw_network(network_table(network(SMALL_SPACES["digits"]).layers)), path)
    assert path.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix])
