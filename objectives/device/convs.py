"""What the layers tell of convolutions: which are some, what they read, and what codes they make of it."""

from __future__ import annotations

from objectives.device.numbers import flag
from objectives.layer import BY_IMAGE, NO_CODES, Layer, Number


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


def code_bits(layer: Layer) -> Number:
    """Bits of a code, where a convolution makes codes of its input number by number, and nothing else of it; else 0."""
    module = layer.module
    if module is None:
        return 0
    has_codes = (module.codes != NO_CODES) & (module.codes != BY_IMAGE)
    return layer.act_bits * flag(has_codes & (module.has_pool == 0) & (module.has_shortcut == 0)) * is_conv(layer)
