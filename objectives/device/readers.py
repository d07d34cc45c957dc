"""Which convolutions leave codes to the one that reads them, in place of floats: of one network, or of many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from objectives.device.convs import has_whole_sums, is_conv, most_sum, reads_image
from objectives.device.numbers import flag, larger, pick
from objectives.device.storage import storage
from objectives.layer import BY_IMAGE, BY_SIGN, NO_CODES, Layer, Number, batch_size
from objectives.objective import Layers

LIMITED = 8  # bits of tensors
MOST_THRESHOLDS = 3  # of a filter; more take more bytes than the floats that they replace
FLOAT_BITS, MANTISSA = 32, 24  # of a float
NARROW = 2**15 - 1  # what thresholds of 16 bits hold


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
        has_limits: Whether it makes codes of a tensor without floats.
        has_whole_norm: Whether it makes codes of a tensor by a norm of whole numbers.
        has_whole_sums: Whether it makes numbers of a tensor of its sums without floats.
        is_wide: Whether its thresholds take 32 bits, and not 16.
        is_added: Whether a convolution is added to a sum as it is computed.
        is_made_early: Whether a sum is made while a convolution runs.
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
    has_limits: Number
    has_whole_norm: Number
    has_whole_sums: Number
    is_wide: Number
    is_added: Number
    is_made_early: Number


def places(layers: Layers) -> list[Place]:
    """All layers in their order; ``layers`` may stand for many networks."""
    if not layers:
        return []
    return _of_one(layers) if isinstance(layers, tuple) and batch_size(layers) is None else _places(layers)


@lru_cache(maxsize=4)
def _of_one(layers: tuple[Layer, ...]) -> list[Place]:
    return _places(layers)


def _places(layers: Layers) -> list[Place]:
    kept, n = storage(layers), batch_size(layers)
    columns = np.arange(kept.reader.shape[1])

    def plain(numbers: Any) -> Number:
        return numbers * 1 if n is not None else int(numbers[0])

    facts = {name: np.zeros(kept.reader.shape, dtype=np.int64) for name in ("levels", "norms", "relus", "codes")}
    by_thresholds = np.zeros(kept.reader.shape, dtype=np.int64)
    is_fed = np.zeros(kept.reader.shape, dtype=np.int64)
    is_fed_by_thresholds = np.zeros_like(is_fed)
    for index, layer in enumerate(layers):
        if layer.module is not None:
            module = layer.module
            own = (module.act_levels, module.norms_before, module.relus_before, module.codes)
            for name, number in zip(facts, own, strict=True):
                facts[name][index] = number
    of_reader = {name: np.take_along_axis(rows, kept.reader.clip(0), axis=0) for name, rows in facts.items()}
    for index, layer in enumerate(layers):
        has_codes = kept.is_coded[index]
        if layer.module is not None:
            module = layer.module
            is_plain = (module.sums == 1) & (module.has_shortcut == 0) & (module.codes != BY_IMAGE)
            few = of_reader["levels"][index] - 1 <= MOST_THRESHOLDS
            by_thresholds[index] = has_codes & few & (has_whole_sums(layer) == 1) & is_plain
        reader = kept.reader[index].clip(0)
        is_fed[reader, columns] |= has_codes
        is_fed_by_thresholds[reader, columns] |= by_thresholds[index]
    return [
        Place(
            layer,
            plain(is_fed[index]),
            plain(is_fed_by_thresholds[index]),
            plain(kept.is_coded[index]),
            plain(by_thresholds[index]),
            **{name: plain(rows[index] * kept.is_coded[index]) for name, rows in of_reader.items()},
            **_without_floats(layer, plain(is_fed[index]), plain(kept.is_coded[index])),
            is_added=plain(kept.is_added[index]),
            is_made_early=plain(kept.begin[index] < index),
        )
        for index, layer in enumerate(layers)
    ]


def _without_floats(layer: Layer, is_fed: Number, is_coded: Number) -> dict[str, Number]:
    """What it does by whole numbers between tensors of few bits, each 0 or 1.

    Where weights decide whether these are exact, they are taken to be; of sums, where tensors have 8 bits, since few
    are where they have 16.
    """
    module = layer.module
    if module is None or layer.reading is None:
        return dict.fromkeys(("has_limits", "has_whole_norm", "has_whole_sums", "is_wide"), 0)
    channels, height, width = layer.reading.source
    elements, levels = channels * height * width, module.act_levels
    has_codes = (module.codes != NO_CODES) & (module.codes != BY_IMAGE)
    reads = is_conv(layer) * (1 - is_fed) * flag(has_codes & (module.has_pool == 0)) * ("input" not in layer.inputs)
    few = flag((layer.input_bits < FLOAT_BITS * elements) & (module.norm_bits < FLOAT_BITS))
    per_channel = module.norm_bits + larger(module.norm_bits, 8)
    norm = flag((module.norms_before == 1) & (module.relus_before == 0)) * few
    norm = norm * flag((levels - 1 > MOST_THRESHOLDS) | (per_channel <= 16 * (levels - 1)))
    limits = flag((layer.input_bits == LIMITED * elements) & (levels - 1 <= MOST_THRESHOLDS)) * (1 - norm)
    bits = pick(module.takes_scales == 1, module.norm_bits, module.scale_bits)
    behind = (module.has_bias + module.has_shortcut + module.has_prelu + module.has_shuffle == 0) & (module.sums == 1)
    behind = behind & (module.norms_after == module.takes_scales) & (bits < FLOAT_BITS) & (layer.output_bits == LIMITED)
    behind = behind & ((module.norms_before > 0) | (module.codes == BY_SIGN))  # a code is worth 1
    small = most_sum(layer) << (larger(bits, 8) - 1) <= 2**MANTISSA
    sums = is_conv(layer) * has_whole_sums(layer) * (1 - is_coded) * (1 - reads_image(layer))
    return {
        "has_limits": reads * limits,
        "has_whole_norm": reads * norm,
        "has_whole_sums": sums * flag(has_codes & behind & small),
        "is_wide": flag(most_sum(layer) >= NARROW),
    }
