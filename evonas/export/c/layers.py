"""The constants of one convolution as C: its arrays, and the struct that the runtime reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import INPUT, Shape
from evonas.errors import ExportError
from evonas.export.c.kernels.choice import Choice, is_shuffled, row_length
from evonas.export.c.kernels.weights import by_output, c_weights
from evonas.export.c.memory.placing import scratch_of
from evonas.export.c.memory.plan import Plan, front_steps, work_of
from evonas.export.c.thresholds import Thresholds, find_limits, find_thresholds, largest_sum
from evonas.export.c.units import gives_units
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from evonas.nets.packing.codes import bits_of

Array = NDArray[np.uint8] | NDArray[np.int16] | NDArray[np.int32] | NDArray[np.uint32] | NDArray[np.float32]
LINE = 112
LIMITED = 8  # bits of tensors
STEPS = {
    "norm": "NET_NORM",
    "standardize": "NET_NORM",
    "relu": "NET_RELU",
    "pool": "NET_POOL",
    "shortcut": "NET_SHORTCUT",
    "prelu": "NET_PRELU",
}
RULES = {"sign": "NET_SIGN", "round": "NET_ROUND", "per_image": "NET_PER_IMAGE"}
SCALED_BY = {"plane": "NET_PLANE", "filter": "NET_FILTER", "sign": "NET_BY_SIGN"}


@dataclass(frozen=True)
class CLayer:
    """One convolution as C.

    Attributes:
        source_text: What it reads, as arrays and a struct, with the prefixes of the runtime's templates.
        text: All the rest.
        n_bytes: Of the constants that come from training.
        source: What it reads, one of the runtime's words.
        has_thresholds: Whether it writes codes without any float arithmetic.
        has_limits: Whether it makes codes of a tensor without any.
    """

    source_text: str
    text: str
    n_bytes: int
    source: str
    has_thresholds: bool
    has_limits: bool


def c_layers(frozen: FrozenNetwork, plan: Plan, *, names: dict[str, str]) -> dict[str, CLayer]:
    """Every convolution as C, by name.

    Args:
        frozen: The network.
        plan: Its memory.
        names: An identifier for each convolution.

    Raises:
        ExportError: A number is not finite, or a sum does not fit into 32 bits.
    """
    thresholds = {
        name: find_thresholds(frozen.convs[name], frozen.convs[reader]) for name, reader in plan.readers.items()
    }
    without_front = {reader for name, reader in plan.readers.items() if thresholds[name] is not None}
    shapes = frozen.architecture.shapes
    return {
        name: _layer(
            conv,
            plan,
            names=names,
            to=shapes[name],
            passes=thresholds.get(name),
            has_front=name not in without_front,
            gives=_gives(frozen, plan, name),
            limits=_limits(frozen, conv, plan),
        )
        for name, conv in frozen.convs.items()
    }


def _layer(
    conv: FrozenConv,
    plan: Plan,
    *,
    names: dict[str, str],
    to: Shape,
    passes: Thresholds | None,
    has_front: bool,
    gives: int,
    limits: Thresholds | None,
) -> CLayer:
    op, kernel = conv.op, conv.kernel
    largest_sum(conv)  # may refuse
    name, choice, reads = names[op.name], plan.choices[op.name], _reads(conv, plan)
    has_pool, behind = "pool" in op.steps, op.steps[op.steps.index("conv") + 1 :]
    arrays: dict[str, Array] = {**c_weights(conv, choice)}
    fields: dict[str, object] = {
        "source": f"&net_{name}_source",
        "rows": 1 if has_pool else conv.source.height, "columns": 1 if has_pool else conv.source.width,
        "filters": op.channels, "out_rows": to.height, "out_columns": to.width,
        "groups": op.groups, "kernel_rows": op.kernel[0], "kernel_columns": op.kernel[1],
        "stride_rows": op.stride[0], "stride_columns": op.stride[1], "dilation": op.dilation,
        "after": _steps(() if passes else [step for step in behind if step != "shuffle"]),
        "reads": reads, "terms": len(kernel.terms), "scaled_by": SCALED_BY[kernel.per],
        "is_shuffled": int(is_shuffled(conv)), "is_stored": int(choice.is_direct),
        "bits": bits_of(kernel.levels) if kernel.levels not in (0, 3) else 0, "width": choice.width,
        "low": kernel.low if kernel.levels else 0, "step": kernel.stride if kernel.levels else 0,
        "length": row_length(conv), "row_cells": choice.row_cells,
        "kernel": f"net_{choice.kernel}" if choice.kernel else "NULL",
        "words": "NULL", "codes": "NULL", "floats": "NULL", "scales": "NULL",
        "scale": _float(conv.multiplier(kernel.scales[:1], act_scale=_act_scale(conv))[0]),
        "bias": "NULL", "norm_after": "NULL", "prelu": "NULL",
        "reader": f"&net_{names[plan.readers[op.name]]}_source" if op.name in plan.readers else "NULL",
        "added": "NULL", "n_added": 0, "added_at": 0, "writes_floats": gives,
        "thresholds": "NULL", "falling": "NULL",
        **_places(conv, plan, choice),
    }  # fmt: skip
    if op.name in plan.added:
        inputs = plan.added[op.name].inputs
        arrays["added"] = np.array([plan.reads(one, by=op.name) for one in inputs if one != op.name], dtype=np.int32)
        fields |= {"n_added": len(inputs) - 1, "added_at": inputs.index(op.name)}
    if passes is None:
        arrays |= _behind(conv)
    else:
        falling = by_output(conv, passes.is_falling)
        arrays |= {"thresholds": by_output(conv, passes.sums.T).T, "falling": np.packbits(falling, bitorder="little")}
    source_arrays, source = _source(conv, choice, has_front=has_front and limits is None)
    if limits is not None:
        fall = np.packbits(limits.is_falling, bitorder="little")
        source_arrays |= {"limits": limits.sums.astype(np.int16), "limits_fall": fall}
    text = _text(f"net_{name}", "conv", arrays, fields, layer=op.name)
    has_numbers = has_front and limits is None
    stored = 4 * len(conv.act.numbers[0 if has_numbers else -1 :]) if conv.act else 0
    trained = [array for key, array in {**arrays, **source_arrays}.items() if key != "added"]
    n_bytes = sum(array.nbytes for array in trained) + stored
    source_text = _text(f"net_{name}_source", "source", source_arrays, source, layer=op.name)
    return CLayer(source_text, text, n_bytes, reads, passes is not None, limits is not None)


def _limits(frozen: FrozenNetwork, conv: FrozenConv, plan: Plan) -> Thresholds | None:
    """Thresholds for a tensor of 8 bits whose codes it makes; of 16 bits they would take more than the floats."""
    reads = _reads(conv, plan)
    is_image = plan.home.get(conv.op.inputs[0], conv.op.inputs[0]) == INPUT
    if frozen.architecture.stream.bits > LIMITED or reads not in ("NET_QUANTIZED", "NET_ROWS") or is_image:
        return None
    return find_limits(conv, *frozen.stream_range)


def _gives(frozen: FrozenNetwork, plan: Plan, name: str) -> int:
    """1 if a convolution gives the logits, 2 if it gives them in units, else 0."""
    if frozen.architecture.logits != (plan.added[name].name if name in plan.added else name):
        return 0
    return 1 + gives_units(frozen, name)


def _behind(conv: FrozenConv) -> dict[str, Array]:
    """Numbers of each filter, in the order of the output's channels."""
    arrays: dict[str, Array] = {}
    conv_at = conv.op.steps.index("conv")
    shuffle_at = conv.op.steps.index("shuffle") if "shuffle" in conv.op.steps else 0
    if conv.kernel.levels:
        scales = conv.multiplier(conv.kernel.scales, act_scale=_act_scale(conv))
        arrays["scales"] = by_output(conv, scales) if conv.kernel.per == "filter" else scales
    if conv.bias is not None:
        arrays["bias"] = by_output(conv, conv.bias)
    for place, step in enumerate(conv.op.steps):
        if place > conv_at and step in ("norm", "standardize", "prelu"):
            name, array = ("prelu", conv.prelu) if step == "prelu" else ("norm_after", conv.norms[place])
            assert array is not None  # since the step is there
            arrays[name] = by_output(conv, array) if place < shuffle_at else array
    return arrays


def _act_scale(conv: FrozenConv) -> np.float32 | None:
    return None if conv.act is None else conv.act.scale


def _source(conv: FrozenConv, choice: Choice, *, has_front: bool) -> tuple[dict[str, Array], dict[str, object]]:
    """What a convolution reads, as arrays and fields of the runtime's ``net_source``."""
    act, source = conv.act, conv.source
    arrays: dict[str, Array] = {}
    steps: list[str] = []
    if has_front:
        steps = ["relu" if step == "quant" else step for step in front_steps(conv) if step != "quant" or not act]
        norms = [norm for place, norm in conv.norms.items() if place < conv.op.steps.index("conv")]
        arrays |= {"norm_before": norms[0]} if norms else {}
    rule, bits, low, high, stride = "NET_FLOAT", 8, 0, 0, 1
    scale = threshold = np.float32(0)
    if conv.image is not None:
        low, high = conv.image.low, conv.image.high
    elif act is not None:
        rule = RULES.get(act.rule, "NET_TWO_STEPS" if act.low == 0 else "NET_TERNARY")
        bits, low, high, stride = conv.op.act.bits, act.low, act.high, 2 if act.rule == "sign" else 1
        scale = np.float32(1) if act.scale is None else act.scale
        threshold = np.float32(act.numbers[0]) if act.rule == "threshold" and has_front else threshold
    fields: dict[str, object] = {
        "channels": source.channels, "height": source.height, "width": source.width,
        "rule": rule, "bits": bits, "planes": choice.planes, "before": _steps(steps),
        "low": low, "high": high, "stride": stride, "ratio": _float(np.float32(act.ratio if act else 0)),
        "scale": _float(scale), "threshold": _float(threshold), "norm_before": "NULL",
        "limits": "NULL", "limits_fall": "NULL",
    }  # fmt: skip
    return arrays, fields


def _reads(conv: FrozenConv, plan: Plan) -> str:
    if conv.image is not None:
        return "NET_IMAGE"
    if conv.op.name in plan.readers.values():
        return "NET_CODES"
    if not front_steps(conv):
        return "NET_TENSOR"
    if conv.act is None:
        return "NET_PREPARED"
    return "NET_QUANTIZED" if work_of(conv.op.name) in plan.places.offsets else "NET_ROWS"


def _places(conv: FrozenConv, plan: Plan, choice: Choice) -> dict[str, object]:
    name, scratch, offsets = conv.op.name, choice.scratch, plan.places.offsets
    x = 0 if conv.image is not None else plan.reads(conv.op.inputs[0], by=name)
    at, block = offsets[scratch_of(name)], plan.places.blocks[name]
    return {
        "x": x, "work": offsets.get(work_of(name), max(x, 0)), "out": plan.at(name, by=name), "sums": at,
        "patch": at + scratch.patch_at(block), "weights": at + scratch.weights_at(block), "block": block,
    }  # fmt: skip


def _text(name: str, kind: str, arrays: dict[str, Array], fields: dict[str, object], *, layer: str) -> str:
    """Arrays, and a struct of fields in their order, each with its name behind it."""
    fields = fields | {key: f"{name}_{key}" for key in arrays}
    text = "".join(c_array(f"{name}_{key}", array, layer=layer) for key, array in arrays.items())
    lines = _wrapped(f"{value} /* {key} */" for key, value in fields.items())
    return f"{text}static const net_{kind} {name} = {{\n{lines}\n}};\n"


def _steps(steps: Iterable[str]) -> str:
    return "{" + ", ".join([*(STEPS[step] for step in steps), "NET_END"]) + "}"


def c_array(name: str, array: Array, *, layer: str) -> str:
    """A constant array with one of the smallest types that hold it; ``layer`` is what a message calls its owner.

    Raises:
        ExportError: A number is not finite.
    """
    flat = array.ravel()
    texts: list[str]
    if flat.dtype == np.float32:
        if not np.isfinite(flat).all():
            raise ExportError(
                f"finite numbers in {layer}", found="infinity or not a number", remedy="train the network again"
            )
        kind, texts = "float", [_float(number) for number in flat.astype(np.float32)]
    elif flat.dtype == np.int16:
        kind, texts = "int16_t", [str(number) for number in flat]
    elif flat.dtype == np.uint32:
        kind, texts = "uint32_t", [f"0x{number:x}u" for number in flat]
    elif flat.dtype == np.int32:
        # the smallest int32 has no literal of its own in C
        kind, texts = "int32_t", ["INT32_MIN" if number == -(2**31) else str(number) for number in flat]
    else:
        kind, texts = "uint8_t", [str(number) for number in flat]
    return f"static const {kind} {name}[{len(flat)}] = {{\n{_wrapped(texts)}\n}};\n"


def _float(number: np.float32) -> str:
    """The shortest text that reads as the very same float."""
    return f"{number!s}f"


def _wrapped(texts: Iterable[str]) -> str:
    lines = [""]
    for text in texts:
        if len(lines[-1]) + len(text) + 2 > LINE and lines[-1]:
            lines.append("")
        lines[-1] += f"{text}, "
    return "\n".join(f"    {line.rstrip()}" for line in lines)
