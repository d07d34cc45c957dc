"""How a value reads: one table from an objective's unit to the text that people see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Prefixes = Sequence[tuple[float, str]]
"""Factor and prefix, ascending."""

COUNTED: Prefixes = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
MEASURED: Prefixes = ((1e-12, "p"), (1e-9, "n"), (1e-6, "µ"), (1e-3, "m"), (1.0, ""))


def display_share(value: float) -> str:
    """Write a share in percent: 0.1234 as ``12.34 %``."""
    return f"{100 * value:.2f} %"


def display_bytes(value: float) -> str:
    """Write bytes as such below 10 KiB, in KiB from there on."""
    return f"{value:,.0f} B" if value < 10_240 else f"{value / 1024:,.1f} KiB"


def display_bits(value: float) -> str:
    """Write bits with a metric suffix: 1234567 as ``1.23 Mbit``."""
    number, prefix = _split(value, COUNTED)
    return f"{number} {prefix}bit"


def display_count(value: float) -> str:
    """Write a large count with a metric suffix: 1234567 as ``1.23 M``."""
    number, prefix = _split(value, COUNTED)
    return f"{number} {prefix}".rstrip()


def display_joules(value: float) -> str:
    """Write an energy with an engineering prefix: 0.0000012 as ``1.20 µJ``."""
    number, prefix = _split(value, MEASURED)
    return f"{number} {prefix}J"


def display_seconds(value: float) -> str:
    """Write a duration with an engineering prefix: 0.0012 as ``1.20 ms``."""
    number, prefix = _split(value, MEASURED)
    return f"{number} {prefix}s"


DISPLAYS: dict[str, Callable[[float], str]] = {
    "share": display_share,
    "bytes": display_bytes,
    "bits": display_bits,
    "J": display_joules,
    "s": display_seconds,
    "": display_count,
}


def display(value: float, unit: str) -> str:
    """Write a value of a unit; one that is not in :data:`DISPLAYS`, a user's own, with four digits.

    Example:
        >>> display(0.1234, "share"), display(2.5, "g")
        ('12.34 %', '2.5 g')
    """
    return DISPLAYS[unit](value) if unit in DISPLAYS else f"{value:.4g} {unit}"


def _split(value: float, prefixes: Prefixes) -> tuple[str, str]:
    """The number before the prefix, and the prefix: the first that leaves less than 1000 once rounded."""
    if value == 0:
        return "0", ""
    for factor, prefix in prefixes:
        number = f"{value / factor:.0f}" if prefixes is COUNTED and not prefix else f"{value / factor:.2f}"
        if abs(float(number)) < 1000:
            break
    return number, prefix
