"""Quantizers, one a file. ``QUANTIZERS`` is the table that the run file's ``[quantizers]`` refers to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from evonas.precision import PRECISIONS, Precision
from evonas.quant.binary import BinaryWeight
from evonas.quant.lsq import LsqActivation, LsqWeight
from evonas.quant.pact import Pact
from evonas.quant.quantizer import Quantizer
from evonas.quant.sawb import Sawb
from evonas.quant.sign import ApproxSign, Sign
from evonas.quant.tas import Tas
from evonas.quant.ternary_act import PerImageTernary, TernaryActivation
from evonas.quant.tga import Tga
from evonas.quant.ttq import Ttq
from evonas.quant.twn import Twn

MULTI_BIT = tuple(name for name in PRECISIONS if name.endswith("-bit"))


@dataclass(frozen=True)
class Method:
    """A way to quantize, and what it costs an exported layer.

    Attributes:
        make: Builds the quantizer for a precision.
        role: What it quantizes.
        serves: Names of the precisions it can make.
        stored: float32 numbers beside the codes (scales, steps); a filter if ``is_stored_per_filter``.
        is_stored_per_filter: See ``stored``.
        planes: Low-bit kernels that stand for one weight: bytes and MACs count so many times.
        flops_per_element: Float operations for each input number at run time, where a scale depends on the image.
    """

    make: Callable[[Precision], Quantizer]
    role: Literal["weight", "act"]
    serves: tuple[str, ...]
    stored: int = 1
    is_stored_per_filter: bool = False
    planes: int = 1
    flops_per_element: int = 0

    def parameters(self, precision: Precision) -> int:
        """Numbers that its quantizer learns."""
        return _parameters(self, precision)


@lru_cache
def _parameters(method: Method, precision: Precision) -> int:
    return sum(parameter.numel() for parameter in method.make(precision).parameters())


QUANTIZERS: dict[str, Method] = {
    # weights
    "xnor": Method(BinaryWeight, "weight", ("binary",), is_stored_per_filter=True),
    "twn": Method(Twn, "weight", ("ternary",)),
    "twn_max": Method(partial(Twn, is_of_largest=True), "weight", ("ternary",)),
    "ttq": Method(Ttq, "weight", ("ternary",), stored=2),
    "tga": Method(Tga, "weight", ("ternary",)),
    "tga_x2": Method(partial(Tga, planes=2), "weight", ("ternary",), stored=2, planes=2),
    "tga_x4": Method(partial(Tga, planes=4), "weight", ("ternary",), stored=4, planes=4),
    "tas": Method(Tas, "weight", ("ternary",), stored=2),
    "lsq_weight": Method(LsqWeight, "weight", ("ternary", *MULTI_BIT)),
    "sawb": Method(Sawb, "weight", ("ternary", "2-bit", "3-bit", "4-bit", "8-bit")),
    # activations
    "sign": Method(Sign, "act", ("binary",), stored=0),
    "approx_sign": Method(ApproxSign, "act", ("binary",), stored=0),
    "ternary": Method(partial(TernaryActivation, is_signed=True), "act", ("ternary",), stored=2),
    "ternary_unsigned": Method(partial(TernaryActivation, is_signed=False), "act", ("ternary",), stored=2),
    "ternary_per_image": Method(PerImageTernary, "act", ("ternary",), stored=0, flops_per_element=2),
    "lsq": Method(LsqActivation, "act", ("ternary", *MULTI_BIT)),
    "lsq_signed": Method(partial(LsqActivation, is_signed=True), "act", ("ternary", *MULTI_BIT)),
    "pact": Method(Pact, "act", ("ternary", *MULTI_BIT)),
}

__all__ = ["MULTI_BIT", "QUANTIZERS", "Method", "Quantizer"]
