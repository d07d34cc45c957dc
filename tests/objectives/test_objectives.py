"""What every objective promises, over the whole table: names, units, laws of its measure, the form of arrays."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import objectives
from objectives import LATENCY, OBJECTIVES, Layer, Objective
from objectives.display import DISPLAYS
from tests.support.random_layers import COUNTS, batches, networks

ALL = [*OBJECTIVES.values(), LATENCY]
ANALYTIC = [objective for objective in ALL if objective.measure]
WIDTHS = ("weight_bits", "act_bits", "output_bits")


def count(objective: Objective, layers: list[Layer]) -> Any:
    assert objective.measure is not None
    return objective.measure(layers)


def test_the_table_is_keyed_by_name() -> None:
    assert [objective.name for objective in OBJECTIVES.values()] == list(OBJECTIVES)
    assert len({objective.title for objective in ALL}) == len(ALL)


def test_all_but_error_and_latency_are_counted() -> None:
    assert {objective.name for objective in ALL if not objective.is_analytic} == {"error", "latency"}


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: objective.name)
def test_what_json_keeps_displays_the_same(objective: Objective) -> None:
    again = Objective(**json.loads(json.dumps(objective.facts)))
    assert again == replace(objective, measure=None)
    assert again.unit in DISPLAYS
    assert again.display(0.25) == objective.display(0.25)


def test_a_users_own_objective_needs_four_things() -> None:
    carbon = Objective(name="carbon", unit="g", title="carbon", measure=len)
    assert carbon.is_log
    assert carbon.is_analytic
    assert carbon.display(12.3456) == "12.35 g"


@pytest.mark.parametrize("objective", ANALYTIC, ids=lambda objective: objective.name)
def test_no_layers_cost_nothing(objective: Objective) -> None:
    assert count(objective, []) == 0


@settings(deadline=None)
@given(layers=networks(min_size=1), data=st.data())
def test_more_of_anything_never_costs_less(layers: list[Layer], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(layers) - 1))
    name = data.draw(st.sampled_from([*COUNTS, *WIDTHS]))
    doubled = 2 * getattr(layers[index], name)
    more = [*layers]
    more[index] = replace(layers[index], **{name: min(doubled, 32) if name in WIDTHS else doubled})
    for objective in ANALYTIC:
        assert count(objective, more) >= count(objective, layers) >= 0, objective.name


@settings(max_examples=40, deadline=None)
@given(batches())
def test_many_networks_at_once_cost_what_they_cost_one_by_one(batch: tuple[list[Layer], list[list[Layer]]]) -> None:
    together, alone = batch
    for objective in ANALYTIC:
        costs = np.broadcast_to(count(objective, together), len(alone))
        assert costs.tolist() == [count(objective, layers) for layers in alone], objective.name


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(objectives.__path__)])
def test_the_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"objectives.{name}")).failed == 0
