"""What of the runtime a network has use for: all else is left out by the compiler, since flash is short."""

from __future__ import annotations

from evonas.architecture.graph import INPUT, Op
from evonas.export.c.layers import CLayer
from evonas.export.c.memory.plan import Plan
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.quant.activation_rule import ActivationRule

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
    rules = {_rule(conv.act) for conv in convs if conv.act is not None}
    rules |= {"ternary"} if "per_image" in rules else set()
    passed = [frozen.convs[plan.readers[name]] for name, layer in layers.items() if layer.has_thresholds]
    found = {
        "NORM": bool(steps & {"norm", "standardize"}),
        "POOL": "pool" in steps,
        "SHORTCUT": "shortcut" in steps,
        "PRELU": "prelu" in steps,
        "SHUFFLE": "shuffle" in steps,
        **{rule.upper(): rule in rules for rule in ("sign", "round", "ternary", "two_steps", "per_image")},
        "WORK": any(layer.source in WORK for layer in layers.values()),
        "LIMITS": any(layer.has_limits for layer in layers.values()),
        "PLANES": any(choice.planes > 1 for choice in plan.choices.values()),
        "PARTS": any(_has_parts(frozen, name, layer) for name, layer in layers.items()),
        "BIT_THRESHOLDS": any(conv.op.act.bits == 1 for conv in passed),
        "THRESHOLDS": any(conv.op.act.bits > 1 for conv in passed),
        "READERS": any(name in plan.readers and not layer.has_thresholds for name, layer in layers.items()),
        "SUMS": bool(plan.added),
    }
    sizes: dict[str, str | int] = {f"HAS_{name}": int(is_needed) for name, is_needed in found.items()}
    sizes["STREAM_BITS"] = frozen.architecture.stream.bits
    sizes["VIEWS_IMAGE"] = int(any(_views_image(frozen, op, plan) for op in frozen.architecture.ops))
    step = 1.0 if frozen.step is None else float(frozen.step)
    return sizes | {"STEP": f"{step!r}f", "UNITS": f"{1 / step!r}f"}


def _rule(act: ActivationRule) -> str:
    """As the runtime calls it."""
    return act.rule if act.rule != "threshold" else "two_steps" if act.low == 0 else "ternary"


def _has_parts(frozen: FrozenNetwork, name: str, layer: CLayer) -> bool:
    """Whether a result is more than a whole number times what one is worth."""
    conv = frozen.convs[name]
    is_whole = conv.kernel.levels > 0 and layer.source not in ("NET_TENSOR", "NET_PREPARED")
    return not is_whole or len(conv.kernel.terms) > 1 or (conv.act is not None and conv.act.rule == "per_image")


def _views_image(frozen: FrozenNetwork, op: Op, plan: Plan) -> bool:
    if op.kind == "zeros" or frozen.architecture.is_view(op) or (op.kind == "conv" and frozen.convs[op.name].image):
        return False
    return any(plan.home.get(name, name) == INPUT for name in op.inputs)
