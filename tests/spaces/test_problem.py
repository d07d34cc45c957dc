"""A user's own function as a search space: choices keep their types, ranges read well, mistakes are told."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import evonas
from evonas import FloatRange, Gene, IntRange, Problem
from evonas.errors import RunFileError

GIVEN: dict[str, Any] = {
    "use_bn": (True, False),
    "depth": (2, 4, 8),
    "lr": (1e-3, 1e-2),
    "op": ("conv", None, "False"),
    "width": np.array([16, 32]),
    "one": [7],
}


def test_a_function_gets_the_very_choices_that_were_given() -> None:
    problem = Problem(GIVEN, lambda chosen: {"seen": hash(repr(chosen))}, objectives=["seen"])
    first, second = problem.chosen(problem.repair([0] * 6)), problem.chosen(problem.repair([1, 2, 1, 2, 1, 0]))
    assert repr(first) == "{'use_bn': True, 'depth': 2, 'lr': 0.001, 'op': 'conv', 'width': 16, 'one': 7}"
    assert repr(second) == "{'use_bn': False, 'depth': 8, 'lr': 0.01, 'op': 'False', 'width': 32, 'one': 7}"
    assert problem.look_up(problem.repair([0] * 6)) == {"seen": hash(repr(first))}
    assert [gene.is_ordered for gene in problem.genes] == [False, True, True, False, True, False]


def test_count_gets_them_too() -> None:
    problem = Problem(GIVEN, dict, objectives=["cost"], count=lambda chosen: {"cost": chosen["depth"] << 1})
    assert problem.count(problem.repair([0, 2, 0, 0, 0, 0])) == {"cost": 16}


def test_genes_without_values_hand_over_their_labels() -> None:
    problem = Problem([Gene("a", ("x", "y"), is_ordered=True)], dict, objectives=["cost"])
    assert problem.chosen(problem.repair([1])) == {"a": "y"}
    assert problem.genes[0].is_ordered


@pytest.mark.parametrize("low", [-2.0, 0.0, 1e-3, 7.5, 1e6])
@pytest.mark.parametrize("span", [1e-6, 0.3, 1.0, 1e5])
@pytest.mark.parametrize("n", [2, 3, 11, 1000])
@pytest.mark.parametrize("is_log", [False, True])
def test_numbers_of_a_range_are_distinct_evenly_spread_and_short(low: float, span: float, n: int, is_log: bool) -> None:
    if (is_log and low <= 0) or span / n < 1e-11 * low:
        return
    high = low + span
    values = FloatRange(low, high, n, is_log=is_log).values
    exact = np.geomspace(low, high, n) if is_log else np.linspace(low, high, n)
    assert len(set(map(str, values))) == len(values) == n
    assert (values[0], values[-1]) == (low, high)
    assert np.abs(values - exact).max() <= 2e-3 * np.diff(exact).max()
    assert all(one < two for one, two in pairwise(values))


def test_ranges_read_as_people_write_numbers() -> None:
    assert list(map(str, FloatRange(1e-4, 1.0, 5, is_log=True).values)) == ["0.0001", "0.001", "0.01", "0.1", "1.0"]
    assert list(map(str, FloatRange(-1, 1, 21).values))[8:13] == ["-0.2", "-0.1", "0.0", "0.1", "0.2"]
    assert list(map(str, FloatRange(0, 1, 4).values)) == ["0.0", "0.3333", "0.6667", "1.0"]
    assert IntRange(1, 6).values == (1, 2, 3, 4, 5, 6)
    assert IntRange(1, 6, step=2).values == (1, 3, 5)
    assert IntRange(8, 512, n=7, is_log=True).values == (8, 16, 32, 64, 128, 256, 512)
    assert IntRange(1, 10, n=8, is_log=True).values == (1, 2, 3, 4, 5, 7, 10)
    problem = Problem({"lr": FloatRange(0.1, 0.3, 3), "n": IntRange(3, 4)}, dict, objectives=["cost"])
    assert [gene.choices for gene in problem.genes] == [("0.1", "0.2", "0.3"), ("3", "4")]
    assert all(gene.is_ordered for gene in problem.genes)
    assert [type(value) for value in problem.chosen(problem.repair([1, 1])).values()] == [float, int]


@pytest.mark.parametrize(
    "make",
    [
        lambda: IntRange(3, 3),
        lambda: IntRange(True, 3),
        lambda: IntRange(1, 2.5),  # type: ignore[arg-type]
        lambda: IntRange(0, 8, n=3, is_log=True),
        lambda: IntRange(1, 8, is_log=True),
        lambda: IntRange(1, 8, step=0),
        lambda: IntRange(1, 8, step=9),
        lambda: IntRange(1, 8, step=2, n=3),
        lambda: IntRange(0, 10**9),
        lambda: FloatRange(1.0, 0.5, 3),
        lambda: FloatRange(math.nan, 1.0, 3),
        lambda: FloatRange(0.0, math.inf, 3),
        lambda: FloatRange(0.0, 1.0, 3, is_log=True),
        lambda: FloatRange(0.0, 1.0, 1),
        lambda: FloatRange(0.0, 1.0, True),
        lambda: FloatRange(0.0, 1.0, 10**9),
        lambda: FloatRange(1.0, 1.0 + 1e-12, 11),
        lambda: FloatRange(-1.7e308, 1.7e308, 11),
        lambda: FloatRange(False, 1.0, 3),
        lambda: FloatRange("0", 1.0, 3),  # type: ignore[arg-type]
    ],
)
def test_impossible_ranges_are_explained(make: Any) -> None:
    with pytest.raises(RunFileError, match=r"wanted: .*\nfound: .*\nto do: "):
        make()


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        ({}, "at least one gene"),
        ({"a": ()}, "a choice of each"),
        ({"a": "xyz"}, "a list of choices for gene a"),
        ({"a": {1, 2}}, "a list of choices for gene a"),
        ({"a": (1, 2, 1)}, "choices of gene a that differ"),
        ({"a": (1, True)}, "choices of gene a that differ"),
        ({"a": (0, 0.0)}, "choices of gene a that differ"),
        ({"a": (1, "1")}, "choices of gene a that differ"),
        ({"a": (math.nan, 1.0)}, "choices of gene a that are finite numbers"),
        ({"a": (dict, list)}, "choices of gene a that are finite numbers"),
        ({1: ("x", "y")}, "names of genes as texts"),
        ([Gene("a", ("x",)), Gene("a", ("y",))], "genes that differ"),
        ([Gene("a", ("x", "x"))], "choices of gene a that differ"),
        ([Gene("a", ("x", "y"), values=(1,))], "a value for each choice"),
    ],
)
def test_impossible_genes_are_explained(genes: Any, message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        evonas.Problem(genes, dict, objectives=["cost"])
