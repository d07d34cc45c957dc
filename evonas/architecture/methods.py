"""Quantization methods as plain facts. ``QUANTIZERS`` is the table that the run file's ``[quantizers]`` refers to.

The classes live in :mod:`evonas.nets.quant`, one per file, and are loaded when a layer is built: what a method costs is
known without loading torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evonas.architecture.precision import PRECISIONS, Precision

MULTI_BIT = tuple(name for name in PRECISIONS if name.endswith("-bit"))


@dataclass(frozen=True)
class Method:
    """A way to quantize, and what it costs an exported layer.

    Attributes:
        make: Builds the quantizer for a precision: a class, or ``"module:Class"``, which is loaded when it is needed.
        role: What it quantizes.
        serves: Names of the precisions it can make.
        stored: float32 numbers beside the codes (scales, steps); per filter if ``is_stored_per_filter``.
        is_stored_per_filter: See ``stored``.
        planes: Low-bit kernels that stand for one weight: bytes and MACs count once per plane.
        flops_per_element: Float operations for each input number at run time, where a scale depends on the image.
        is_compared: Whether codes are found by comparing numbers with thresholds, not by dividing them by a step.
        is_signed: Whether codes of activations may be negative.
        learned: Numbers that its quantizer learns; checked when one is built.
        percent_not_zero: Of ternary weights, about how many are not zero; the others cost no time where sums are added.
        options: Further arguments of ``make``.
    """

    make: Callable[[Precision], Any] | str
    role: Literal["weight", "act"]
    serves: tuple[str, ...]
    stored: int = 1
    is_stored_per_filter: bool = False
    planes: int = 1
    flops_per_element: int = 0
    is_compared: bool = False
    is_signed: bool = False
    learned: int = 0
    percent_not_zero: int = 56
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


def _weight(quantizer: str, serves: tuple[str, ...], **facts: Any) -> Method:
    return Method(f"evonas.nets.quant.{quantizer}", "weight", serves, **facts)


def _act(quantizer: str, serves: tuple[str, ...], **facts: Any) -> Method:
    return Method(f"evonas.nets.quant.{quantizer}", "act", serves, **facts)


TERNARY, MANY = ("ternary",), ("ternary", *MULTI_BIT)
QUANTIZERS: dict[str, Method] = {
    # weights
    "xnor": _weight("binary:BinaryWeight", ("binary",), is_stored_per_filter=True),
    "twn": _weight("weights.twn:Twn", TERNARY),
    "twn_max": _weight("weights.twn:Twn", TERNARY, percent_not_zero=88, options={"is_of_largest": True}),
    "ttq": _weight("weights.ttq:Ttq", TERNARY, stored=2, learned=2, percent_not_zero=92),
    "tga": _weight("weights.tga:Tga", TERNARY, learned=1),
    "tga_x2": _weight("weights.tga:Tga", TERNARY, stored=2, planes=2, learned=2, options={"planes": 2}),
    "tga_x4": _weight("weights.tga:Tga", TERNARY, stored=4, planes=4, learned=4, options={"planes": 4}),
    "tas": _weight("weights.tas:Tas", TERNARY, stored=2, learned=3),
    "lsq_weight": _weight("lsq:LsqWeight", MANY, learned=1),
    "sawb": _weight("weights.sawb:Sawb", ("ternary", "2-bit", "3-bit", "4-bit", "8-bit")),
    # activations
    "sign": _act("binary:Sign", ("binary",), stored=0, is_signed=True),
    "approx_sign": _act("binary:ApproxSign", ("binary",), stored=0, is_signed=True),
    "ternary": _act(
        "activations.ternary_activation:TernaryActivation",
        TERNARY,
        stored=2,
        is_compared=True,
        is_signed=True,
        learned=2,
        options={"is_signed": True},
    ),
    "ternary_unsigned": _act(
        "activations.ternary_activation:TernaryActivation",
        TERNARY,
        stored=2,
        is_compared=True,
        learned=2,
        options={"is_signed": False},
    ),
    "ternary_per_image": _act(
        "activations.ternary_activation:PerImageTernary", TERNARY, stored=0, flops_per_element=2, is_signed=True
    ),
    "lsq": _act("lsq:LsqActivation", MANY, learned=1),
    "lsq_signed": _act("lsq:LsqActivation", MANY, is_signed=True, learned=1, options={"is_signed": True}),
    "pact": _act("activations.pact:Pact", MANY, learned=1),
}
