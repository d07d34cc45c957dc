"""How a value reads: one table from an objective's unit to the text that people see; and texts from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Prefixes = Sequence[tuple[float, str, int]]
"""Factor, prefix and digits after the point, ascending."""

COUNTED: Prefixes = ((1.0, "", 0), (1e3, "k", 2), (1e6, "M", 2), (1e9, "G", 2), (1e12, "T", 2))
# what a terminal obeys (control characters, but for tabs and ends of lines), what turns the direction of writing, and
# halves of pairs, which no UTF-8 holds
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MEASURED: Prefixes = ((1e-12, "p", 2), (1e-9, "n", 2), (1e-6, "µ", 2), (1e-3, "m", 2), (1.0, "", 2))


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


def display_number(value: float) -> str:
    """Write a number without a unit in its own scale: whole ones whole, others with four digits.

    From 1000 on with a metric suffix: 1234567 as ``1.23 M``; from 1e15 on as a power of ten.
    """
    if value == round(value) and abs(value) < 1000:
        return f"{value + 0.0:.0f}"  # -0.0 is no number to people
    text = f"{value:.4g}"
    if not 1000 <= abs(float(text)) < 1e15:
        return text
    number, prefix = _split(value, COUNTED)
    return f"{number} {prefix}"


def display_joules(value: float) -> str:
    """Write an energy with an engineering prefix: 0.0000012 as ``1.20 µJ``."""
    number, prefix = _split(value, MEASURED)
    return f"{number} {prefix}J"


def display_seconds(value: float) -> str:
    """Write a duration with an engineering prefix: 0.0012 as ``1.20 ms``."""
    number, prefix = _split(value, MEASURED)
    return f"{number} {prefix}s"


def display_nats(value: float) -> str:
    """Write a cross-entropy: 0.12345 as ``0.1235 nats``."""
    return f"{value:.4f} nats"


DISPLAYS: dict[str, Callable[[float], str]] = {
    "share": display_share,
    "bytes": display_bytes,
    "bits": display_bits,
    "J": display_joules,
    "s": display_seconds,
    "nats": display_nats,
    "": display_number,
}


def display(value: float, unit: str) -> str:
    """Write a value of a unit; one that is not in :data:`DISPLAYS`, a user's own, with four digits.

    Example:
        >>> display(0.1234, "share"), display(2.5, "g")
        ('12.34 %', '2.5 g')
    """
    return DISPLAYS[unit](value) if unit in DISPLAYS else f"{value:.4g} {unit}"


def plain(text: str, *, most: int | None = None) -> str:
    """A text from anywhere, as it may be printed and stored: what a terminal would obey is spelled as ``\\u001b``.

    Args:
        text: Any; names of files and messages of errors may hold everything.
        most: Letters to keep, with a note of how many are left out; None: all.
    """
    if most is not None and len(text) > most:
        text = f"{text[:most]} … ({len(text) - most:,} more letters)"
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _split(value: float, prefixes: Prefixes) -> tuple[str, str]:
    """The number before the prefix, and the prefix: the first that leaves less than 1000 once rounded."""
    if value == 0:
        return "0", ""
    written = [(f"{value / factor:.{digits}f}", prefix) for factor, prefix, digits in prefixes]
    return next((pair for pair in written if abs(float(pair[0])) < 1000), written[-1])
