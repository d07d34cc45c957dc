from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.spaces import NetworkSpace
from evonas.spaces.genome import to_text
from evonas.spaces.sampling import evenly_by_log_size, stratified_by_size
from objectives import OBJECTIVES

POOL = 40


def sizes_of(space: NetworkSpace, genomes: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    count = OBJECTIVES["model_size"].measure
    assert count is not None
    return np.array([float(count(space.decode(genome).layers)) for genome in genomes])


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=40), st.integers(1, 50))
def test_evenly_gives_distinct_indices_in_ascending_size(sizes: list[float], n: int) -> None:
    found = evenly_by_log_size(np.array(sizes), n)
    assert len(found) == len(set(found.tolist())) == min(n, len(sizes))
    assert (np.diff(np.array(sizes)[found]) >= 0).all()


def test_evenly_takes_both_ends_and_even_steps_between() -> None:
    sizes = np.exp(np.linspace(3, 9, 601))
    steps = np.diff(np.log(sizes[evenly_by_log_size(sizes, 7)]))
    assert steps == pytest.approx(np.ones(6))


def test_networks_are_alive_distinct_and_spread_in_every_space(network_space: NetworkSpace) -> None:
    genomes = stratified_by_size(network_space, np.random.default_rng(0), n=12, bounds={}, pool=POOL)
    assert len({to_text(genome) for genome in genomes}) == len(genomes) == 12
    for genome in genomes:
        assert (network_space.repair(genome) == genome).all()
    sizes = sizes_of(network_space, genomes)
    assert (np.diff(sizes) >= 0).all()
    uniform = sizes_of(network_space, network_space.sample(np.random.default_rng(1), 12))
    assert np.ptp(np.log(sizes)) > np.ptp(np.log(uniform))


def test_bounds_that_can_be_counted_are_kept(network_space: NetworkSpace) -> None:
    rng = np.random.default_rng(0)
    bound = float(np.median(sizes_of(network_space, network_space.sample(rng, 30))))
    genomes = stratified_by_size(network_space, rng, n=8, bounds={"model_size": bound, "error": 0.1}, pool=POOL)
    assert (sizes_of(network_space, genomes) <= bound).all()


def test_bounds_that_nothing_keeps_leave_networks_to_learn_from(network_space: NetworkSpace) -> None:
    genomes = stratified_by_size(network_space, np.random.default_rng(0), n=8, bounds={"model_size": 1.0}, pool=POOL)
    assert len(genomes) == 8
