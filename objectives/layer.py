"""What a cost model must know of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Number = Any
"""An int; or, where a layer stands for that of many networks at once, an array ``(n,)`` of int64."""


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
        workspace_bits: Bits of memory that exist only while the layer runs, such as the quantized copy of its input.
        code_bits: Bits of a code, where it makes codes of its input number by number; 0: it does not.
        macs: Multiply-accumulates for one sample.
        weights: Number of quantized or float weights, biases and scales not included.
        weight_levels: Distinct values of a weight: 2 binary, 3 ternary, 2^k for k bits, 0 for float32.
        weight_bits: Bits that BitOPs charge for a weight (ternary 2, float 32).
        act_bits: Bits that BitOPs charge for an input activation.
        float_ops: Float operations for one sample beside the MACs, such as scales that are computed from each image.
        float_values: Numbers that stay float32 beside the weights: scales, thresholds, biases, folded batch norm.
        parameters: Numbers that training learns.
        reads: For each of ``inputs``, which networks read it, ``(n,)`` booleans; empty: all do.
        is_view: Which networks' layer hands its one input on as it is, so that it is no tensor of its own.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    output_shape: tuple[Number, Number, Number]
    output_bits: Number = 32
    input_bits: Number = 0
    workspace_bits: Number = 0
    code_bits: Number = 0
    macs: Number = 0
    weights: Number = 0
    weight_levels: Number = 0
    weight_bits: Number = 32
    act_bits: Number = 32
    float_ops: Number = 0
    float_values: Number = 0
    parameters: Number = 0
    reads: tuple[Any, ...] = ()
    is_view: Any = False

    @property
    def output_elements(self) -> Number:
        """Number of output elements of one sample."""
        channels, height, width = self.output_shape
        return channels * height * width

    @property
    def is_float(self) -> Number:
        """Whether its MACs are float operations: its weights or the activations it reads are float32."""
        return (self.weight_bits == 32) | (self.act_bits == 32)


def batch_size(layers: Sequence[Layer]) -> int | None:
    """For how many networks the layers stand; None if for a single one."""
    for layer in layers:
        own = (layer.macs, layer.weight_bits, layer.output_bits, layer.workspace_bits, layer.is_view)
        for number in (*layer.output_shape, *own, *layer.reads):
            if isinstance(number, np.ndarray):
                return len(number)
    return None
