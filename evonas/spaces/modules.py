"""Module structures: in which order batch norm, quantizer, convolution and the rest stand, as a gene's choice."""

from __future__ import annotations

from evonas.architecture import STEPS

INNER = tuple(step for step in STEPS if step not in ("standardize", "pool", "shuffle"))


def module_steps(label: str) -> tuple[str, ...]:
    """Read a structure such as ``"norm-quant-conv-norm-shortcut-prelu"``.

    Known ones: ``norm-quant-conv`` pre-activated (He 2016), ``norm-quant-conv-relu`` of BNAS (Kim 2020) and TAS
    (Loni 2022), ``norm-quant-conv-norm-shortcut-prelu`` of EBNAS, ``quant-conv-norm-shortcut-prelu`` of Bi-Real Net
    (Liu 2018) and ReActNet (Liu 2020).

    Raises:
        ValueError: An unknown step; not exactly one convolution; a quantizer behind it; a step twice on one side.
    """
    steps = tuple(label.split("-"))
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} in {label!r} is no step of a module; known are {', '.join(STEPS)}")
    if steps.count("conv") != 1:
        raise ValueError(f"{label!r} must hold conv once")
    conv = steps.index("conv")
    if "quant" in steps[conv:]:
        raise ValueError(f"{label!r} must quantize before conv")
    for side in (steps[:conv], steps[conv:]):
        norms = tuple(step for step in side if step in ("norm", "standardize"))
        if len(set(side)) < len(side) or len(norms) > 1:
            raise ValueError(f"{label!r} holds a step twice on one side of conv")
    if "shortcut" in steps[:conv]:
        raise ValueError(f"{label!r} must add the shortcut behind conv")
    if "prelu" in steps[:conv]:
        raise ValueError(f"{label!r} must hold prelu behind conv, for it has a slope for each output channel")
    return steps
