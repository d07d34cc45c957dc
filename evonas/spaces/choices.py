"""Choices of a gene as Python values: what a user lists, or a range of numbers; beside them the texts of an archive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import RunFileError
from evonas.spaces.genome import Gene, Value
from objectives.display import plain

MOST_CHOICES = 1000  # of a range: every choice has a row in the run's tables
LEAST_STEP = 1e-12  # of a range, as a share of its numbers: what a float can still tell apart with room to spare
SPARE_DIGITS = 3  # of a range's numbers, beyond the first digit of a step: no step moves by more than a thousandth


@dataclass(frozen=True, slots=True)
class IntRange:
    """Whole numbers as the choices of a gene, both ends included; neighbours resemble each other.

    Attributes:
        low: The least.
        high: The greatest that a step may reach.
        step: From one to the next.
        n: How many, instead of a step: evenly spread and rounded; equal ones count once.
        is_log: Whether these are spread evenly by logarithm.

    Raises:
        RunFileError: Not whole numbers, ``low`` not below ``high``, no positive ``low`` of a logarithm, or too few or
            too many choices.

    Example:
        >>> IntRange(16, 64, step=16).values, IntRange(1, 100, n=3, is_log=True).values
        ((16, 32, 48, 64), (1, 10, 100))
    """

    low: int
    high: int
    step: int = 1
    n: int | None = None
    is_log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high", "step", "n"):
            value = getattr(self, name)
            if not _is_whole(value) and not (name == "n" and value is None):
                raise RunFileError(f"a whole number as {name} of a range", found=repr(value), remedy=f"change {name}")
        _check_ends(self, low=self.low, high=self.high, n=self.n, is_log=self.is_log)
        if self.n is None and self.is_log:
            raise RunFileError("n choices of a logarithmic range", found=repr(self), remedy="say how many, such as n=8")
        if self.step < 1 or (self.n is not None and self.step != 1):
            raise RunFileError("a step of 1 and more, or n", found=repr(self), remedy="give one of the two")
        if self.n is None and (self.high - self.low) // self.step not in range(1, MOST_CHOICES):
            raise RunFileError(
                f"a range of 2 to {MOST_CHOICES:,} choices", found=repr(self), remedy="change step, or give n"
            )

    @property
    def values(self) -> tuple[int, ...]:
        """The choices, ascending."""
        if self.n is None:
            return tuple(range(int(self.low), int(self.high) + 1, int(self.step)))
        spread = np.geomspace if self.is_log else np.linspace
        return tuple(dict.fromkeys(round(value) for value in spread(self.low, self.high, self.n).tolist()))


@dataclass(frozen=True, slots=True)
class FloatRange:
    """Numbers as the choices of a gene, both ends included; neighbours resemble each other.

    Attributes:
        low: The least.
        high: The greatest.
        n: How many, evenly spread; rounded to a thousandth of a step, so that they read well.
        is_log: Whether they are spread evenly by logarithm.

    Raises:
        RunFileError: Not finite numbers, ``low`` not below ``high``, no positive ``low`` of a logarithm, or too few or
            too many choices.

    Example:
        >>> FloatRange(1e-4, 1e-1, n=4, is_log=True).values
        (0.0001, 0.001, 0.01, 0.1)
    """

    low: float
    high: float
    n: int
    is_log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
                raise RunFileError(f"a finite number as {name} of a range", found=repr(value), remedy=f"change {name}")
        if not _is_whole(self.n):
            raise RunFileError("a whole number as n of a range", found=repr(self.n), remedy="change n")
        _check_ends(self, low=self.low, high=self.high, n=self.n, is_log=self.is_log)
        is_wide = not math.isfinite(float(self.high) - float(self.low))
        if is_wide or (np.diff(self._exact) <= LEAST_STEP * np.abs(self._exact[1:])).any():
            raise RunFileError(
                "numbers that a float tells apart", found=repr(self), remedy="widen the range, or lower n"
            )

    @property
    def values(self) -> tuple[float, ...]:
        """The choices, ascending."""
        exact = self._exact
        digits = [SPARE_DIGITS - math.floor(math.log10(step)) for step in np.diff(exact)[:-1]]
        # + 0.0, because a rounded -1e-17 would read -0.0
        inner = [round(value, digit) + 0.0 for value, digit in zip(exact[1:-1].tolist(), digits, strict=True)]
        return (float(self.low), *inner, float(self.high))

    @property
    def _exact(self) -> NDArray[np.float64]:
        """The choices before they are rounded."""
        spread = np.geomspace if self.is_log else np.linspace
        return np.asarray(spread(float(self.low), float(self.high), self.n), dtype=float)


Choices = Sequence[Value] | IntRange | FloatRange
"""What a user gives for a gene."""


def genes_of(given: Mapping[str, Choices] | Sequence[Gene]) -> tuple[Gene, ...]:
    """Genes with values, from what a user lists.

    Numbers that ascend or descend make an ordered gene. A gene without values has its labels as values.

    Raises:
        RunFileError: No genes, no choices, a gene or a choice twice, or a choice that is no plain value.
    """
    if isinstance(given, Mapping):
        genes = [_gene(name, choices) for name, choices in given.items()]
    else:
        genes = [gene if gene.values is not None else replace(gene, values=gene.choices) for gene in given]
    if not genes or not all(gene.choices for gene in genes):
        raise RunFileError(
            "at least one gene, and a choice of each", found=repr(given), remedy="list choices by name of the gene"
        )
    names = [gene.name for gene in genes]
    if len(set(names)) < len(names):
        raise RunFileError("genes that differ", found=", ".join(names), remedy="leave out what stands twice")
    for gene in genes:
        _check_distinct(gene)
    return tuple(genes)


def _gene(name: Any, choices: Any) -> Gene:
    if not isinstance(name, str):
        raise RunFileError("names of genes as texts", found=repr(name), remedy=f'write "{name}"')
    if isinstance(choices, (IntRange, FloatRange)):
        return Gene(name, tuple(map(str, choices.values)), is_ordered=True, values=choices.values)
    listed = choices.tolist() if isinstance(choices, np.ndarray) else choices
    if isinstance(listed, (str, bytes)) or not isinstance(listed, Sequence):
        raise RunFileError(
            f"a list of choices for gene {name}, or a range",
            found=repr(choices),
            remedy='write them as a list, such as ["a", "b"]; evonas.IntRange or evonas.FloatRange for numbers',
        )
    values = tuple(_plain(name, choice) for choice in listed)
    return Gene(name, tuple(map(str, values)), is_ordered=_are_sorted_numbers(values), values=values)


def _plain(name: str, choice: Any) -> Value:
    """A choice as plain Python: an archive must be able to store it, and tables to show it."""
    value = choice.item() if isinstance(choice, np.generic) else choice
    is_plain = value is None or isinstance(value, (bool, int, float, str))
    is_writable = not isinstance(value, str) or plain(value) == value
    if not is_plain or not is_writable or (isinstance(value, float) and not math.isfinite(value)):
        raise RunFileError(
            f"choices of gene {name} that are finite numbers, texts without control characters, True, False or None",
            found=repr(choice),
            remedy="give it a name as its choice, and look up in the function what the name means",
        )
    found: Value = value
    return found


def _are_sorted_numbers(values: Sequence[Value]) -> bool:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    steps = [second - first for first, second in pairwise(numbers)]
    return len(numbers) == len(values) > 1 and (min(steps) > 0 or max(steps) < 0)


def _check_distinct(gene: Gene) -> None:
    """1, 1.0 and True are equal in Python, 1 and "1" read the same in tables: of each such set, there may be one."""
    values = gene.values or ()
    if len(values) != len(gene.choices):
        raise RunFileError(
            f"a value for each choice of gene {gene.name}", found=f"{len(values)} for {len(gene.choices)}", remedy="add"
        )
    if len(set(values)) < len(values) or len(set(gene.choices)) < len(values):
        raise RunFileError(
            f"choices of gene {gene.name} that differ, as values and as texts",
            found=repr(values),
            remedy='leave out what stands twice; 1, 1.0, True and "1" are too much alike to stand together',
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_ends(given: IntRange | FloatRange, *, low: float, high: float, n: int | None, is_log: bool) -> None:
    if not low < high:
        raise RunFileError("a range whose low is below its high", found=repr(given), remedy="change one of them")
    if is_log and not low > 0:
        raise RunFileError(
            "a low above 0 of a logarithmic range", found=repr(given), remedy="raise it, or leave out is_log"
        )
    if n is not None and n not in range(2, MOST_CHOICES + 1):
        raise RunFileError(f"2 to {MOST_CHOICES:,} choices of a range", found=f"n={n}", remedy="change n")
