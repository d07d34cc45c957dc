"""How a network's input is written: as whole numbers of 8 bits, whatever the data are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
AXES = {"all": (0, 1, 2, 3), "channel": (0, 2, 3), "row": (0, 3), "column": (0, 2), "feature": (0,)}
"""Axes of ``(n, channels, height, width)`` over which numbers are standardised together."""
LARGEST = 127  # of standardised codes, up and down
PER_SD = 32  # codes that stand for 1: with bell-shaped numbers about one standard deviation, and 127 is four of them
MOST_LISTED = 64  # constants that are worth reading


@dataclass(frozen=True, eq=False)
class InputCodes:
    """Whole numbers that a network reads, and how they are made.

    Pixels are such numbers as they are, 0 to 255, and stand for 0 to 1. All other numbers are standardised first:
    ``code = round((x - centre) * density)``, in float32, halves to even, cut to -127 to 127; 32 stand for 1, and 0,
    which is what convolutions meet beyond the border, for the mean. An image's own mean may be subtracted
    from it before, so that its level does not count.

    Attributes:
        low, high: The smallest and the largest code.
        per_one: Codes that stand for 1.
        centre, density: ``(channels or 1, height or 1, width or 1)``: what standardises numbers; None for pixels.
        subtracts_mean: Whether the mean over all numbers of an image is subtracted from them first.
    """

    low: int = 0
    high: int = 255
    per_one: int = 255
    centre: Floats | None = None
    density: Floats | None = None
    subtracts_mean: bool = False

    @property
    def standards(self) -> tuple[Floats, Floats] | None:
        """Centre and density, or None for pixels."""
        return None if self.centre is None or self.density is None else (self.centre, self.density)

    @property
    def n_stored(self) -> int:
        """Numbers of four bytes that a file stores to make them."""
        return 0 if self.standards is None else sum(array.size for array in self.standards)

    def encode(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Codes of numbers ``(n, channels, height, width)``: uint8 pixels as they are, others as int8."""
        if self.standards is None:
            return numbers.astype(np.uint8, copy=False)
        steps = self._steps(numbers)
        codes: NDArray[np.int8] = np.rint(np.clip(steps, np.float32(self.low), np.float32(self.high))).astype(np.int8)
        return codes

    def decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Numbers in the middle of what has these codes, with a mean near 0 if it is subtracted; pixels as they are."""
        if self.standards is None:
            return codes
        centre, density = self.standards
        return codes.astype(np.float32) / density + centre

    def is_cut(self, numbers: NDArray[Any]) -> NDArray[np.bool_]:
        """Which numbers lie beyond the codes, by more than rounding."""
        if self.standards is None:
            return np.zeros(numbers.shape, dtype=bool)
        found: NDArray[np.bool_] = np.abs(self._steps(numbers)) > self.high + 0.5
        return found

    def _steps(self, numbers: NDArray[Any]) -> Floats:
        """Numbers in codes, not yet rounded and cut."""
        assert self.standards is not None
        centre, density = self.standards
        numbers = numbers.astype(np.float32, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite, and is cut
            found: Floats = ((without_mean(numbers) if self.subtracts_mean else numbers) - centre) * density
        return found

    def described(self) -> dict[str, str]:
        """In words, for what is kept with a network."""
        if self.standards is None:
            return {"input codes": "8 bits without sign, of which 0 to 255 stand for 0 to 1"}
        less = " - mean of all x" * self.subtracts_mean
        rule = f"round((x{less} - centre) * density), cut to {self.low} to {self.high}, {self.per_one} of which are 1"
        lists = dict(zip(("centre", "density"), self.standards, strict=True))
        if self.n_stored > 2 * MOST_LISTED:
            return {"input codes": f"{rule}; {self.n_stored} numbers of centre and density are in exported files"}
        return {"input codes": rule} | {f"input {name}": _listed(array) for name, array in lists.items()}


PIXELS = InputCodes()


def without_mean(numbers: Floats) -> Floats:
    """Numbers ``(n, channels, height, width)`` less the mean of each image, added up in the order of all runtimes.

    That is neighbours in pairs, then pairs of pairs, and so on; one that is left over moves up unchanged.
    """
    sums = numbers.reshape(len(numbers), -1)
    n = np.float32(sums.shape[1])
    while (length := sums.shape[1]) > 1:
        pairs = sums[:, 0 : length - length % 2 : 2] + sums[:, 1::2]
        sums = np.concatenate([pairs, sums[:, length - 1 :]], axis=1) if length % 2 else pairs
    found: Floats = numbers - (sums / n)[:, :, None, None]
    return found


def _listed(array: Floats) -> str:
    return json.dumps([float(str(number)) for number in array.ravel()])
