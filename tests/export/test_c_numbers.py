"""Numbers in C that are no weights: bytes as they are stored, and whole numbers that give what floats give."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from evonas.architecture.precision import NUMBERS
from evonas.architecture.stored_numbers import of_shifts
from evonas.export.c.layers import c_layers
from evonas.export.c.memory.plan import plan_memory
from evonas.export.c.numbers import c_norm, c_vector, has_whole_norm, stored_bytes, whole_norm
from evonas.export.c.units import in_units
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from evonas.nets.integer_network import apply_rule
from tests.export.test_c_export import NAMES, frozen_of
from tests.nets.test_stored_numbers import rounded


@cache
def networks() -> tuple[FrozenNetwork, ...]:
    return tuple(in_units(frozen_of(name)) for name in NAMES)


@pytest.mark.parametrize("name", ["8-bit", "16-bit"])
def test_whole_numbers_times_a_power_of_two_are_the_numbers(name: str) -> None:
    values = rounded(np.random.default_rng(0).normal(size=9).astype(np.float32), NUMBERS[name])
    whole, exponent = c_vector(values, NUMBERS[name])
    np.testing.assert_array_equal(np.ldexp(whole.astype(np.float32), exponent), values)


def test_shifts_that_are_all_zero_need_no_moving() -> None:
    norm = np.stack([rounded(np.array([0.3, 900], np.float32), NUMBERS["8-bit"]), np.zeros(2, np.float32)])
    assert c_norm(norm, NUMBERS["8-bit"])[1] == "{3, 3}"


def test_a_convolution_keeps_the_bytes_that_it_stores() -> None:
    for conv in (conv for frozen in networks() for conv in frozen.convs.values()):
        beside = sum(array.nbytes for name, array in conv.stored.items() if name != "weight")
        assert stored_bytes(conv, has_front=True, has_back=True) == beside
        at_most = stored_bytes(conv, has_front=False, has_back=True)
        assert at_most <= beside


def test_norms_of_whole_numbers_give_the_codes_of_floats() -> None:
    """For every number that a tensor may hold."""
    n_found, rules = 0, set()
    for frozen in networks():
        if frozen.step is None:
            continue
        for conv in frozen.convs.values():
            if has_whole_norm(conv) and (whole := whole_norm(conv, *frozen.stream_range)):
                x = np.arange(frozen.stream_range[0], frozen.stream_range[1] + 1)
                np.testing.assert_array_equal(by_whole_numbers(conv, x, whole.above), by_floats(conv, x))
                n_found += 1
                assert conv.act is not None
                rules.add(conv.act.rule)
    assert n_found > 20
    assert rules >= {"round", "sign"}


def by_floats(conv: FrozenConv, x: np.ndarray) -> np.ndarray:
    assert conv.act is not None
    scale, shift = conv.norms[0]
    y = (x.astype(np.float32)[:, None] * scale).astype(np.float32) + shift
    return apply_rule(conv.act, torch.from_numpy(y))[0].numpy().astype(np.int64)


def by_whole_numbers(conv: FrozenConv, x: np.ndarray, above: int) -> np.ndarray:
    """As the runtime's ``net_whole`` does it."""
    act, precision = conv.act, conv.norm_precision
    assert act is not None
    (_, down), (_, to) = c_vector(conv.norms[0][0], precision), c_vector(conv.norms[0][1], of_shifts(precision))
    down, to = -down, to if conv.norms[0][1].any() else down
    scale, shift = (np.ldexp(row.astype(np.float64), down).astype(np.int64) for row in conv.norms[0])
    assert to + down >= 0
    v = x[:, None] * scale + shift
    if act.rule == "round":
        return np.clip((v + (1 << down >> 1) - 1 + (v >> down & 1)) >> down, act.low, act.high)
    if act.rule == "sign":
        return np.where(v >= 0, 1, -1)
    other = above + (1 << down) if act.low == 0 else -above - 1
    return act.low + (v > above) + (v > other)


def test_few_bits_need_no_floats_between_tensors() -> None:
    found = [
        layer
        for frozen in networks()
        if frozen.step is not None
        for layer in c_layers(frozen, plan_memory(frozen), names=dict.fromkeys(frozen.convs, "l")).values()
    ]
    assert any(layer.is_whole for layer in found)
    assert any(layer.has_whole_sums for layer in found)
    assert any(layer.has_limits for layer in found)
    assert any(layer.has_thresholds and not layer.is_wide for layer in found)
    assert any(layer.is_wide for layer in found)
