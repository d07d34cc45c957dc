"""What passes between the operations of a graph for compilers: tensors, and what is not written of them yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Factors = NDArray[np.float64]


class Rounding(NamedTuple):
    """A quantizer: ``round(clip(x / scale, low, high))``."""

    low: int
    high: int
    scale: float


@dataclass(frozen=True, eq=False)
class Value:
    """What an operation gives: ``tensor * factor + shift``, of which factor and shift are not written yet.

    Attributes:
        tensor: Its name; empty while ``write`` stands for it.
        channels: How many it has.
        factor, shift: ``(1,)`` or ``(channels,)``.
        write: Of a convolution that takes factor and shift into its weights and its bias: writes it, returns its
            name. Its last argument is the quantizer that alone reads it, if that is one.
    """

    tensor: str
    channels: int
    factor: Factors = field(default_factory=lambda: np.ones(1))
    shift: Factors = field(default_factory=lambda: np.zeros(1))
    write: Callable[[Factors, Factors, Rounding | None], str] | None = None

    def moved(self, factor: Any, shift: Any) -> Value:
        """The same, times a factor, plus a shift."""
        factor, shift = np.asarray(factor, np.float64).reshape(-1), np.asarray(shift, np.float64).reshape(-1)
        return replace(self, factor=self.factor * factor, shift=self.shift * factor + shift)

    @property
    def is_written(self) -> bool:
        """Whether the tensor is all of it."""
        return self.write is None and bool((self.factor == 1).all() and (self.shift == 0).all())


@dataclass(frozen=True, eq=False)
class Codes:
    """What a convolution reads.

    Attributes:
        tensor: Name of a float tensor.
        unit: What 1 of it is worth, a number, or the name of a tensor ``(n, 1, 1, 1)``.
        step: Difference of the tensor between two codes; 0 where it holds no codes.
        low, most: The smallest code, and the largest of either sign.
        is_open: Whether they are whole steps that are not stored as 8 bits yet.
    """

    tensor: str
    unit: float | str = 1.0
    step: float = 0.0
    low: int = 0
    most: int = 1
    is_open: bool = False
