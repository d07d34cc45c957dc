"""How close logits come to those of the frozen network, in steps of the codes that its last layer reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evonas.export.format import Logits
from evonas.nets.frozen import FrozenNetwork

ROUNDING = 1e-5  # of the largest logit


@dataclass(frozen=True)
class Closeness:
    """Logits of a file beside those of its network.

    Attributes:
        difference: The largest of any logit.
        step: By how much a logit may change if one of the codes that the last layer reads changes by one; 0 where
            it reads none, or each image has a scale of its own.
        equal: Share of images with the same logits, but for the rounding of floats.
        within_step: Share of images of which no logit differs by more than a step.
    """

    difference: float
    step: float
    equal: float
    within_step: float


def closeness(found: Logits, expected: Logits, frozen: FrozenNetwork) -> Closeness:
    """Compare logits ``(n, classes)`` with those of the network."""
    step = last_step(frozen)
    differences = np.abs(found - expected).max(axis=1)
    rounding = ROUNDING * np.abs(expected).max()
    return Closeness(
        difference=float(differences.max()),
        step=step,
        equal=float((differences <= rounding).mean()),
        within_step=float((differences <= step + rounding).mean()),
    )


def last_step(frozen: FrozenNetwork) -> float:
    """See :attr:`Closeness.step`."""
    conv = frozen.convs.get(frozen.architecture.ops[-1].name)
    if conv is None or conv.act is None or conv.act.scale is None:
        return 0.0
    largest = [np.abs(values).reshape(len(values), -1).max(axis=1) * scale for values, scale in conv.kernel.terms]
    codes_apart = 2 if conv.act.rule == "sign" else 1
    return float(codes_apart * conv.act.scale * np.sum([one.max() for one in largest]))
