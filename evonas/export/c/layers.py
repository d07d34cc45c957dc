"""The constants of one convolution as C: its arrays, and the struct that the runtime reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import INPUT, Shape
from evonas.architecture.stored_numbers import of_shifts
from evonas.errors import ExportError
from evonas.export.c.kernels.choice import Choice, is_shuffled, row_length
from evonas.export.c.kernels.weights import by_output, c_weights
from evonas.export.c.memory.placing import scratch_of
from evonas.export.c.memory.plan import Plan, front_steps, work_of
from evonas.export.c.numbers import (
    WholeNorm,
    WholeSums,
    c_norm,
    c_vector,
    has_whole_norm,
    has_whole_sums,
    stored_bytes,
    whole_norm,
    whole_sums,
)
from evonas.export.c.thresholds import Thresholds, find_limits, find_thresholds, is_wide, largest_sum
from evonas.export.c.units import gives_units
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from evonas.nets.packing.codes import bits_of

Array = NDArray[Any]
LINE = 112
LIMITED = 8  # bits of tensors
COMPARED = ("thresholds", "falling", "limits", "limits_fall")
EMPTY = np.zeros(0, dtype=np.uint8)
NO_EXPONENTS = "{0, 0}"
STEPS = {
    "norm": "NET_NORM",
    "standardize": "NET_NORM",
    "relu": "NET_RELU",
    "pool": "NET_POOL",
    "shortcut": "NET_SHORTCUT",
    "prelu": "NET_PRELU",
    "whole": "NET_WHOLE",
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
        has_limits: Whether it makes codes of a tensor by thresholds for the tensor's numbers.
        is_wide: Whether its thresholds need more than 16 bits.
        is_whole: Whether it makes codes of a tensor by a norm of whole numbers.
        has_whole_sums: Whether it makes numbers of a tensor of its sums without floats.
    """

    source_text: str
    text: str
    n_bytes: int
    source: str
    has_thresholds: bool
    has_limits: bool
    is_wide: bool
    is_whole: bool
    has_whole_sums: bool


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
    without_floats = {name: _without_floats(frozen, conv, plan) for name, conv in frozen.convs.items()}
    return {
        name: _layer(
            conv,
            plan,
            names=names,
            to=shapes[name],
            passes=thresholds.get(name),
            has_front=name not in without_front,
            gives=_gives(frozen, plan, name),
            limits=without_floats[name][0],
            whole=without_floats[name][1],
            sums=_whole_sums(frozen, conv, plan),
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
    whole: WholeNorm | None,
    sums: WholeSums | None,
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
        "scale_exponent": 0, "bias_exponent": 0, "norm_exponents": NO_EXPONENTS, "prelu_exponents": "{0, 0, 0}",
        "reader": f"&net_{names[plan.readers[op.name]]}_source" if op.name in plan.readers else "NULL",
        "added": "NULL", "n_added": 0, "added_at": 0, "writes_floats": gives,
        "is_wide": int(is_wide(conv) and passes is not None), "thresholds": "NULL", "falling": "NULL",
        **_places(conv, plan, choice),
    }  # fmt: skip
    if op.name in plan.added:
        inputs = plan.added[op.name].inputs
        arrays["added"] = np.array([plan.reads(one, by=op.name) for one in inputs if one != op.name], dtype=np.int32)
        fields |= {"n_added": len(inputs) - 1, "added_at": inputs.index(op.name)}
    if passes is None:
        found, numbers = _behind(conv)
        arrays |= found
        fields |= numbers
        if sums is not None:
            fields |= {"after": _steps(["whole", *(step for step in behind if step == "relu")])}
            if sums.scale:
                fields |= {"scale": _float(np.float32(sums.scale)), "scale_exponent": -sums.down}
    else:
        falling = by_output(conv, passes.is_falling)
        rows = by_output(conv, passes.sums.T).T.astype(np.int32 if is_wide(conv) else np.int16)
        arrays |= {"thresholds": rows, "falling": np.packbits(falling, bitorder="little")}
    has_numbers = has_front and limits is None
    source_arrays, source = _source(conv, choice, has_front=has_numbers, whole=whole)
    if limits is not None:
        fall = np.packbits(limits.is_falling, bitorder="little")
        source_arrays |= {"limits": limits.sums.astype(np.int16), "limits_fall": fall}
    kept = {**c_weights(conv, choice), **{key: {**arrays, **source_arrays}.get(key, EMPTY) for key in COMPARED}}
    n_bytes = sum(array.nbytes for array in kept.values())
    n_bytes += stored_bytes(conv, has_front=has_numbers, has_back=passes is None)
    return CLayer(
        _text(f"net_{name}_source", "source", source_arrays, source, layer=op.name),
        _text(f"net_{name}", "conv", arrays, fields, layer=op.name),
        n_bytes,
        reads,
        passes is not None,
        limits is not None,
        bool(fields["is_wide"]),
        whole is not None,
        sums is not None,
    )


def _without_floats(frozen: FrozenNetwork, conv: FrozenConv, plan: Plan) -> tuple[Thresholds | None, WholeNorm | None]:
    """Thresholds for a tensor of 8 bits whose codes it makes, or whole numbers of a norm in front.

    Thresholds for a tensor of 16 bits would take more than the floats.
    """
    bits = frozen.architecture.stream.bits
    is_image = plan.home.get(conv.op.inputs[0], conv.op.inputs[0]) == INPUT
    if frozen.step is None or _reads(conv, plan) not in ("NET_QUANTIZED", "NET_ROWS") or is_image:
        return None, None
    if has_whole_norm(conv):
        return None, whole_norm(conv, *frozen.stream_range)
    return (find_limits(conv, *frozen.stream_range) if bits <= LIMITED else None), None


def _whole_sums(frozen: FrozenNetwork, conv: FrozenConv, plan: Plan) -> WholeSums | None:
    """Whole numbers for what becomes of its sums, if they become numbers of a tensor."""
    name = conv.op.name
    if frozen.step is None or name in plan.readers or _gives(frozen, plan, name) or not has_whole_sums(conv):
        return None
    inputs = [one for one in plan.added[name].inputs if one != name] if name in plan.added else []
    if any(plan.reads(one, by=name) < 0 for one in inputs):  # numbers of an image are floats
        return None
    return whole_sums(conv, largest_sum(conv), added=len(inputs) * -frozen.stream_range[0])


def _gives(frozen: FrozenNetwork, plan: Plan, name: str) -> int:
    """1 if a convolution gives the logits, 2 if it gives them in units, else 0."""
    if frozen.architecture.logits != (plan.added[name].name if name in plan.added else name):
        return 0
    return 1 + gives_units(frozen, name)


def _behind(conv: FrozenConv) -> tuple[dict[str, Array], dict[str, object]]:
    """Numbers of each filter, in the order of the output's channels: arrays, and fields that say what they are."""
    arrays: dict[str, Array] = {}
    fields: dict[str, object] = {}
    conv_at, shifts = conv.op.steps.index("conv"), of_shifts(conv.norm_precision)
    shuffle_at = conv.op.steps.index("shuffle") if "shuffle" in conv.op.steps else 0
    if conv.kernel.levels and len(conv.kernel.scales) > 1:
        scales = conv.kernel.scales
        if conv.scale_precision.is_float:
            scales = conv.multiplier(scales, act_scale=_act_scale(conv))
        scales = by_output(conv, scales) if conv.kernel.per == "filter" else scales
        arrays["scales"], fields["scale_exponent"] = c_vector(scales, conv.scale_precision)
    if conv.bias is not None:
        bias = by_output(conv, conv.bias)
        arrays["bias"], fields["bias_exponent"] = c_vector(bias, of_shifts(conv.scale_precision))
    for place, step in enumerate(conv.op.steps):
        if place < conv_at or step not in ("norm", "standardize", "prelu"):
            continue
        array = conv.prelu if step == "prelu" else conv.norms[place]
        assert array is not None  # since the step is there
        array = by_output(conv, array) if place < shuffle_at else array
        if step == "prelu":
            rows = [c_vector(row, shifts) for row in array]
            arrays["prelu"] = np.concatenate([row.array for row in rows])
            fields["prelu_exponents"] = "{" + ", ".join(str(row.exponent) for row in rows) + "}"
        else:
            arrays["norm_after"], fields["norm_exponents"] = c_norm(array, conv.norm_precision)
    return arrays, fields


def _act_scale(conv: FrozenConv) -> np.float32 | None:
    return None if conv.act is None else conv.act.scale


def _source(
    conv: FrozenConv, choice: Choice, *, has_front: bool, whole: WholeNorm | None
) -> tuple[dict[str, Array], dict[str, object]]:
    """What a convolution reads, as arrays and fields of the runtime's ``net_source``."""
    act, source = conv.act, conv.source
    arrays: dict[str, Array] = {}
    steps: list[str] = []
    exponents = NO_EXPONENTS
    if has_front:
        steps = ["relu" if step == "quant" else step for step in front_steps(conv) if step != "quant" or not act]
        steps = ["whole"] if whole else steps
        for place, norm in conv.norms.items():
            if place < conv.op.steps.index("conv"):
                arrays["norm_before"], exponents = c_norm(norm, conv.norm_precision)
    rule, bits, low, high, stride = "NET_FLOAT", 8, 0, 0, 1
    scale, threshold = np.float32(1), np.float32(0)
    if conv.image is not None:
        low, high = conv.image.low, conv.image.high
    elif act is not None:
        rule = RULES.get(act.rule, "NET_TWO_STEPS" if act.low == 0 else "NET_TERNARY")
        bits, low, high, stride = conv.op.act.bits, act.low, act.high, 2 if act.rule == "sign" else 1
        scale = np.float32(1) if act.scale is None else act.scale
        threshold = np.float32(act.ratio)
        if act.rule == "threshold":
            threshold = np.float32(act.numbers[0] if has_front else 0)
    fields: dict[str, object] = {
        "channels": source.channels, "height": source.height, "width": source.width,
        "rule": rule, "bits": bits, "planes": choice.planes, "before": _steps(steps),
        "low": low, "high": high, "stride": stride, "norm_exponents": exponents,
        "scale": _float(scale), "threshold": _float(threshold), "above": whole.above if whole else 0,
        "norm_before": "NULL", "limits": "NULL", "limits_fall": "NULL",
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
    fields = fields | {key: f"{name}_{key}" for key in arrays if key in fields}
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
    elif flat.dtype in (np.int8, np.int16):
        kind, texts = f"{flat.dtype}_t", [str(number) for number in flat]
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
