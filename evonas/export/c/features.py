"""What of the runtime a network has use for: all else is left out by the compiler, since flash is short."""

from __future__ import annotations

from evonas.architecture.graph import INPUT, Op
from evonas.architecture.stored_numbers import of_shifts
from evonas.export.c.layers import CLayer
from evonas.export.c.memory.plan import Plan
from evonas.nets.frozen import FrozenConv, FrozenNetwork

RULES = ("sign", "round", "divided", "ternary", "two_steps", "per_image", "whole_round", "whole_sign", "whole_compared")
WORK = ("NET_QUANTIZED", "NET_PREPARED")  # what a convolution reads after it was made of a tensor


def c_features(frozen: FrozenNetwork, plan: Plan, layers: dict[str, CLayer]) -> dict[str, str | int]:
    """For ``#define``: 1 for what is needed.

    Args:
        frozen: The network.
        plan: Its memory.
        layers: Its convolutions.
    """
    convs = frozen.convs.values()
    steps = {step for conv in convs for step in conv.op.steps}
    rules = {rule for name, layer in layers.items() for rule in _rules(frozen.convs[name], layer)}
    passed = [frozen.convs[plan.readers[name]] for name, layer in layers.items() if layer.has_thresholds]
    found = {
        "NORM": bool(steps & {"norm", "standardize"}),
        "POOL": "pool" in steps,
        "SHORTCUT": "shortcut" in steps,
        "PRELU": "prelu" in steps,
        "SHUFFLE": "shuffle" in steps,
        **{rule.upper(): rule in rules for rule in RULES},
        "WHOLE_SUMS": any(layer.has_whole_sums for layer in layers.values()),
        "WHOLE_NORMS": any(
            layer.has_whole_sums and frozen.convs[name].kernel.is_taken_up for name, layer in layers.items()
        ),
        "WHOLE": any(layer.is_whole for layer in layers.values()),
        "FILTER_SCALES": any(conv.kernel.per == "filter" and not conv.kernel.is_taken_up for conv in convs),
        "ONES": any(_is_one(conv) for conv in convs),
        "SCALE": not all(_is_one(conv) for conv in convs),
        "WORK": any(layer.source in WORK for layer in layers.values()),
        "LIMITS": any(layer.has_limits for layer in layers.values()),
        "PLANES": any(choice.planes > 1 for choice in plan.choices.values()),
        "PARTS": any(_has_parts(frozen, name, layer) for name, layer in layers.items()),
        "BIT_THRESHOLDS": any(conv.op.act.bits == 1 for conv in passed),
        "NARROW": any(layer.has_thresholds and not layer.is_wide for layer in layers.values()),
        "WIDE": any(layer.is_wide for layer in layers.values()),
        "THRESHOLDS": any(conv.op.act.bits > 1 for conv in passed),
        "READERS": any(name in plan.readers and not layer.has_thresholds for name, layer in layers.items()),
        "SUMS": bool(plan.added),
    }
    sizes: dict[str, str | int] = {f"HAS_{name}": int(is_needed) for name, is_needed in found.items()}
    norms, scales = frozen.architecture.norms, frozen.architecture.scales
    sizes["STREAM_BITS"] = frozen.architecture.stream.bits
    sizes |= {"NORM_BITS": norms.bits, "SHIFT_BITS": of_shifts(norms).bits}
    sizes |= {"SCALE_BITS": scales.bits, "BIAS_BITS": of_shifts(scales).bits}
    sizes["VIEWS_IMAGE"] = int(any(_views_image(frozen, op, plan) for op in frozen.architecture.ops))
    step = 1.0 if frozen.step is None else float(frozen.step)
    return sizes | {"STEP": f"{step!r}f", "UNITS": f"{1 / step!r}f"}


def _rules(conv: FrozenConv, layer: CLayer) -> set[str]:
    """How codes of a tensor, or of a convolution that writes them by floats, are made."""
    act = conv.act
    if act is None or layer.has_limits:
        return set()
    if layer.is_whole:
        return {{"round": "whole_round", "sign": "whole_sign"}.get(act.rule, "whole_compared")}
    if act.rule == "per_image":
        return {"per_image", "ternary"}
    if act.rule == "threshold":
        return {"two_steps" if act.low == 0 else "ternary"}
    return {"divided" if act.rule == "round" and act.scale != 1 else act.rule}


def _is_one(conv: FrozenConv) -> bool:
    """Whether one unit of a sum is worth 1."""
    scales = conv.multiplier(conv.kernel.scales, act_scale=None if conv.act is None else conv.act.scale)
    return len(scales) == 1 and bool(scales[0] == 1)


def _has_parts(frozen: FrozenNetwork, name: str, layer: CLayer) -> bool:
    """Whether a result is more than a whole number times what one is worth."""
    conv = frozen.convs[name]
    is_whole = conv.kernel.levels > 0 and layer.source not in ("NET_TENSOR", "NET_PREPARED")
    return not is_whole or len(conv.kernel.terms) > 1 or (conv.act is not None and conv.act.rule == "per_image")


def _views_image(frozen: FrozenNetwork, op: Op, plan: Plan) -> bool:
    if op.kind == "zeros" or frozen.architecture.is_view(op) or (op.kind == "conv" and frozen.convs[op.name].image):
        return False
    return any(plan.home.get(name, name) == INPUT for name in op.inputs)
