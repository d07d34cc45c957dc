"""Memory that exported C needs for a convolution beside its tensors: of one network, or of many.

As :mod:`evonas.export.c.kernels.choice` has it; a test compares the two for every network that tests export.
"""

from __future__ import annotations

import numpy as np

from objectives.device.convs import has_front, is_conv
from objectives.device.kernels import PASS, WIDTHS, Sizes, kernels, sizes
from objectives.device.numbers import flag, is_among, larger, pick, smaller
from objectives.layer import BY_IMAGE, NO_CODES, Layer, Number

CELL = 4  # bytes
WORD = 32  # bits
IN_PLANES = 2  # bits of codes up to which the bits of equal weight lie together
LEAST_FILTERS, SHARE = 4, 32  # whose weights are unpacked at a time, or as many as take this part of the tensors
STORED = tuple(2**width for width in WIDTHS)  # levels of weights that are multiplied as they are stored


def code_cells(elements: Number, bits: Number) -> Number:
    """Cells that codes take."""
    return pick(bits <= IN_PLANES, bits * -(-elements // WORD), -(-elements * bits // WORD))


def work_cells(layer: Layer) -> Number:
    """Cells of the codes or floats that a convolution makes of its input before it begins."""
    if layer.module is None or layer.reading is None:
        return 0
    one = sizes(layer)
    cells = pick(one.module.codes == NO_CODES, one.elements, code_cells(one.elements, layer.act_bits))
    return cells * is_conv(layer) * has_front(layer) * (1 - makes_rows(layer))


def makes_rows(layer: Layer) -> Number:
    """Whether a convolution may make codes row by row while it runs, since it reads each row once: 0 or 1."""
    module = layer.module
    if module is None:
        return 0
    found = kernels(layer)
    is_by_words = sum(found[f"words_{width}"] for width in WIDTHS)
    has_codes = flag((module.codes != NO_CODES) & (module.codes != BY_IMAGE) & (module.has_pool == 0))
    return is_by_words * flag(is_among(layer.weight_levels, STORED)) * has_codes


def scratch_cells(layer: Layer) -> Number:
    """Cells of sums, unpacked rows and weights, where as few filters as possible are computed at a time."""
    if layer.module is None or layer.reading is None:
        return 0
    found: Number = 0
    for name, mask in kernels(layer).items():
        if not (mask.any() if isinstance(mask, np.ndarray) else mask):
            continue
        found = found + mask * _cells_of(layer, name)
        if name == "adds":  # weights, which nobody knows yet, may decide for another one
            others = larger(_cells_of(layer, "bits_planes"), _cells_of(layer, "words_2"))
            found = larger(found, mask * others)
    return found * is_conv(layer)


def _cells_of(layer: Layer, name: str) -> Number:
    one = sizes(layer)
    channels, groups = one.reading.source[0], one.reading.groups
    turned = 1 + flag((groups > 1) & (groups < one.filters) & (one.module.has_shuffle == 1))
    sums, patch, weights, least = _PARTS[name.partition("_")[0]](layer, one, name, turned)
    of_tensors = (channels * one.pixels + one.area * one.filters) // SHARE // larger(sums + weights, 1)
    filters = smaller(one.filters, larger(larger(least, 1), of_tensors))
    filters = pick((groups > 1) | (least == 0), one.filters, filters)
    front = channels * has_front(layer)
    before = larger(sums * filters, front * makes_rows(layer))
    return larger(front, before + patch + weights * filters)


def _floats(layer: Layer, one: Sizes, name: str, turned: Number) -> tuple[Number, Number, Number, Number]:
    del name
    sums = one.module.sums
    weights = sums * one.length * flag(layer.weight_levels > 0)
    return sums * turned, one.length, weights, flag(layer.weight_levels > 0)


def _depthwise(layer: Layer, one: Sizes, name: str, turned: Number) -> tuple[Number, Number, Number, Number]:
    del name, turned
    pairs, kept = -(-one.filters // 2), one.reading.dilation * (one.reading.kernel[0] - 1) + 1
    columns = pick(one.module.has_pool, 1, one.reading.source[2])
    weights = -(-one.module.sums * one.length * pairs // larger(one.filters, 1))
    return one.module.sums, 2 * one.length + kept * columns * pairs, weights, 0


def _adds(layer: Layer, one: Sizes, name: str, turned: Number) -> tuple[Number, Number, Number, Number]:
    del name, turned
    width, stride = layer.output_shape[2], one.reading.stride[1]
    line = (-(-width // 8) * 8 + one.reading.dilation * (one.reading.kernel[1] - 1) // stride + 3) // 4
    lines = (one.reading.dilation * (one.reading.kernel[0] - 1) + 1) * stride * one.reading.source[0] * line
    places = 3 + (one.length + 1) // 2
    return one.module.sums * smaller(width, PASS), lines, places * one.planes, LEAST_FILTERS


def _bits(layer: Layer, one: Sizes, name: str, turned: Number) -> tuple[Number, Number, Number, Number]:
    words, sums = -(-one.length // WORD), one.module.sums
    patch = (layer.act_bits + 1) * words
    if name == "bits_binary":
        return sums * turned, patch, sums * flag(one.length % WORD > 0), 0
    return sums * turned, patch, sums * (2 + 2 * words), LEAST_FILTERS


def _words(layer: Layer, one: Sizes, name: str, turned: Number) -> tuple[Number, Number, Number, Number]:
    per_word, sums = WORD // int(name.rpartition("_")[2]), one.module.sums
    is_by_sign = flag((sums > 1) & (one.planes == 1))
    is_stored = flag(is_among(layer.weight_levels, STORED)) * (1 - is_by_sign)
    pixels, kept = smaller(one.area, 2), one.reading.dilation * (one.reading.kernel[0] - 1) + 1
    columns = pick(one.module.has_pool, 1, one.reading.source[2])
    words = -(-one.length // per_word)
    patch = pixels * words * per_word // 2 + kept * -(-columns * one.reading.source[0] // 2)
    weights = sums * pick(is_stored, flag(one.length % per_word > 0), words)
    return pixels * sums * turned, patch, weights, LEAST_FILTERS * (1 - is_stored)


_PARTS = {"words": _words, "bits": _bits, "adds": _adds, "depthwise": _depthwise, "floats": _floats}
