"""Bits of the weights alone: the number that papers quote as memory."""

from __future__ import annotations

from objectives.layer import Number
from objectives.objective import Layers, Objective


def weight_bits_only(layers: Layers) -> Number:
    """``sum over layers of weights * weight_bits``, with ternary as 2 bits and float as 32.

    Scales, thresholds, biases and batch norm are left out. So this is not what a file takes, which is
    :func:`objectives.model_size.model_size`; it is for comparing with papers that call it memory or size. CIFAR
    ResNet-20 has 268,336 weights: all ternary they are 536,672 bits, 0.067 MB.
    """
    return sum(layer.weights * layer.weight_bits for layer in layers)


WEIGHT_BITS_ONLY = Objective(name="weight_bits_only", unit="bits", title="weights alone", measure=weight_bits_only)
