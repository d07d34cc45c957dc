"""Work for workers, importable in other processes."""

from __future__ import annotations


def joined(text: str, payload: str) -> str:
    return text + payload


def twice(number: int) -> int:
    return 2 * number


def fails(number: int) -> int:
    raise ValueError(number)
