"""Which convolutions leave codes to the one that reads them, in place of floats: of one network, or of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from objectives.device.numbers import flag, pick
from objectives.layer import BY_IMAGE, NO_CODES, Layer, Number
from objectives.objective import Layers

MOST_THRESHOLDS = 3  # of a filter; more take more bytes than the floats that they replace


@dataclass(frozen=True)
class Place:
    """A layer between those that it reads and those that read it; numbers are 0 or 1 unless it is said.

    Attributes:
        layer: It.
        is_fed: Whether what it reads lies there as its codes.
        is_fed_by_thresholds: Whether they were made without floats.
        has_codes: Whether it writes the codes of the convolution that reads it.
        has_thresholds: Whether it does so without floats.
        levels, norms, relus, codes: Of that convolution: how many codes, steps in front of it, and how codes are made.
    """

    layer: Layer
    is_fed: Number
    is_fed_by_thresholds: Number
    has_codes: Number
    has_thresholds: Number
    levels: Number
    norms: Number
    relus: Number
    codes: Number


def is_conv(layer: Layer) -> Number:
    """Whether it is a convolution, as 0 or 1."""
    return 0 if layer.module is None else flag(layer.weights > 0)


def reads_image(layer: Layer) -> Number:
    """Whether a convolution reads the numbers of an image as they come, as 0 or 1."""
    module = layer.module
    if module is None or "input" not in layer.inputs:
        return 0
    steps = module.norms_before + module.relus_before + module.has_pool
    return flag((module.codes == NO_CODES) & (steps == 0))


def has_whole_sums(layer: Layer) -> Number:
    """Whether a convolution adds up codes times codes, as 0 or 1."""
    assert layer.module is not None
    has_codes = (layer.module.codes != NO_CODES) | (reads_image(layer) == 1)
    return flag((layer.weight_levels != 0) & has_codes)


def places(layers: Layers) -> list[Place]:
    """All layers in their order; ``layers`` may stand for many networks."""
    facts: dict[str, dict[str, Any]] = {layer.name: {"n": 0, "handed_on": layer.is_handed_on * 1} for layer in layers}
    for layer in reversed(layers):
        own = facts[layer.name]
        is_there = _is_there(layer)
        for source, reads in zip(layer.inputs, _reads(layer), strict=True):
            if source not in facts:
                continue
            to, passes = facts[source], reads * flag(layer.is_left_out)
            views = reads * flag(layer.is_view) * (1 - passes)
            there = reads * is_there * (1 - passes) * (1 - views)
            to["n"] = to["n"] + there + passes * own["n"]
            to["handed_on"] = to["handed_on"] + views + passes * own["handed_on"]
            for name, number in _as_reader(layer).items():
                to[name] = to.get(name, 0) + there * number + passes * own.get(name, 0)
    found: list[Place] = []
    coded: dict[str, tuple[Number, Number]] = {}  # by name: whether its output is codes, made by thresholds
    for layer in layers:
        reads = list(zip(layer.inputs, _reads(layer), strict=True))
        fed = [sum((mask * coded[source][i] for source, mask in reads if source in coded), 0) for i in range(2)]
        place = _place(layer, facts[layer.name], fed)
        is_out = layer.is_left_out
        coded[layer.name] = pick(is_out, fed[0], place.has_codes), pick(is_out, fed[1], place.has_thresholds)
        found.append(place)
    return found


def _place(layer: Layer, reader: dict[str, Any], fed: list[Number]) -> Place:
    def of_reader(name: str) -> Number:
        return reader.get(name, 0)

    is_one = (reader["n"] == 1) & (reader["handed_on"] == 0) & (of_reader("can_be_fed") == 1)
    has_codes = flag(is_one) * is_conv(layer)
    has_thresholds: Number = 0
    if layer.module is not None:
        module = layer.module
        is_plain = (module.sums == 1) & (module.has_shortcut == 0) & (module.codes != BY_IMAGE)
        few = of_reader("levels") - 1 <= MOST_THRESHOLDS
        has_thresholds = has_codes * has_whole_sums(layer) * flag(is_plain & few)
    return Place(
        layer,
        fed[0] * is_conv(layer),
        fed[1] * is_conv(layer),
        has_codes,
        has_thresholds,
        levels=has_codes * of_reader("levels"),
        norms=has_codes * of_reader("norms"),
        relus=has_codes * of_reader("relus"),
        codes=has_codes * of_reader("codes"),
    )


def _as_reader(layer: Layer) -> dict[str, Number]:
    """What a layer's input must know of it."""
    module = layer.module
    if module is None:
        return {}
    has_codes = (module.codes != NO_CODES) & (module.codes != BY_IMAGE)
    can_be_fed = flag(has_codes & (module.has_pool == 0) & (module.has_shortcut == 0))
    return {
        "can_be_fed": can_be_fed * is_conv(layer),
        "levels": module.act_levels,
        "norms": module.norms_before,
        "relus": module.relus_before,
        "codes": module.codes,
    }


def _is_there(layer: Layer) -> Number:
    channels, height, width = layer.output_shape
    return flag(channels * height * width > 0)


def _reads(layer: Layer) -> list[Number]:
    return [flag(mask) for mask in layer.reads] if layer.reads else [1] * len(layer.inputs)
