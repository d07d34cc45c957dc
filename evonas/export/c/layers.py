"""The constants of one convolution as C: its arrays, and the struct that the runtime reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import Shape
from evonas.errors import ExportError
from evonas.export.c.memory_plan import Plan, front_steps, is_in_place, sums_of, work_bits, work_of
from evonas.export.c.thresholds import Thresholds, find_thresholds, largest_sum
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from evonas.nets.packing import bits_of

Array = NDArray[np.uint8] | NDArray[np.int32] | NDArray[np.float32]
LINE = 112
STEPS = {
    "norm": "NET_NORM",
    "standardize": "NET_NORM",
    "relu": "NET_RELU",
    "pool": "NET_POOL",
    "shuffle": "NET_SHUFFLE",
    "shortcut": "NET_SHORTCUT",
    "prelu": "NET_PRELU",
}
RULES = {"sign": "NET_SIGN", "round": "NET_ROUND", "per_image": "NET_PER_IMAGE"}
SCALED_BY = {"plane": "NET_PLANE", "filter": "NET_FILTER", "sign": "NET_BY_SIGN"}


@dataclass(frozen=True)
class CLayer:
    """One convolution as C.

    Attributes:
        text: Arrays and struct, with the prefixes of the runtime's templates.
        n_bytes: Of the constants that come from training.
        source: What it reads, one of the runtime's words.
        has_thresholds: Whether it writes codes without any float arithmetic.
    """

    text: str
    n_bytes: int
    source: str
    has_thresholds: bool


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
            conv, plan, names=names, to=shapes[name], passes=thresholds.get(name), has_front=name not in without_front
        )
        for name, conv in frozen.convs.items()
    }


def _layer(
    conv: FrozenConv, plan: Plan, *, names: dict[str, str], to: Shape, passes: Thresholds | None, has_front: bool
) -> CLayer:
    op, kernel, source = conv.op, conv.kernel, conv.source
    largest_sum(conv)  # may refuse
    behind = op.steps[op.steps.index("conv") + 1 :]
    has_pool = "pool" in op.steps
    arrays: dict[str, Array] = {"codes" if kernel.levels else "floats": kernel.stored}
    fields = {
        "channels": source.channels, "height": source.height, "width": source.width,
        "rows": 1 if has_pool else source.height, "columns": 1 if has_pool else source.width,
        "filters": op.channels, "out_rows": to.height, "out_columns": to.width, "groups": op.groups,
        "kernel_rows": op.kernel[0], "kernel_columns": op.kernel[1],
        "stride_rows": op.stride[0], "stride_columns": op.stride[1], "dilation": op.dilation,
        "source": (reads := _source(conv, plan)), "terms": len(kernel.terms), "scaled_by": SCALED_BY[kernel.per],
    }  # fmt: skip
    if kernel.levels:
        bits = 0 if kernel.levels == 3 else bits_of(kernel.levels)
        fields |= {"bits": bits, "low": kernel.low, "step": kernel.stride}
    if has_front:
        steps = ["relu" if step == "quant" else step for step in front_steps(conv) if step != "quant" or not conv.act]
        fields["before"] = _steps(steps)
        _add_norm(arrays, conv, "norm_before", places=range(op.steps.index("conv")))
    fields["act"] = _braces(_act(conv, has_front=has_front))
    if passes is None:
        fields["after"] = _steps(behind)
        _add_norm(arrays, conv, "norm_after", places=range(op.steps.index("conv"), len(op.steps)))
        if kernel.levels:
            arrays["scales"] = kernel.scales
        arrays |= {name: array for name in ("bias", "prelu") if (array := getattr(conv, name)) is not None}
    else:
        fields["after"] = _steps([step for step in behind if step == "shuffle"])
        arrays |= {"thresholds": passes.sums, "falling": np.packbits(passes.is_falling, bitorder="little")}
    if op.name in plan.readers:
        fields["reader"] = f"&net_{names[plan.readers[op.name]]}"
    fields |= _places(conv, plan)
    name = names[op.name]
    text = "".join(c_array(f"net_{name}_{key}", array, layer=op.name) for key, array in arrays.items())
    text += f"static const net_conv net_{name} = {{\n" + _wrapped(
        [f".{key} = {value}" for key, value in fields.items()] + [f".{key} = net_{name}_{key}" for key in arrays]
    )
    stored = conv.act.stored[0 if has_front else -1 :].nbytes if conv.act and conv.act.numbers else 0
    n_bytes = sum(array.nbytes for array in arrays.values()) + stored
    return CLayer(f"{text}\n}};\n", n_bytes, reads, passes is not None)


def _source(conv: FrozenConv, plan: Plan) -> str:
    if conv.image is not None:
        return "NET_IMAGE"
    if conv.op.name in plan.readers.values():
        return "NET_CODES"
    if not work_bits(conv):
        return "NET_TENSOR"
    return "NET_PREPARED" if conv.act is None else "NET_QUANTIZED"


def _places(conv: FrozenConv, plan: Plan) -> dict[str, int]:
    name, places = conv.op.name, {"out": plan.at(conv.op.name), "block": plan.blocks[conv.op.name]}
    if conv.image is None:
        coded = conv.op.name in plan.readers.values()
        places["work" if coded else "x"] = plan.at(conv.op.inputs[0])
    if work_of(name) in plan.offsets:
        places["work"] = plan.offsets[work_of(name)]
    return places | {"sums": plan.at(name) if is_in_place(conv, plan.readers) else plan.offsets[sums_of(name)]}


def _act(conv: FrozenConv, *, has_front: bool) -> dict[str, str]:
    act = conv.act
    if conv.image is not None:
        low, high = conv.image.low, conv.image.high
        return {"rule": "NET_FLOAT", "bits": "8", "low": f"{low}", "high": f"{high}", "stride": "1", "scale": "1.0f"}
    if act is None:
        return {"rule": "NET_FLOAT", "scale": "1.0f"}
    rule = RULES.get(act.rule, "NET_TWO_STEPS" if act.low == 0 else "NET_TERNARY")
    fields = {"rule": rule, "bits": str(conv.op.act.bits), "low": str(act.low), "high": str(act.high)}
    fields |= {"stride": "2" if act.rule == "sign" else "1", "ratio": _float(np.float32(act.ratio))}
    fields["scale"] = _float(np.float32(1) if act.scale is None else act.scale)
    if act.rule == "threshold" and has_front:
        fields["threshold"] = _float(act.stored[0])
    return {key: value for key, value in fields.items() if value != "0.0f"}


def _add_norm(arrays: dict[str, Array], conv: FrozenConv, name: str, *, places: Iterable[int]) -> None:
    for place in places:
        if place in conv.norms:
            arrays[name] = conv.norms[place]


def _steps(steps: Iterable[str]) -> str:
    return "{" + ", ".join([*(STEPS[step] for step in steps), "NET_END"]) + "}"


def _braces(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f".{key} = {value}" for key, value in fields.items()) + "}"


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
