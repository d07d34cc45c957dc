"""What a cost model must know of one layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a network's execution, as plain numbers. A network is a sequence of them in execution order.

    Attributes:
        name: Unique within the network; other layers refer to it as their input.
        op: What it does (``conv``, ``linear``, ``max_pool``, ``avg_pool``, ``add``, ``concat``, …); for people.
        inputs: Names of the layers whose outputs it reads. The image is ``"input"``, which is itself a layer.
        output_shape: ``(channels, height, width)`` of one sample.
        output_bits: Stored bits of one output element.
        workspace_bits: Bits of memory that exist only while the layer runs, such as the quantized copy of its input.
        macs: Multiply-accumulates for one sample.
        weights: Number of quantized or float weights, biases and scales not included.
        weight_levels: Distinct values of a weight: 2 binary, 3 ternary, 2^k for k bits, 0 for float32.
        weight_bits: Bits that BitOPs charge for a weight (ternary 2, float 32).
        act_bits: Bits that BitOPs charge for an input activation.
        float_ops: Float operations for one sample beside the MACs, such as scales that are computed from each image.
        float_values: Numbers that stay float32 beside the weights: scales, thresholds, biases, folded batch norm.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    output_shape: tuple[int, int, int]
    output_bits: int = 32
    workspace_bits: int = 0
    macs: int = 0
    weights: int = 0
    weight_levels: int = 0
    weight_bits: int = 32
    act_bits: int = 32
    float_ops: int = 0
    float_values: int = 0

    @property
    def output_elements(self) -> int:
        """Number of output elements of one sample."""
        channels, height, width = self.output_shape
        return channels * height * width
