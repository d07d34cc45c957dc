"""Each measure against a slow, obvious twin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives import OBJECTIVES, Layer
from objectives.macs import bitops, display_count
from objectives.model_size import display_bytes, model_size, packed_bytes
from objectives.peak_memory import peak_memory


@st.composite
def networks(draw: st.DrawFn) -> list[Layer]:
    """Layers in execution order, each reading some of those before it."""
    layers: list[Layer] = []
    for index in range(draw(st.integers(1, 9))):
        readable = [layer.name for layer in layers]
        inputs = draw(st.lists(st.sampled_from(readable), unique=True, max_size=3)) if readable else []
        shape = (draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
        bits = draw(st.sampled_from([1, 2, 8, 32]))
        layers.append(
            Layer(f"l{index}", "op", tuple(inputs), shape, output_bits=bits, workspace_bits=draw(st.integers(0, 99)))
        )
    return layers


@given(networks())
def test_peak_memory_equals_a_walk_that_looks_ahead_at_every_step(layers: list[Layer]) -> None:
    def size(bits: int) -> int:
        return (bits + 7) // 8

    worst = 0
    for step, layer in enumerate(layers):
        total = size(layer.workspace_bits)
        for earlier in layers[: step + 1]:
            is_read_later = any(earlier.name in later.inputs for later in layers[step:])
            if is_read_later or earlier is layer:
                total += size(earlier.output_elements * earlier.output_bits)
        worst = max(worst, total)
    assert peak_memory(layers) == worst


def test_peak_memory_of_nothing_is_nothing() -> None:
    assert peak_memory([]) == 0


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 4, 8, 16, 32, 64, 128, 256]))
def test_packing_is_the_fewest_whole_bytes_of_its_scheme(weights: int, levels: int) -> None:
    packed = packed_bytes(weights, levels=levels)
    per_byte = {2: 8, 3: 5, 4: 4, 16: 2, 256: 1}
    if levels in per_byte:
        assert packed == sum(1 for start in range(0, weights, per_byte[levels]))
    assert levels**weights <= 256**packed


@given(st.integers(1, 10_000))
def test_ternary_packs_into_1_6_bits(weights: int) -> None:
    assert 1.6 * weights <= 8 * packed_bytes(weights, levels=3) < 1.6 * weights + 8


def test_float_weights_take_four_bytes() -> None:
    assert packed_bytes(7, levels=0) == 28


def test_size_counts_every_float() -> None:
    layer = Layer("a", "conv", (), (1, 1, 1), weights=10, weight_levels=2, float_values=3)
    assert model_size([layer, layer]) == 2 * (2 + 12)


def test_bitops_are_macs_times_both_widths() -> None:
    layers = [
        Layer("a", "conv", (), (1, 1, 1), macs=10, weight_bits=2, act_bits=4),
        Layer("b", "add", ("a",), (1, 1, 1)),
    ]
    assert bitops(layers) == 80


@pytest.mark.parametrize(
    ("value", "shown"), [(5, "5"), (1_500, "1.50 k"), (2_340_000, "2.34 M"), (7.1e9, "7.10 G"), (999, "999")]
)
def test_counts_read_well(value: float, shown: str) -> None:
    assert display_count(value) == shown


def test_bytes_read_well() -> None:
    assert display_bytes(4096) == "4,096 B"
    assert display_bytes(20_480) == "20.0 KiB"


def test_the_table_is_keyed_by_name() -> None:
    for name, objective in OBJECTIVES.items():
        assert name == objective.name
        assert isinstance(objective.display(0.5 if name == "error" else 1234), str)
        assert objective.is_analytic == (name != "error")
