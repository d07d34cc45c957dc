"""Counts of a convolution with its module: integers for one layer, or arrays for many networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.precision import Precision
from evonas.architecture.scheme import Scheme
from evonas.architecture.stored_numbers import FLOATS, NumberFacts, vector_bytes
from objectives import Layer
from objectives.device.numbers import flag, pick
from objectives.layer import BY_DIVISION, BY_IMAGE, BY_SIGN, BY_THRESHOLDS, NO_CODES, Module, Reading

Number = Any
"""An int, or an array ``(n,)`` of int64 with one entry per network."""
STORED = ("scale_bytes", "threshold_bytes", "norm_bytes", "bias_bytes")


class WeightFacts(NamedTuple):
    """What counts need to know of a weight precision; see :class:`evonas.architecture.methods.Method`."""

    levels: Number
    bits: Number
    planes: Number
    sums: Number
    percent_not_zero: Number
    stored: Number
    stored_per_filter: Number
    parameters: Number


class ActFacts(NamedTuple):
    """What counts need to know of an activation precision; see :class:`evonas.architecture.methods.Method`."""

    bits: Number
    levels: Number
    codes: Number  # see objectives.layer.Module
    is_signed: Number
    stored: Number
    stored_folded: Number  # where a norm takes up the step
    flops_per_element: Number
    parameters: Number


class ModuleFacts(NamedTuple):
    """What counts need to know of a module's steps: batch norms before and after the convolution, other steps."""

    norms_before: Number
    norms_after: Number
    folded_before: Number  # norms and standardizations
    folded_after: Number
    takes_scales: Number  # whether a norm stands right behind the convolution
    relus_before: Number
    relus_after: Number
    has_quant: Number
    has_pool: Number
    has_shortcut: Number
    has_prelu: Number
    has_shuffle: Number


Facts = TypeVar("Facts", WeightFacts, ActFacts, ModuleFacts)


def weight_facts(precision: Precision, scheme: Scheme) -> WeightFacts:
    """Look up a weight precision."""
    method = scheme.weight(precision)
    if method is None:
        return WeightFacts(precision.levels, precision.bits, 1, 1, 100, 0, 0, 0)
    shared, per_filter = (0, method.stored) if method.is_stored_per_filter else (method.stored, 0)
    sums = max(method.planes, shared, 1)  # scales of all filters belong to a sum each: of a plane, or of a sign
    kept = method.percent_not_zero if precision.levels == 3 else 100
    return WeightFacts(precision.levels, precision.bits, method.planes, sums, kept, shared, per_filter, method.learned)


def act_facts(precision: Precision, scheme: Scheme) -> ActFacts:
    """Look up an activation precision."""
    method = scheme.act(precision)
    if method is None:
        return ActFacts(precision.bits, precision.levels, NO_CODES, 0, 0, 0, 0, 0)
    codes = BY_SIGN if precision.bits == 1 else BY_THRESHOLDS if method.is_compared else BY_DIVISION
    codes = BY_IMAGE if method.flops_per_element else codes
    folded = int(codes == BY_THRESHOLDS and not method.is_signed)  # the first threshold, in steps
    return ActFacts(
        precision.bits,
        precision.levels,
        codes,
        int(method.is_signed),
        method.stored,
        folded,
        method.flops_per_element,
        method.learned,
    )


def module_facts(steps: Sequence[str]) -> ModuleFacts:
    """Count a module's steps."""
    conv = steps.index("conv")
    before, after, steps = list(steps[:conv]), list(steps[conv:]), tuple(steps)
    return ModuleFacts(
        before.count("norm"),
        after.count("norm"),
        before.count("norm") + before.count("standardize"),
        after.count("norm") + after.count("standardize"),
        int(steps[conv + 1 : conv + 2] in (("norm",), ("standardize",))),
        before.count("relu"),
        after.count("relu"),
        int("quant" in steps),
        int("pool" in steps),
        int("shortcut" in steps),
        int("prelu" in steps),
        int("shuffle" in steps),
    )


def take(facts: Sequence[Facts], index: NDArray[np.int64]) -> Facts:
    """Facts of many networks: entry ``index[i]`` of the table for network ``i``."""
    kind = type(facts[0])
    return kind(*(np.array(column, dtype=np.int64)[index] for column in zip(*facts, strict=True)))


def conv_layer(
    name: str,
    *,
    op: str = "conv",
    inputs: tuple[str, ...],
    reading: Reading,
    channels: Number,
    height: Number,
    width: Number,
    weight: WeightFacts,
    act: ActFacts,
    module: ModuleFacts,
    has_bias: Number = 0,
    input_bits_each: Number = 32,
    output_bits: Number = 32,
    numbers: NumberFacts = FLOATS,
) -> Layer:
    """Count a convolution with its module.

    Args:
        name, op, inputs: Those of the layer.
        reading: What it reads.
        channels, height, width: Those of the output.
        weight, act, module: The facts that are counted.
        has_bias: Whether there is a bias, as 0 or 1.
        input_bits_each, output_bits: Stored bits of an element of the input, of the output.
        numbers: How what is no weight is stored; see :mod:`evonas.nets.freeze` for what a norm takes up.
    """
    source_channels, source_height, source_width = reading.source
    source_pixels = source_height * source_width
    quantized = source_channels * (source_pixels * (1 - module.has_pool) + module.has_pool)
    latents = channels * (source_channels // reading.groups) * reading.kernel[0] * reading.kernel[1]
    weights = latents * weight.planes
    others = channels * (has_bias + 3 * module.has_prelu)
    affine = 2 * (module.norms_before * source_channels + module.norms_after * channels)
    norms = [(module.folded_before, source_channels), (module.folded_after, channels)]
    takes_bias = module.takes_scales * (1 - module.has_shuffle)
    takes_scales = takes_bias * (weight.sums == 1)
    scales = (weight.stored + weight.stored_per_filter * channels) * (1 - takes_scales)
    thresholds = pick(module.folded_before > 0, act.stored_folded, act.stored) * module.has_quant
    biases = channels * has_bias * (1 - takes_bias)
    norm_bytes = [sum(vector_bytes(there * n, bits) for bits in numbers[:2]) for there, n in norms]
    scale_bytes, bias_bytes = vector_bytes(scales, numbers.scale), vector_bytes(biases, numbers.other)
    bias_bytes = bias_bytes + 3 * vector_bytes(channels * module.has_prelu, numbers.norm_shift)
    is_step_stored = flag(act.stored > 0) * (1 - flag(module.folded_before > 0)) * module.has_quant
    return Layer(
        name,
        op,
        inputs,
        (channels, height, width),
        output_bits=output_bits,
        input_bits=source_channels * source_pixels * input_bits_each,
        macs=weights * height * width,
        weights=weights,
        weight_levels=weight.levels,
        weight_bits=weight.bits,
        act_bits=act.bits,
        float_ops=quantized * act.flops_per_element * module.has_quant,
        scale_bytes=scale_bytes,
        threshold_bytes=vector_bytes(thresholds, numbers.other),
        norm_bytes=sum(norm_bytes),
        bias_bytes=bias_bytes,
        parameters=latents + affine + others + weight.parameters + act.parameters * module.has_quant,
        reading=reading,
        module=Module(
            weight.sums,
            weight.percent_not_zero,
            act.codes * module.has_quant,
            act.levels * module.has_quant,
            act.is_signed * module.has_quant,
            module.folded_before,
            module.relus_before + module.has_quant * (act.codes == NO_CODES),
            module.has_pool,
            has_bias * (1 - takes_bias),
            module.folded_after,
            module.relus_after,
            module.has_shortcut,
            module.has_prelu,
            module.has_shuffle,
            takes_scales,
            numbers.norm_scale,
            numbers.scale,
            norm_bytes[0],
            vector_bytes(is_step_stored, numbers.other),
            scale_bytes + norm_bytes[1] + bias_bytes,
        ),
    )


def times(layer: Layer, mask: NDArray[np.int64]) -> Layer:
    """Every count of a layer times 0 or 1: nothing where a network lacks it."""
    channels, height, width = layer.output_shape
    counts = ("input_bits", "macs", "weights", "float_ops", *STORED, "parameters")
    return replace(
        layer, output_shape=(channels * mask, height, width), **{name: getattr(layer, name) * mask for name in counts}
    )
