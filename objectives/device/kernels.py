"""The kernel of exported C that computes a convolution, as its layer tells: of one network, or of many."""

from __future__ import annotations

from dataclasses import dataclass

from objectives.device.convs import has_whole_sums, is_conv, reads_image
from objectives.device.numbers import flag, larger, pick
from objectives.layer import Layer, Module, Number, Reading

WIDTHS = (1, 2, 4, 8)  # bits of a weight, as kernels multiply them
KERNELS = ("floats", "depthwise", "adds", "bits_binary", "bits_planes", *(f"words_{width}" for width in WIDTHS))
MOST_PLANES, MOST_BITS_TO_ADD, MOST_BYTES, PASS = 2, 4, 2**16 - 1, 16
ADD, LIST, COUNT, MULTIPLY = 0.5, 4, 0.6, 1.5  # instructions: for a pixel, a place, a bit of 32 products, a product


@dataclass(frozen=True)
class Sizes:
    """Numbers of a convolution.

    Attributes:
        reading, module: Of its layer.
        filters, area, length: Filters, pixels of the output, weights of a filter.
        pixels, elements: Of what its sums read: one pixel behind a pool.
        planes: Kernels that stand for one.
    """

    reading: Reading
    module: Module
    filters: Number
    area: Number
    length: Number
    pixels: Number
    elements: Number
    planes: Number


def sizes(layer: Layer) -> Sizes:
    """Sizes of a layer that is a convolution in some networks; 0 filters in others."""
    reading, module = layer.reading, layer.module
    assert reading is not None
    assert module is not None
    filters, height, width = layer.output_shape
    channels, rows, columns = reading.source
    filters = filters * is_conv(layer)
    length = channels // larger(reading.groups, 1) * reading.kernel[0] * reading.kernel[1]
    pixels = pick(module.has_pool, 1, rows * columns)
    planes = layer.weights // larger(filters * length, 1)
    return Sizes(reading, module, filters, height * width, length, pixels, channels * pixels, planes)


def kernels(layer: Layer) -> dict[str, Number]:
    """Which kernel computes it, as a 1 among zeros; only zeros where it is no convolution.

    As :func:`evonas.export.c.kernels.choice.choose` decides it from weights; of ternary ones a share is taken to be
    zero here.
    """
    found: dict[str, Number] = dict.fromkeys(KERNELS, 0)
    if layer.module is None or layer.reading is None:
        return found
    one = sizes(layer)
    reading, module = one.reading, one.module
    channels, levels, from_image = reading.source[0], layer.weight_levels, reads_image(layer)
    is_by_sign = (module.sums > 1) & (one.planes == 1)
    bits = pick(from_image, 8, layer.act_bits)
    conditions = {
        "floats": has_whole_sums(layer) == 0,
        "depthwise": (from_image == 0) & (reading.groups == one.filters) & (channels == one.filters) & (channels > 1),
        "adds": (from_image == 0) & _adds_are_fewer(layer, one),
        "bits_binary": (from_image == 0) & (levels == 2) & (bits == 1),
        "bits_planes": (from_image == 0) & (levels <= 3) & (bits <= MOST_PLANES),
        "words_1": (levels == 2) | ((levels == 3) & is_by_sign),
        "words_2": levels <= 4,
        "words_4": levels <= 16,
        "words_8": levels > 0,
    }
    left = is_conv(layer)
    for name, condition in conditions.items():
        found[name] = left * flag(condition)
        left = left - found[name]
    return found


def _adds_are_fewer(layer: Layer, one: Sizes) -> Number:
    reading, module = one.reading, one.module
    width, area = larger(layer.output_shape[2], 1), larger(one.area, 1)
    bits, stride = layer.act_bits, reading.stride[1]
    line = (-(-width // 8) * 8 + reading.dilation * (reading.kernel[1] - 1) // stride + 3) // 4
    lines = (reading.dilation * (reading.kernel[0] - 1) + 1) * stride * reading.source[0] * line
    fits = (4 * lines <= MOST_BYTES) & (one.length * larger(module.act_levels - 1, 1) < 2**15)
    rest = width % PASS
    pixels = width // PASS * PASS + pick(rest > 8, PASS, pick(rest > 0, 8, 0))
    per_mac = module.percent_not_zero / 100 * (ADD * pixels + LIST * -(-width // PASS)) / width
    otherwise = pick(bits <= MOST_PLANES, COUNT * bits, MULTIPLY)
    is_open = (layer.weight_levels == 3) & (reading.groups == 1) & (bits <= MOST_BITS_TO_ADD) & (module.has_pool == 0)
    return is_open & fits & (per_mac * (1 + LIST / area) < otherwise)
