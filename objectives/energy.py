"""Modelled energy of one forward pass: what arithmetic and memory accesses cost in a table of 2014."""

from __future__ import annotations

from itertools import product

from objectives.layer import Number
from objectives.model_size import packed_bytes
from objectives.objective import Layers, Objective

# All in pJ, 45 nm, 0.9 V.
MULTIPLY_INT8, ADD_INT32 = 0.2, 0.1
MULTIPLY_FLOAT32, ADD_FLOAT32 = 3.7, 0.9
READ_64_BITS = 20.0  # from an SRAM of 32 KiB

BIT_PRODUCT = MULTIPLY_INT8 / (8 * 8)
FLOAT_MAC = MULTIPLY_FLOAT32 + ADD_FLOAT32
FLOAT_OP = FLOAT_MAC / 2  # half a MAC, as FLOPs and BitOPs count it
BIT_MOVED = READ_64_BITS / 64

SOURCE = (
    "Horowitz 2014 (ISSCC), 45 nm, 0.9 V; integer multiply scaled by the product of the widths, plus a 32-bit add; "
    f"{FLOAT_OP:g} pJ a float operation, {BIT_MOVED:g} pJ a bit moved (32 KiB SRAM)"
)


def mac_energy(weight_bits: int, act_bits: int) -> float:
    """Energy of a multiply-accumulate in pJ.

    Integers: an 8-bit multiply times ``weight_bits * act_bits / 64``, and a 32-bit add to accumulate. As soon as one
    operand is float32: a float multiply and a float add.

    Example:
        >>> round(mac_energy(8, 8), 3), round(mac_energy(1, 1), 3), round(mac_energy(2, 32), 3)
        (0.3, 0.103, 4.6)
    """
    if 32 in (weight_bits, act_bits):
        return FLOAT_MAC
    return weight_bits * act_bits * BIT_PRODUCT + ADD_INT32


def energy_table() -> tuple[list[tuple[int, int, float]], str]:
    """What the model charges, to be printed next to its results.

    Returns:
        Rows of weight bits, activation bits and pJ per multiply-accumulate; and one line that names the source and what
        a float operation and a moved bit cost.
    """
    widths = (1, 2, 4, 8, 32)
    return [(weight, act, mac_energy(weight, act)) for weight, act in product(widths, repeat=2)], SOURCE


def energy(layers: Layers) -> Number:
    """Modelled energy of one sample in joules; a model, not a measurement.

    Formula: ``sum over layers of MACs * e_mac(weight_bits, act_bits) + float_ops * e_op + bits_moved * e_bit`` with
    ``bits_moved = packed weights + 8 * other_bytes + input_bits + output bits``.

    Weights are read once; an activation is written once and read once by each layer that reads it, all from and to a
    32 KiB SRAM. Not modelled: DRAM, caches, reuse beyond that, the quantized copy of an input, leakage, control. An
    accumulator of 32 bits and the float activations between layers make a binary MAC far more expensive than a 64th of
    an 8-bit one, its cost in BitOPs. Good for ranking networks, not for the battery of a device.

    References:
        Horowitz 2014, "Computing's energy problem (and what we can do about it)", ISSCC.
    """
    # Counts are whole and stay exact; only their five sums meet the table, so order cannot change a digit.
    bit_products = sum(layer.macs * (1 - layer.is_float) * layer.weight_bits * layer.act_bits for layer in layers)
    integer_macs = sum(layer.macs * (1 - layer.is_float) for layer in layers)
    float_macs = sum(layer.macs * layer.is_float for layer in layers)
    float_ops = sum(layer.float_ops for layer in layers)
    bits = sum(
        8 * packed_bytes(layer.weights, levels=layer.weight_levels)
        + 8 * layer.other_bytes
        + layer.input_bits
        + layer.output_elements * layer.output_bits
        for layer in layers
    )
    picojoules = bit_products * BIT_PRODUCT + integer_macs * ADD_INT32 + float_macs * FLOAT_MAC
    return 1e-12 * (picojoules + float_ops * FLOAT_OP + bits * BIT_MOVED)


ENERGY = Objective(name="energy", unit="J", title="modelled energy", measure=energy)
