"""Kernels and strides as the run file gives them: one side for both axes, or a pair of height and width."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator

from evonas.architecture.fitting import Sides

Side = int | Sides
WIDEST_STRIDE = 64
MOST_SIDE = 4095


def sides(given: Side) -> Sides:
    """Height and width: ``3`` is ``(3, 3)``."""
    return (given, given) if isinstance(given, int) else given


def side_label(given: Side) -> str:
    """As a gene's choice and in the names of shared kernels: ``"3"``, ``"1x5"``."""
    return str(given) if isinstance(given, int) else "x".join(map(str, given))


def distinct(kernels: tuple[Side, ...]) -> tuple[Side, ...]:
    """Check kernels of which a gene chooses: sides ascend; where a pair is among them, each stands there once.

    Raises:
        ValueError: They do not.
    """
    squares = [kernel for kernel in kernels if isinstance(kernel, int)]
    if len(squares) == len(kernels) and squares != sorted(set(squares)):
        raise ValueError("sides of kernels must ascend")
    if len(set(kernels)) < len(kernels):
        raise ValueError("a kernel stands there twice")
    return kernels


def _read(given: Any) -> Side | None:
    """One side, if a pair is square; None if it is neither a whole number from 1 to 4,095 nor a pair of those."""
    pair = tuple(given) if isinstance(given, (list, tuple)) else (given, given)
    if len(pair) != 2 or not all(type(side) is int and 0 < side <= MOST_SIDE for side in pair):
        return None
    return pair[0] if pair[0] == pair[1] else (pair[0], pair[1])


def _kernel(given: Any) -> Side:
    found = _read(given)
    if found is None or not all(side % 2 for side in sides(found)):
        raise ValueError(
            "sides of kernels must be odd, 4,095 at most: one such as 3, or height and width such as [1, 5]"
        )
    return found


def _stride(given: Any) -> Side:
    found = _read(given)
    if found is None or max(sides(found)) > 2:
        raise ValueError("must be 1 or 2, or a pair for height and width such as [2, 1]")
    return found


def _stem_stride(given: Any) -> Side:
    found = _read(given)
    if found is None or max(sides(found)) > WIDEST_STRIDE:
        raise ValueError(f"must be 1 to {WIDEST_STRIDE}, or a pair for height and width such as [1, 16]")
    return found


Kernel = Annotated[Side, PlainValidator(_kernel)]
"""Odd sides."""
Stride = Annotated[Side, PlainValidator(_stride)]
"""1 or 2 along each axis."""
StemStride = Annotated[Side, PlainValidator(_stem_stride)]
"""1 to 64 along each axis: raw signals are long."""
