"""Operations of one forward pass: multiply-accumulates, FLOPs, BitOPs, and OPs of binary networks."""

from __future__ import annotations

from objectives.layer import Number
from objectives.objective import Layers, Objective

BINARY_OPS_A_WORD = 64  # what one XNOR and one popcount of a 64-bit processor do at once


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


def binary_ops(layers: Layers) -> Number:
    """OPs as the papers on binary networks count them: ``FLOPs of float layers + BitOPs of quantized layers / 64``.

    These papers count one "FLOP" per multiply-accumulate, not two as in :func:`flops`. A layer is float
    if its weights or the activations it reads are 32 bits wide. Float operations beside the MACs count as one each;
    batch norm, activation functions, pooling and additions do not count.

    The papers define it for binary layers. For k bits this charges ``weight_bits * act_bits / 64`` per MAC, so an 8-bit
    MAC counts as a float one. NAS-BNN's code charges its 8-bit layers ``sqrt(8 * 8) / 64`` per MAC: an eighth.

    References:
        Liu 2020 (ReActNet), ``OPs = BOPs / 64 + FLOPs``; after Liu 2018 (Bi-Real Net).

    Example:
        ReActNet-A, 4.82e9 BOPs and 0.12e8 FLOPs, has 0.87e8 OPs:

        >>> from objectives import Layer
        >>> binary = Layer("binary", "conv", (), (1, 1, 1), macs=4_820_000_000, weight_bits=1, act_bits=1)
        >>> full = Layer("float", "conv", ("binary",), (1, 1, 1), macs=12_000_000)
        >>> f"{binary_ops([binary, full]):.2e}"
        '8.73e+07'
    """
    quantized = sum(layer.macs * (1 - layer.is_float) * layer.weight_bits * layer.act_bits for layer in layers)
    return quantized / BINARY_OPS_A_WORD + sum(layer.macs * layer.is_float + layer.float_ops for layer in layers)


MACS = Objective(name="macs", unit="", title="MACs", measure=macs)
FLOPS = Objective(name="flops", unit="", title="FLOPs", measure=flops)
BITOPS = Objective(name="bitops", unit="", title="BitOPs", measure=bitops)
BINARY_OPS = Objective(name="binary_ops", unit="", title="OPs", measure=binary_ops)
