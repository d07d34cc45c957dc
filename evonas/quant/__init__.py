"""Quantizers, one a file. ``WEIGHT_QUANTIZERS`` and ``ACT_QUANTIZERS`` say which one serves a precision."""

from collections.abc import Callable
from functools import partial

from evonas.precision import PRECISIONS
from evonas.quant.binary import ApproxSign, BinaryWeight
from evonas.quant.lsq import LsqActivation, LsqWeight
from evonas.quant.quantizer import Quantizer
from evonas.quant.ternary import TruncatedGaussianTernary

_LSQ = [name for name in PRECISIONS if name.endswith("-bit")]

WEIGHT_QUANTIZERS: dict[str, Callable[[], Quantizer]] = {
    "binary": BinaryWeight,
    "ternary": TruncatedGaussianTernary,
    **{name: partial(LsqWeight, PRECISIONS[name]) for name in _LSQ},
}

ACT_QUANTIZERS: dict[str, Callable[[], Quantizer]] = {
    "binary": ApproxSign,
    "ternary": partial(LsqActivation, PRECISIONS["ternary"]),
    **{name: partial(LsqActivation, PRECISIONS[name]) for name in _LSQ},
}

__all__ = ["ACT_QUANTIZERS", "WEIGHT_QUANTIZERS", "Quantizer"]
