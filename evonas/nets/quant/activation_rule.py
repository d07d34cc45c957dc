"""What an activation quantizer does once it is trained, as plain numbers that any runtime can apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["sign", "round", "threshold", "per_image"]


@dataclass(frozen=True, eq=False)
class ActivationRule:
    """A rule that makes integer codes of activations, and the scale that the codes stand for.

    Attributes:
        rule: One of

            - ``sign``: ``+1 if x >= 0 else -1``, scale 1;
            - ``round``: ``round(clip(x / scale, low, high))``, halves to even, ``numbers = (scale,)``;
            - ``threshold``: with ``numbers = (t, scale)``, from ``low = -1``: ``sign(x) if |x| > t else 0``; from
              ``low = 0``: ``(x > t) + (x > t + scale)``;
            - ``per_image``: ``sign(x) if |x| > t else 0`` with ``t = ratio * mean|x|`` of each image, and the mean of
              ``|x|`` beyond ``t`` as the scale; nothing is stored.
        low, high: Smallest and largest code.
        numbers: float32, see ``rule``.
        ratio: See ``per_image``.
        is_taken_up: Whether a norm in front took up the step of its codes, so that ``scale`` is 1, and so is ``t``
            where ``low = -1``; neither is stored then.
    """

    rule: Rule
    low: int
    high: int
    numbers: tuple[float, ...] = ()
    ratio: float = 0.0
    is_taken_up: bool = False

    @property
    def stored(self) -> NDArray[np.float32]:
        """The numbers that are stored."""
        stored = self.numbers[: self.rule == "threshold" and self.low == 0] if self.is_taken_up else self.numbers
        return np.asarray(stored, dtype=np.float32)

    def taken_up(self) -> tuple[ActivationRule, float, float]:
        """The same for inputs in other units, what one such unit is, and what a step of the codes was worth."""
        numbers, units = self.numbers, 1.0
        if self.rule == "round":
            numbers, units = (1.0,), self.numbers[0]
        elif self.rule == "threshold":
            threshold, scale = self.numbers
            numbers, units = ((1.0, 1.0), threshold) if self.low else ((threshold / scale, 1.0), scale)
        return replace(self, numbers=numbers, is_taken_up=True), units, self.numbers[-1] if self.numbers else 1.0

    @property
    def scale(self) -> np.float32 | None:
        """What one step of the codes is worth; None where each image has its own."""
        if self.rule == "per_image":
            return None
        return np.float32(self.numbers[-1]) if self.numbers else np.float32(1)
