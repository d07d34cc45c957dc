"""Dominance, hypervolume and knee against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from objectives import Objective
from objectives.fronts.boxes import open_boxes
from objectives.fronts.pareto import hypervolume, is_nondominated, knee
from objectives.fronts.scaling import Scaling, bounds_of

points = arrays(float, st.tuples(st.integers(1, 12), st.integers(2, 3)), elements=st.integers(0, 6).map(float))


@given(points)
def test_nondominated_by_definition(table: NDArray[np.float64]) -> None:
    expected = [not any((other <= row).all() and (other < row).any() for other in table) for row in table]
    assert is_nondominated(table).tolist() == expected


@given(points)
def test_hypervolume_by_counting_cells(table: NDArray[np.float64]) -> None:
    m = table.shape[1]
    cells = np.stack(np.meshgrid(*[np.arange(7)] * m), axis=-1).reshape(-1, m)
    covered = sum(bool((table <= cell).all(axis=1).any()) for cell in cells)
    assert hypervolume(table, reference_point=np.full(m, 7.0)) == pytest.approx(covered)


@given(points, st.integers(0, 99))
def test_row_order_changes_nothing(table: NDArray[np.float64], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(table)
    assert is_nondominated(table).sum() == is_nondominated(shuffled).sum()
    reference = np.full(table.shape[1], 7.0)
    assert hypervolume(table, reference_point=reference) == pytest.approx(
        hypervolume(shuffled, reference_point=reference)
    )


@given(points)
def test_the_knee_is_a_point_of_the_front(table: NDArray[np.float64]) -> None:
    front = table[is_nondominated(table)]
    assert 0 <= knee(front) < len(front)


def test_the_knee_is_the_bulge() -> None:
    assert knee(np.array([[0.0, 100.0], [20.0, 15.0], [60.0, 5.0], [100.0, 0.0]])) == 1


def test_correlated_costs_do_not_pull_the_knee() -> None:
    front = np.array([[0.0, 10.0], [3.0, 3.0], [10.0, 0.0]])
    doubled = front[:, [0, 1, 1]]
    assert knee(front) == knee(doubled) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    table = np.array([[1.0, bad]])
    for call in (is_nondominated, knee, lambda t: hypervolume(t, reference_point=np.ones(2))):
        with pytest.raises(ValueError, match="NaN or infinity"):
            call(table)


def test_impossible_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="2 objectives in the front but 3"):
        hypervolume(np.ones((1, 2)), reference_point=np.ones(3))
    with pytest.raises(ValueError, match="empty front"):
        knee(np.zeros((0, 2)))
    assert hypervolume(np.zeros((0, 2)), reference_point=np.ones(2)) == 0
    assert len(is_nondominated(np.zeros((0, 2)))) == 0


ERROR = Objective("error", unit="share", title="", is_log=False)
BYTES = Objective("bytes", unit="bytes", title="")
DEPTH = Objective("depth", unit="", title="", is_log=False)
ENERGY = Objective("energy", unit="J", title="")
BOUNDS = {"error": (0.0, 0.9), "bytes": (100.0, 10_000.0), "depth": (0.0, 8.0), "energy": (1e-9, 1e-6)}


def test_spread_keeps_dominance_and_stands_an_error_of_zero() -> None:
    scaling = Scaling((ERROR, BYTES), BOUNDS)
    points = scaling.log_transform(np.array([[0.0, 100.0], [0.01, 100.0], [0.02, 50.0], [0.03, 60.0]]))
    assert np.isfinite(points).all()
    assert is_nondominated(points).tolist() == [True, False, True, False]
    assert points[2, 0] - points[1, 0] == pytest.approx(np.log(2))


def test_spread_tells_small_values_apart_and_leaves_plain_ones_alone() -> None:
    points = Scaling((ENERGY, DEPTH), BOUNDS).log_transform(np.array([[2e-9, -1.0], [1e-9, 0.0], [4e-9, 3.0]]))
    assert points[0, 0] - points[1, 0] == pytest.approx(np.log(2))
    assert points[2, 0] - points[0, 0] == pytest.approx(np.log(2))
    assert points[:, 1].tolist() == [-1, 0, 3]


def test_a_zero_where_a_logarithm_is_taken_is_finite() -> None:
    scaling = Scaling((ENERGY, BYTES), {"energy": (0.0, 1e-6), "bytes": (0.0, 0.0)})
    assert np.isfinite(scaling(np.array([[0.0, 0.0], [1e-6, 5.0]]))).all()


def test_scaling_maps_bounds_to_the_unit_box_and_keeps_dominance() -> None:
    scaling = Scaling((ERROR, BYTES), BOUNDS)
    scaled = scaling(np.array([[0.0, 100.0], [0.9, 10_000.0], [0.45, 1000.0]]))
    np.testing.assert_allclose(scaled, [[0, 0], [1, 1], [0.5, 0.5]])
    assert scaling.hypervolume(np.array([[0.45, 1000.0]])) == pytest.approx(0.25)
    assert scaling.hypervolume(np.zeros((0, 2))) == 0
    assert bounds_of({"a": [3, 1, 2]}) == {"a": (1.0, 3.0)}


@given(st.integers(-9, 9), st.integers(0, 9), st.lists(st.floats(-20, 20), min_size=2), st.booleans())
@example(0, 5, [-1e-3, 0.0, 1e-9, 1e-3, 1.0], True)
def test_no_value_loses_its_place(low: int, span: int, values: list[float], is_log: bool) -> None:
    """Zero and less neither, and by logarithm neither: else dominance would change."""
    column, bounds = np.unique(np.round(values, 9))[:, None], {"f": (float(low), float(low + span))}
    for unit in ("", "share"):
        one = Objective("f", unit=unit, title="", is_log=is_log)
        for scale in (Scaling((one,), bounds), Scaling((one,), bounds).log_transform):
            assert (np.diff(scale(column), axis=0) > 0).all()


def test_what_is_maximised_is_turned_once() -> None:
    more, many = (Objective("f", unit="", title="", is_log=is_log, is_maximised=True) for is_log in (False, True))
    plain = Scaling((more, BYTES), {"f": (-1.0, 3.0), **BOUNDS})
    np.testing.assert_allclose(plain(np.array([[3.0, 100.0], [-1.0, 10_000.0]])), [[0, 0], [1, 1]])
    assert plain.hypervolume(np.array([[1.0, 1000.0]])) == pytest.approx(0.25)
    assert plain.minimised(np.array([[2.0, 5.0]])).tolist() == [[-2.0, 5.0]]
    by_log = Scaling((many,), {"f": (1.0, 100.0)})
    np.testing.assert_allclose(by_log(np.array([[100.0], [10.0], [1.0]]))[:, 0], [0, 0.5, 1])
    assert by_log.log_transform(np.array([[1.0], [2.0]]))[:, 0].tolist() == [0, pytest.approx(-np.log(2))]


@given(st.integers(0, 200), st.sampled_from([2, 3, 4]))
def test_open_boxes_hold_what_a_front_leaves_open_and_nothing_twice(seed: int, n_objectives: int) -> None:
    """Drawn points lie in exactly one box if nothing dominates them, and in none otherwise."""
    rng = np.random.default_rng(seed)
    front, reference = rng.random((seed % 7, n_objectives)).round(1 + seed % 2), np.full(n_objectives, 0.9)
    lower, upper = open_boxes(front, reference_point=reference)
    drawn = rng.uniform(-0.2, 1.0, (400, n_objectives)) + 1e-7  # on no face of a box
    inside = ((drawn[:, None] > lower) & (drawn[:, None] < upper)).all(axis=2).sum(axis=1)
    is_dominated = (front[None] <= drawn[:, None]).all(axis=2).any(axis=1)
    assert (inside == (~is_dominated & (drawn < reference).all(axis=1))).all()
