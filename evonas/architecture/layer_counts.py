"""Counts of a convolution with its module: integers for one layer, or arrays for many networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.precision import Precision
from evonas.architecture.scheme import Scheme
from objectives import Layer
from objectives.storage import IN_PLANES, WORD

Number = Any
"""An int, or an array ``(n,)`` of int64 with one entry per network."""


class WeightFacts(NamedTuple):
    """What counts need to know of a weight precision; see :class:`evonas.architecture.methods.Method`."""

    levels: Number
    bits: Number
    planes: Number
    stored: Number
    stored_per_filter: Number
    parameters: Number


class ActFacts(NamedTuple):
    """What counts need to know of an activation precision; see :class:`evonas.architecture.methods.Method`."""

    bits: Number
    stored: Number
    flops_per_element: Number
    parameters: Number
    code_bits: Number  # of codes that are made number by number; 0: none are


class ModuleFacts(NamedTuple):
    """What counts need to know of a module's steps: batch norms before and after the convolution, other steps."""

    norms_before: Number
    norms_after: Number
    folded_before: Number  # norms and standardizations
    folded_after: Number
    has_front: Number
    has_quant: Number
    has_pool: Number
    has_prelu: Number
    is_elementwise: Number  # whether what stands in front of the convolution, and all that reads its input, is so


WORD_LEVELS = (2, 4, 16, 256)  # of weights of which a whole number fits into 16 bits
ELEMENTWISE = {"norm", "standardize", "relu", "quant"}
Facts = TypeVar("Facts", WeightFacts, ActFacts, ModuleFacts)


def weight_facts(precision: Precision, scheme: Scheme) -> WeightFacts:
    """Look up a weight precision."""
    method = scheme.weight(precision)
    if method is None:
        return WeightFacts(precision.levels, precision.bits, 1, 0, 0, 0)
    shared, per_filter = (0, method.stored) if method.is_stored_per_filter else (method.stored, 0)
    return WeightFacts(precision.levels, precision.bits, method.planes, shared, per_filter, method.learned)


def act_facts(precision: Precision, scheme: Scheme) -> ActFacts:
    """Look up an activation precision."""
    method = scheme.act(precision)
    if method is None:
        return ActFacts(precision.bits, 0, 0, 0, 0)
    code_bits = 0 if method.flops_per_element else precision.bits
    return ActFacts(precision.bits, method.stored, method.flops_per_element, method.learned, code_bits)


def module_facts(steps: Sequence[str]) -> ModuleFacts:
    """Count a module's steps."""
    conv = steps.index("conv")
    before, after = list(steps[:conv]), list(steps[conv:])
    return ModuleFacts(
        before.count("norm"),
        after.count("norm"),
        before.count("norm") + before.count("standardize"),
        after.count("norm") + after.count("standardize"),
        int(conv > 0),
        int("quant" in steps),
        int("pool" in steps),
        int("prelu" in steps),
        int({*before} <= ELEMENTWISE and "quant" in before and "shortcut" not in steps),
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
    source_channels: Number,
    source_pixels: Number,
    channels: Number,
    height: Number,
    width: Number,
    kernel_area: Number,
    groups: Number,
    weight: WeightFacts,
    act: ActFacts,
    module: ModuleFacts,
    has_bias: Number = 0,
    input_bits_each: Number = 32,
    output_bits: Number = 32,
) -> Layer:
    """Count a convolution with its module.

    Args:
        name, op, inputs: Those of the layer.
        source_channels, source_pixels: Those of the input; pixels are height times width.
        channels, height, width: Those of the output.
        kernel_area, groups: Those of the convolution; the area is height times width of the kernel.
        weight, act, module: The facts that are counted.
        has_bias: Whether there is a bias, as 0 or 1.
        input_bits_each, output_bits: Stored bits of an element of the input, of the output.
    """
    quantized = source_channels * (source_pixels * (1 - module.has_pool) + module.has_pool)
    latents = channels * (source_channels // groups) * kernel_area
    weights = latents * weight.planes
    others = channels * (has_bias + 3 * module.has_prelu)
    affine = 2 * (module.norms_before * source_channels + module.norms_after * channels)
    folded = 2 * (module.folded_before * source_channels + module.folded_after * channels)
    scales = weight.stored + weight.stored_per_filter * channels
    is_depthwise = (groups == channels) & (channels == source_channels) & (channels > 1)
    reads_rows = _is_word_wise(weight.levels, act.bits) * (act.code_bits > 0) * module.has_quant * (1 - module.has_pool)
    reads_rows = reads_rows * (1 - 1 * is_depthwise)
    return Layer(
        name,
        op,
        inputs,
        (channels, height, width),
        output_bits=output_bits,
        input_bits=source_channels * source_pixels * input_bits_each,
        workspace_bits=_workspace(quantized, act, module) * (1 - reads_rows),
        code_bits=act.code_bits * module.is_elementwise,
        macs=weights * height * width,
        weights=weights,
        weight_levels=weight.levels,
        weight_bits=weight.bits,
        act_bits=act.bits,
        float_ops=quantized * act.flops_per_element * module.has_quant,
        float_values=folded + others + scales + act.stored * module.has_quant,
        parameters=latents + affine + others + weight.parameters + act.parameters * module.has_quant,
    )


def _is_word_wise(weight_levels: Number, act_bits: Number) -> Number:
    """Whether weights are multiplied in the words that they are stored in, 0 or 1; such kernels make codes by rows."""
    found: Number = sum((weight_levels == levels) * 1 for levels in WORD_LEVELS)
    return found * (1 - (weight_levels == 2) * (act_bits <= IN_PLANES))


def _workspace(quantized: Number, act: ActFacts, module: ModuleFacts) -> Number:
    """Bits of the codes or floats that a module makes of its input; codes of few bits lie in planes of whole words."""
    words = -(-quantized // WORD) * WORD
    codes = act.bits * np.where(act.bits <= IN_PLANES, words, quantized)
    found = np.where(module.has_quant, codes, 32 * quantized * module.has_front)
    return found if found.ndim else int(found)


def times(layer: Layer, mask: NDArray[np.int64]) -> Layer:
    """Every count of a layer times 0 or 1: nothing where a network lacks it."""
    channels, height, width = layer.output_shape
    counts = ("input_bits", "workspace_bits", "code_bits", "macs", "weights", "float_ops", "float_values", "parameters")
    return replace(
        layer, output_shape=(channels * mask, height, width), **{name: getattr(layer, name) * mask for name in counts}
    )
