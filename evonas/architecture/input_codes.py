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
    which is what convolutions meet beyond the border, for the mean. An image's own level may be subtracted
    from it before, its mean or its maximum, so that it does not count; and what lies far below be raised.

    Attributes:
        low, high: The smallest and the largest code.
        per_one: Codes that stand for 1.
        centre, density: ``(channels or 1, height or 1, width or 1)``: what standardises numbers; None for pixels.
        level: What is subtracted first from all numbers of an image: their "mean", their "maximum" or "nothing".
        floor: What numbers below it are raised to, then; None: they stay.
    """

    low: int = 0
    high: int = 255
    per_one: int = 255
    centre: Floats | None = None
    density: Floats | None = None
    level: str = "nothing"
    floor: float | None = None

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
        """Numbers of which :meth:`encode` makes these codes, each in the middle of all such; pixels as they are."""
        if self.standards is None:
            return codes
        centre, density = self.standards
        numbers = codes.astype(np.float32) / density + centre
        if self.level == "maximum":  # one number of each image was 0
            numbers = np.where(
                codes == np.rint(np.clip(-centre * density, self.low, self.high)), np.float32(0), numbers
            )
        return numbers

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
            found: Floats = (levelled(numbers, self.level, floor=self.floor) - centre) * density
        return found

    def described(self) -> dict[str, str]:
        """In words, for what is kept with a network."""
        if self.standards is None:
            return {"input codes": "8 bits without sign, of which 0 to 255 stand for 0 to 1"}
        x = "x" if self.level == "nothing" else f"x - {self.level} of all x"
        x = x if self.floor is None else f"max({x}, {self.floor:g})"
        rule = f"round(({x} - centre) * density), cut to {self.low} to {self.high}, {self.per_one} of which are 1"
        lists = dict(zip(("centre", "density"), self.standards, strict=True))
        if self.n_stored > 2 * MOST_LISTED:
            return {"input codes": f"{rule}; {self.n_stored} numbers of centre and density are in exported files"}
        return {"input codes": rule} | {f"input {name}": _listed(array) for name, array in lists.items()}


PIXELS = InputCodes()


def levelled(numbers: Floats, level: str, *, floor: float | None = None) -> Floats:
    """Numbers ``(n, channels, height, width)`` less the level of each image, and raised to a floor.

    Args:
        numbers: As they come.
        level: As in :class:`InputCodes`.
        floor: The least that is left.
    """
    if level != "nothing":
        flat = numbers.reshape(len(numbers), -1)
        of_images = _means(flat) if level == "mean" else flat.max(axis=1, keepdims=True)
        numbers = numbers - of_images[:, :, None, None]
    return numbers if floor is None else np.maximum(numbers, np.float32(floor))


def _means(sums: Floats) -> Floats:
    """Of rows, ``(n, 1)``, added up in the order of all runtimes.

    That is neighbours in pairs, then pairs of pairs, and so on; one that is left over moves up unchanged.
    """
    n = np.float32(sums.shape[1])
    while (length := sums.shape[1]) > 1:
        pairs = sums[:, 0 : length - length % 2 : 2] + sums[:, 1::2]
        sums = np.concatenate([pairs, sums[:, length - 1 :]], axis=1) if length % 2 else pairs
    return np.asarray(sums / n)


def _listed(array: Floats) -> str:
    return json.dumps([float(str(number)) for number in array.ravel()])
