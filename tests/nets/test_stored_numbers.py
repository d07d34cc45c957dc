"""Numbers that are no weights: what is stored reads back as the very same, takes what is counted, and is near."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.precision import NUMBERS, PRECISIONS, Precision
from evonas.architecture.stored_numbers import vector_bytes
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenConv
from evonas.nets.network import Network
from evonas.nets.packing import numbers
from evonas.nets.packing.numbers import read, stored


def rounded(values: np.ndarray, precision: Precision, *, weights: np.ndarray | None = None) -> np.ndarray:
    costs = None if weights is None else torch.from_numpy(weights)
    return numbers.rounded(torch.from_numpy(values), precision, weights=costs).numpy()


vectors = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20).map(lambda v: np.array(v, dtype=np.float32))
precisions = pytest.mark.parametrize("name", NUMBERS)


@precisions
@given(values=vectors)
def test_what_is_stored_reads_back_as_it_was_rounded(name: str, values: np.ndarray) -> None:
    kept = rounded(values, NUMBERS[name])
    parts = stored(kept, NUMBERS[name])
    assert (read(parts[""], parts.get("exponent"), NUMBERS[name], n=len(values)) == kept).all()
    assert (rounded(kept, NUMBERS[name]) == kept).all()
    assert sum(part.nbytes for part in parts.values()) == vector_bytes(len(values), NUMBERS[name].bits)


@given(values=vectors, bits=st.sampled_from([8, 16]))
def test_no_number_is_off_by_more_than_half_a_step(values: np.ndarray, bits: int) -> None:
    kept = rounded(values, NUMBERS[f"{bits}-bit"])
    step = np.abs(values).max() / (2 ** (bits - 1) - 1)  # of the smallest range that holds the largest number
    assert (np.abs(kept - values) <= max(step, 2.0**-100)).all()


@given(values=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=9), sign=st.sampled_from([-1.0, 1.0]))
def test_a_power_of_two_is_the_nearest_one(values: list[float], sign: float) -> None:
    found = rounded(np.array(values, dtype=np.float32) * sign, NUMBERS["power-of-two"])
    for value, power in zip(values, found, strict=True):
        assert np.log2(power * sign) % 1 == 0
        assert power * sign == 2.0 ** np.ceil(np.log2(max(values))) / 2**8 or 3 / 4 <= value / (power * sign) <= 3 / 2


def test_numbers_of_no_weight_are_clipped_so_that_others_keep_their_digits() -> None:
    values = np.array([300.0, 1.0, 0.7, -0.3], dtype=np.float32)  # the first belongs to a channel that never changes
    weights = np.array([1e-6, 1, 1, 1], dtype=np.float32)
    with_all, without = rounded(values, NUMBERS["8-bit"]), rounded(values, NUMBERS["8-bit"], weights=weights)
    assert np.abs(with_all - values)[1:].max() > 0.2
    assert np.abs(without - values)[1:].max() < 0.005


def frozen(act: str, *, gamma: list[float], beta: list[float], mean: list[float], deviation: list[float]) -> FrozenConv:
    """A convolution behind a norm of these numbers, which are kept in 8 bits."""
    op = Op("layer", "conv", ("input",), 2, weight=PRECISIONS["ternary"], act=PRECISIONS[act])
    short = NUMBERS["8-bit"]
    network = Network([Architecture((len(gamma), 1, 1), (op,), norms=short, scales=short)], generator=torch.Generator())
    norm = network.layers["layer"].norms["before"]
    with torch.no_grad():
        norm.gamma[f"act {act}"][0] = torch.tensor(gamma)
        norm.beta[f"act {act}"][0] = torch.tensor(beta)
        norm.mean[0], norm.variance[0] = torch.tensor(mean), torch.tensor(deviation) ** 2
    return freeze(network).convs["layer"]


def test_signs_change_where_they_did() -> None:
    """Though one factor is a fiftieth of the others; and a channel that never changes keeps its sign."""
    gamma, beta, mean, deviation = (
        [1.0, 0.02, -1.0, 0.5],
        [0.3, 0.028, 0.1, -1e-3],
        [2.0, 0.0, 1.0, 0.5],
        [1.0, 1.0, 2.0, 0],
    )
    factor, shift = frozen("binary", gamma=gamma, beta=beta, mean=mean, deviation=deviation).norms[0]
    for channel in range(3):
        exact = mean[channel] - beta[channel] / gamma[channel] * deviation[channel]
        assert abs(-shift[channel] / factor[channel] - exact) < 0.02 * deviation[channel]
    assert set(np.abs(factor)) == {1.0}
    assert mean[3] * factor[3] + shift[3] < 0


def test_zeros_are_not_on_the_edge_between_two_codes() -> None:
    step = frozen("2-bit", gamma=[1.0], beta=[0.0], mean=[0.0], deviation=[1.0]).norms[0][0, 0]
    half = 0.5 / float(step)  # a shift of half a step
    shifts = frozen("2-bit", gamma=[1.0, 1.0], beta=[half, 3.0], mean=[0.0, 0.0], deviation=[1.0, 1.0]).norms[0][1]
    assert abs(shifts[0] - 0.5) < 0.1
    assert (shifts % 1 != 0.5).all()
