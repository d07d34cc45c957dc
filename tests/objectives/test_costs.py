"""Each measure against a slow, obvious twin, and against numbers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectives import OBJECTIVES, Layer
from objectives.device.flash import flash
from objectives.device.instructions import instructions
from objectives.energy import energy, energy_table, mac_energy
from objectives.macs import binary_ops, bitops, flops, macs
from objectives.model_size import model_size, packed_bytes
from objectives.parameters import parameters
from objectives.peak_memory import peak_memory
from objectives.weight_bits_only import weight_bits_only
from tests.support.random_layers import networks


def layer(**numbers: int) -> Layer:
    return Layer("a", "conv", (), (1, 1, 1), **numbers)  # type: ignore[arg-type]


@given(networks())
def test_peak_memory_equals_a_walk_that_looks_ahead_at_every_step(layers: list[Layer]) -> None:
    def size(bits: int) -> int:
        return (bits + 31) // 32 * 4

    layers = [replace(layer, op="op") for layer in layers]  # nothing is a sum
    worst = 0
    for step, layer in enumerate(layers):
        total = 0
        for earlier in layers[: step + 1]:
            is_read_later = any(earlier.name in later.inputs for later in layers[step:])
            if is_read_later or earlier is layer:
                total += size(earlier.output_elements * earlier.output_bits)
        worst = max(worst, total)
    assert peak_memory(layers) == worst


def test_a_view_holds_the_tensor_behind_it_until_its_own_last_reader() -> None:
    """Of two networks, the first reads the image through a view at the end, the second never again."""
    first, second = np.array([True, False]), np.array([False, True])
    layers = [
        Layer("image", "input", (), (np.array([100, 100]), 1, 1), output_bits=8),
        Layer("view", "skip", ("image",), (np.array([0, 0]), 1, 1), reads=(first,), is_view=first),
        Layer("a", "conv", ("image",), (np.array([10, 10]), 1, 1), output_bits=8, reads=(first | second,)),
        Layer("b", "conv", ("a",), (np.array([60, 60]), 1, 1), output_bits=8, reads=(first | second,)),
        Layer("c", "add", ("view", "b"), (np.array([5, 5]), 1, 1), output_bits=8, reads=(first, first | second)),
    ]
    assert peak_memory(layers).tolist() == [100 + 12 + 60, 100 + 12]


def test_one_array_among_whole_numbers_is_enough_to_mean_many_networks() -> None:
    assert peak_memory([Layer("a", "conv", (), (3, np.array([1, 2]), 4))]).tolist() == [48, 96]
    assert peak_memory([Layer("a", "conv", (), (3, 1, 4), output_bits=np.array([8, 32]))]).tolist() == [12, 48]


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


# One number at a time, one operation at a time


def slow_macs(layer: Layer) -> int:
    return sum(1 for _ in range(layer.macs))


def slow_flops(layer: Layer) -> int:
    multiplies = adds = slow_macs(layer)
    return multiplies + adds + sum(1 for _ in range(layer.float_ops))


def slow_bitops(layer: Layer) -> Fraction:
    one_mac = sum(1 for _ in range(layer.weight_bits) for _ in range(layer.act_bits))
    return slow_macs(layer) * one_mac + layer.float_ops * Fraction(32 * 32, 2)


def slow_binary_ops(layer: Layer) -> Fraction:
    if layer.weight_bits == 32 or layer.act_bits == 32:
        return Fraction(layer.macs + layer.float_ops)
    return Fraction(layer.macs * layer.weight_bits * layer.act_bits, 64) + layer.float_ops


def slow_model_size(layer: Layer) -> int:
    per_byte = {2: 8, 3: 5, 4: 4, 16: 2, 256: 1}
    stored = 0
    for _ in range(0, layer.weights, per_byte.get(layer.weight_levels, 1)):
        stored += 1 if layer.weight_levels else 4
    return stored + layer.scale_bytes + layer.threshold_bytes + layer.norm_bytes + layer.bias_bytes


def slow_weight_bits(layer: Layer) -> int:
    return sum({2: 1, 3: 2, 4: 2, 16: 4, 256: 8, 0: 32}[layer.weight_levels] for _ in range(layer.weights))


def slow_energy(layer: Layer) -> Fraction:
    """In joules, from the table as it is printed."""
    pico = Fraction(1, 10**12)
    one_mac = Fraction("3.7") + Fraction("0.9")
    if layer.weight_bits < 32 and layer.act_bits < 32:
        one_mac = Fraction("0.2") * layer.weight_bits * layer.act_bits / 64 + Fraction("0.1")
    channels, height, width = layer.output_shape
    written = channels * height * width * layer.output_bits
    moved = 8 * slow_model_size(layer) + layer.input_bits + written
    return pico * (layer.macs * one_mac + layer.float_ops * Fraction("4.6") / 2 + moved * Fraction(20, 64))


TWINS: list[tuple[Callable[[list[Layer]], float], Callable[[Layer], int | Fraction]]] = [
    (macs, slow_macs),
    (flops, slow_flops),
    (bitops, slow_bitops),
    (binary_ops, slow_binary_ops),
    (model_size, slow_model_size),
    (weight_bits_only, slow_weight_bits),
    (energy, slow_energy),
    (parameters, lambda layer: sum(1 for _ in range(layer.parameters))),
]


def test_every_cost_has_a_slow_twin() -> None:
    """Peak memory's walks the execution, see tests/evaluation; those of devices are the export, see tests/export."""
    measures = {objective.measure for objective in OBJECTIVES.values() if objective.is_analytic}
    assert measures - {measure for measure, _ in TWINS} == {peak_memory, instructions, flash}


@pytest.mark.parametrize(("measure", "twin"), TWINS, ids=lambda function: function.__name__)
@settings(max_examples=40)
@given(layers=networks())
def test_a_network_costs_what_its_layers_cost(
    measure: Callable[[list[Layer]], float], twin: Callable[[Layer], int | Fraction], layers: list[Layer]
) -> None:
    expected = sum(map(twin, layers))
    if measure is energy:  # the only one whose constants are no whole numbers
        assert measure(layers) == pytest.approx(float(expected), rel=1e-12)
    else:
        assert measure(layers) == expected


# By hand


def test_size_counts_every_float_and_weight_bits_none() -> None:
    one = layer(weights=10, weight_levels=2, weight_bits=1, scale_bytes=12)
    assert model_size([one, one]) == 2 * (2 + 12)
    assert weight_bits_only([one, one]) == 2 * 10


def test_weight_bits_of_an_all_ternary_resnet_20() -> None:
    bits = weight_bits_only([layer(weights=weights, weight_levels=3, weight_bits=2) for weights in (432, 267_264, 640)])
    assert bits == 2 * 268_336
    assert round(bits / 8e6, 4) == 0.0671


def test_bitops_are_macs_times_both_widths() -> None:
    assert bitops([layer(macs=10, weight_bits=2, act_bits=4), layer()]) == 80


def test_ops_as_published() -> None:
    def ops(*, binary: int, full: int) -> float:
        return binary_ops([layer(macs=binary, weight_bits=1, act_bits=1), layer(macs=full)])

    assert round(ops(binary=4_820_000_000, full=12_000_000) / 1e8, 2) == 0.87  # ReActNet-A
    assert ops(binary=696_729_600, full=87_926_400) == 98_812_800  # BNAS-A


def test_ops_of_a_layer_with_one_float_operand_are_float() -> None:
    assert binary_ops([layer(macs=64, weight_bits=1, act_bits=32, float_ops=3)]) == 67
    assert binary_ops([layer(macs=64, weight_bits=1, act_bits=1, float_ops=3)]) == 4


def test_energy_by_hand() -> None:
    one = Layer(
        "a",
        "conv",
        ("input",),
        (2, 3, 4),
        output_bits=32,
        input_bits=100,
        macs=1000,
        weights=10,
        weight_levels=3,
        weight_bits=2,
        act_bits=2,
        float_ops=6,
        scale_bytes=4,
    )
    picojoules = 1000 * (0.0125 + 0.1) + 6 * 2.3 + (16 + 32 + 100 + 24 * 32) * 0.3125
    assert energy([one]) == pytest.approx(picojoules * 1e-12, rel=1e-12)


def test_the_energy_table_is_what_a_mac_is_charged() -> None:
    rows, source = energy_table()
    assert "Horowitz 2014" in source
    assert "2.3 pJ a float operation, 0.3125 pJ a bit" in source
    for weight_bits, act_bits, picojoules in rows:
        assert picojoules == mac_energy(weight_bits, act_bits)
        nothing_moves = Layer("a", "conv", (), (0, 1, 1), macs=1000, weight_bits=weight_bits, act_bits=act_bits)
        assert energy([nothing_moves]) == pytest.approx(1e-9 * picojoules, rel=1e-12)
    table = {(weight_bits, act_bits): picojoules for weight_bits, act_bits, picojoules in rows}
    assert [table[pair] for pair in [(1, 1), (8, 8), (1, 32), (32, 32)]] == pytest.approx([0.103125, 0.3, 4.6, 4.6])
