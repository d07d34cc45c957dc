"""Where codes lie between layers: with the only convolution that reads them, whatever hands them on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from objectives import Layer
from objectives.device.readers import places
from objectives.layer import BY_DIVISION, Module, Reading

IMAGE = Layer("input", "input", (), (4, 3, 3), output_bits=8)
FIRST = np.array([True, False])  # of two networks


def conv(name: str, source: str, **more: Any) -> Layer:
    module = Module(codes=BY_DIVISION, act_levels=4)
    numbers = {"weights": 16, "weight_levels": 4, "weight_bits": 2, "act_bits": 2} | more
    return Layer(name, "conv", (source,), (4, 3, 3), reading=Reading((4, 3, 3)), module=module, **numbers)


def lacking(name: str, source: str, **more: Any) -> Layer:
    """A convolution that the second of two networks has."""
    layer = conv(name, source, weights=np.array([0, 16]), is_view=FIRST, **more)
    return replace(layer, output_shape=(np.array([0, 4]), 3, 3))


def codes_of(layers: list[Layer], name: str) -> list[int]:
    """In each of two networks: whether a layer writes codes, by thresholds; whether the last one is fed some."""
    found = {place.layer.name: place for place in places(layers)}
    assert np.array_equal(found[name].has_thresholds, found[name].has_codes)
    return [*np.broadcast_to(found[name].has_codes, 2).tolist(), *np.broadcast_to(found["c"].is_fed, 2).tolist()]


def test_a_convolution_leaves_codes_to_the_only_one_that_reads_it() -> None:
    assert codes_of([IMAGE, conv("a", "input"), conv("c", "a")], "a") == [1, 1, 1, 1]
    other = Layer("b", "max_pool", ("a",), (4, 3, 3))
    assert codes_of([IMAGE, conv("a", "input"), other, conv("c", "a")], "a") == [0, 0, 0, 0]


def test_a_layer_that_a_network_lacks_or_that_hands_on_stands_between_none() -> None:
    """In the first network a view of the first convolution, in the second a convolution."""
    view = lacking("b", "a")
    assert codes_of([IMAGE, conv("a", "input"), view, conv("c", "b")], "a") == [1, 1, 1, 1]
    assert codes_of([IMAGE, conv("a", "input"), view, conv("c", "b")], "b")[:2] == [0, 1]
    other = Layer("d", "max_pool", ("a",), (4, 3, 3))
    assert codes_of([IMAGE, conv("a", "input"), view, other, conv("c", "b")], "a")[:2] == [0, 0]
