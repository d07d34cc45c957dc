"""What a cost model must know of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Number = Any
"""An int; or, where a layer stands for that of many networks at once, an array ``(n,)`` of int64."""


NO_CODES, BY_SIGN, BY_THRESHOLDS, BY_DIVISION, BY_IMAGE = range(5)
"""How activations become codes: not at all, by their signs, by comparing with thresholds, by dividing by a step, or by
a threshold that is measured of each image."""
NO_POOL, MAX_POOL, AVG_POOL = range(3)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a convolution or a pool reads for an element of its output.

    Attributes:
        source: ``(channels, height, width)`` of its input.
        kernel: Height and width.
        stride: Along height and width.
        dilation: Of the kernel.
        groups: Of a convolution's channels.
    """

    source: tuple[Number, Number, Number]
    kernel: tuple[Number, Number] = (1, 1)
    stride: tuple[Number, Number] = (1, 1)
    dilation: Number = 1
    groups: Number = 1


@dataclass(frozen=True, slots=True)
class Module:
    """Steps around the sums of a convolution, as numbers; what a module has is 1, what it lacks 0.

    Attributes:
        sums: Of a filter, each with a scale of its own: planes of weights, or positive and negative ones.
        percent_not_zero: About how many of its weights are not zero.
        codes: How activations become codes, such as :data:`BY_SIGN`.
        act_levels: How many codes there are; 0 where activations stay float.
        is_signed: Whether some are negative.
        norms_before, relus_before, has_pool: In front of the convolution.
        has_bias, norms_after, relus_after, has_shortcut, has_prelu, has_shuffle: Behind it.
        takes_scales: Whether a norm right behind the convolution is all that sums are multiplied by.
        norm_bits, scale_bits: Of each scale of its norms, of its weights: 32 for floats, 4 for powers of two, otherwise
            of a whole number; shifts and biases have as many, but no fewer than 8.
        front_bytes: Of norms in front.
        step_bytes: Of what a code of its activations is worth, where that is stored.
        behind_bytes: Of all numbers behind its sums.
    """

    sums: Number = 1
    percent_not_zero: Number = 100
    codes: Number = NO_CODES
    act_levels: Number = 0
    is_signed: Number = 0
    norms_before: Number = 0
    relus_before: Number = 0
    has_pool: Number = 0
    has_bias: Number = 0
    norms_after: Number = 0
    relus_after: Number = 0
    has_shortcut: Number = 0
    has_prelu: Number = 0
    has_shuffle: Number = 0
    takes_scales: Number = 0
    norm_bits: Number = 32
    scale_bits: Number = 32
    front_bytes: Number = 0
    step_bytes: Number = 0
    behind_bytes: Number = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a network's execution, as plain numbers. A network is a sequence of them in execution order.

    A sequence may also stand for many networks: then it holds every layer that any of them has, and numbers are arrays,
    zero for a network that lacks the layer. ``reads`` and ``is_view`` are for this form only: in the layers of a single
    network every input is read and what only hands its input on is left out.

    Attributes:
        name: Unique within the network; other layers refer to it as their input.
        op: What it does (``conv``, ``linear``, ``max_pool``, ``avg_pool``, ``add``, ``concat``, …); for people.
        inputs: Names of the layers whose outputs it reads. The image is ``"input"``, which is itself a layer.
        output_shape: ``(channels, height, width)`` of one sample.
        output_bits: Stored bits of one output element.
        input_bits: Bits that it reads: those of all its inputs together.
        macs: Multiply-accumulates for one sample.
        weights: Number of quantized or float weights, biases and scales not included.
        weight_levels: Distinct values of a weight: 2 binary, 3 ternary, 2^k for k bits, 0 for float32.
        weight_bits: Bits that BitOPs charge for a weight (ternary 2, float 32).
        act_bits: Bits that BitOPs charge for an input activation.
        float_ops: Float operations for one sample beside the MACs, such as scales that are computed from each image.
        scale_bytes: Stored scales of its weights.
        threshold_bytes: Stored steps or thresholds of the activations that it reads.
        norm_bytes: Stored scales and shifts of norms.
        bias_bytes: Stored biases, slopes and shifts of a PReLU; of the input, what standardises it.
        parameters: Numbers that training learns.
        reading: What a convolution or a pool reads; None for others. Where a layer is a convolution in some networks
            and a pool in others, those with weights are convolutions.
        module: Steps around a convolution; None for others.
        pool: Of which kind it is, such as :data:`MAX_POOL`.
        reads: For each of ``inputs``, which networks read it, ``(n,)`` booleans; empty: all do.
        is_view: Which networks' layer hands its one input on as it is, so that it is no tensor of its own.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    output_shape: tuple[Number, Number, Number]
    output_bits: Number = 32
    input_bits: Number = 0
    macs: Number = 0
    weights: Number = 0
    weight_levels: Number = 0
    weight_bits: Number = 32
    act_bits: Number = 32
    float_ops: Number = 0
    scale_bytes: Number = 0
    threshold_bytes: Number = 0
    norm_bytes: Number = 0
    bias_bytes: Number = 0
    parameters: Number = 0
    reads: tuple[Any, ...] = ()
    is_view: Any = False
    reading: Reading | None = None
    module: Module | None = None
    pool: Number = NO_POOL

    @property
    def output_elements(self) -> Number:
        """Number of output elements of one sample."""
        channels, height, width = self.output_shape
        return channels * height * width

    @property
    def other_bytes(self) -> Number:
        """Bytes that are stored of it beside its weights."""
        return self.scale_bytes + self.threshold_bytes + self.norm_bytes + self.bias_bytes

    @property
    def is_float(self) -> Number:
        """Whether its MACs are float operations: its weights or the activations it reads are float32."""
        return (self.weight_bits == 32) | (self.act_bits == 32)


def batch_size(layers: Sequence[Layer]) -> int | None:
    """For how many networks the layers stand; None if for a single one."""
    for layer in layers:
        own = (layer.macs, layer.weight_bits, layer.output_bits, layer.is_view)
        for number in (*layer.output_shape, *own, *layer.reads):
            if isinstance(number, np.ndarray):
                return len(number)
    return None
