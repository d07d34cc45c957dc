"""What an activation quantizer does once it is trained, as plain numbers that any runtime can apply."""

from __future__ import annotations

from dataclasses import dataclass
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
        numbers: What is stored, float32: see ``rule``.
        ratio: See ``per_image``.
    """

    rule: Rule
    low: int
    high: int
    numbers: tuple[float, ...] = ()
    ratio: float = 0.0

    @property
    def stored(self) -> NDArray[np.float32]:
        """The stored numbers as an array."""
        return np.asarray(self.numbers, dtype=np.float32)

    @property
    def scale(self) -> np.float32 | None:
        """What one step of the codes is worth; None where each image has its own."""
        if self.rule == "per_image":
            return None
        return np.float32(self.numbers[-1]) if self.numbers else np.float32(1)
