"""What the layers tell of convolutions: which are some, what they read, and what codes they make of it."""

from __future__ import annotations

from objectives.device.numbers import flag, larger, pick
from objectives.layer import BY_IMAGE, NO_CODES, Layer, Number

ONE_SCALE = 4  # bytes, at the most


def is_conv(layer: Layer) -> Number:
    """Whether it is a convolution, as 0 or 1."""
    return 0 if layer.module is None else flag(layer.weights > 0)


def has_front(layer: Layer) -> Number:
    """Whether something stands in front of a convolution, as 0 or 1."""
    module = layer.module
    if module is None:
        return 0
    return flag((module.codes != NO_CODES) | (module.norms_before + module.relus_before + module.has_pool > 0))


def reads_image(layer: Layer) -> Number:
    """Whether a convolution reads the numbers of an image as they come, as 0 or 1."""
    if layer.module is None or "input" not in layer.inputs:
        return 0
    return (1 - has_front(layer)) * flag(layer.module.has_shortcut == 0)


def has_whole_sums(layer: Layer) -> Number:
    """Whether a convolution adds up codes times codes, as 0 or 1."""
    assert layer.module is not None
    has_codes = (layer.module.codes != NO_CODES) | (reads_image(layer) == 1)
    return flag((layer.weight_levels != 0) & has_codes)


def scales_filters(layer: Layer) -> Number:
    """Whether sums are multiplied by a scale for each filter, as the bytes of scales tell: 0 or 1."""
    return flag(layer.scale_bytes > ONE_SCALE)


def most_sum(layer: Layer) -> Number:
    """What no sum of codes can exceed, whatever the weights are."""
    module, reading, levels = layer.module, layer.reading, layer.weight_levels
    assert module is not None
    assert reading is not None
    length = reading.source[0] // larger(reading.groups, 1) * reading.kernel[0] * reading.kernel[1]
    codes = pick(module.is_signed == 1, module.act_levels // 2, module.act_levels - 1)
    return length * pick(levels == 3, 1, levels - 1) * pick(reads_image(layer) == 1, 255, codes)


def code_bits(layer: Layer) -> Number:
    """Bits of a code, where a convolution makes codes of its input number by number, and nothing else of it; else 0."""
    module = layer.module
    if module is None:
        return 0
    has_codes = (module.codes != NO_CODES) & (module.codes != BY_IMAGE)
    return layer.act_bits * flag(has_codes & (module.has_pool == 0) & (module.has_shortcut == 0)) * is_conv(layer)
