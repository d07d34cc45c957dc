"""Module structures: the order of batch norm, quantizer, convolution and other steps, as a gene's choice."""

from __future__ import annotations

from functools import lru_cache

from evonas.architecture.graph import STEPS


def inner_steps(label: str) -> tuple[str, ...]:
    """Read the structure of a searched layer, which must quantize its input and keep its sides.

    Raises:
        ValueError: As :func:`module_steps`; or it does not quantize, pools, or shuffles.
    """
    steps = module_steps(label)
    if "quant" not in steps:
        raise ValueError(f"{label!r} must hold quant, for the layer has activation precisions")
    for step in ("pool", "shuffle"):
        if step in steps:
            raise ValueError(f"{label!r} holds {step}, which only other layers may")
    return steps


def stem_steps(label: str) -> tuple[str, ...]:
    """Read the structure of a first layer, which keeps the sides and changes the channels.

    Raises:
        ValueError: As :func:`module_steps`; or it pools, shuffles, or has a shortcut.
    """
    steps = module_steps(label)
    for step in ("pool", "shuffle", "shortcut"):
        if step in steps:
            raise ValueError(f"{label!r} holds {step}, which a first layer cannot")
    return steps


def classifier_steps(label: str) -> tuple[str, ...]:
    """Read the structure of a last layer, which gives one number per class.

    Raises:
        ValueError: As :func:`module_steps`; or it does not pool, or a step follows its convolution.
    """
    steps = module_steps(label)
    if "pool" not in steps:
        raise ValueError(f"{label!r} must hold pool, for a classifier sees the whole image")
    if steps[-1] != "conv":
        raise ValueError(f"{label!r} must end with conv, whose output are the logits")
    return steps


@lru_cache
def module_steps(label: str) -> tuple[str, ...]:
    """Read a structure such as ``"norm-quant-conv-norm-shortcut-prelu"``.

    Known ones: ``norm-quant-conv`` pre-activated (He 2016), ``norm-quant-conv-relu`` of BNAS (Kim 2020) and TAS
    (Loni 2022), ``norm-quant-conv-norm-shortcut-prelu`` of EBNAS, ``quant-conv-norm-shortcut-prelu`` of Bi-Real Net
    (Liu 2018) and ReActNet (Liu 2020).

    Raises:
        ValueError: An unknown step; not exactly one convolution; a quantizer anywhere but in front of it; a pool behind
            it; a step twice on one side.
    """
    steps = tuple(label.split("-"))
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} in {label!r} is no step of a module; known are {', '.join(STEPS)}")
    if steps.count("conv") != 1:
        raise ValueError(f"{label!r} must hold conv once")
    conv = steps.index("conv")
    if "quant" in steps and steps[conv - 1 : conv] != ("quant",):  # otherwise the convolution would read floats
        raise ValueError(f"{label!r} must quantize directly before conv")
    if "pool" in steps[conv:]:
        raise ValueError(f"{label!r} must pool before conv")
    for side in (steps[:conv], steps[conv:]):
        norms = tuple(step for step in side if step in ("norm", "standardize"))
        if len(set(side)) < len(side) or len(norms) > 1:
            raise ValueError(f"{label!r} holds a step twice on one side of conv")
    if "shortcut" in steps[:conv]:
        raise ValueError(f"{label!r} must add the shortcut behind conv")
    if "prelu" in steps[:conv]:
        raise ValueError(f"{label!r} must hold prelu behind conv, for it has a slope for each output channel")
    return steps
