"""Multiply-accumulates, FLOPs and BitOPs of one forward pass."""

from __future__ import annotations

from objectives.layer import Number
from objectives.objective import Layers, Objective


def macs(layers: Layers) -> Number:
    """Multiply-accumulates of convolutions and linear layers for one sample, whatever their precision.

    Batch norm, pooling and additions are not counted, as is the field's convention.
    """
    return sum(layer.macs for layer in layers)


def flops(layers: Layers) -> Number:
    """Two per multiply-accumulate, plus the other float operations: ``FLOPs = 2 * MACs + float_ops``."""
    return 2 * macs(layers) + sum(layer.float_ops for layer in layers)


def bitops(layers: Layers) -> Number:
    """``sum over layers of MACs * weight_bits * act_bits``, with ternary as 2 bits and float as 32.

    A float operation beside the MACs counts as half a MAC of 32 x 32 bits.

    The convention of SPOS (Guo 2020) and EdMIPS (Cai 2020). Not comparable with the BOPs of Baskin 2021, which add
    the accumulator's width.
    """
    return sum(layer.macs * layer.weight_bits * layer.act_bits + layer.float_ops * 32 * 32 // 2 for layer in layers)


MACS = Objective(name="macs", unit="", title="MACs", measure=macs)
FLOPS = Objective(name="flops", unit="", title="FLOPs", measure=flops)
BITOPS = Objective(name="bitops", unit="", title="BitOPs", measure=bitops)
