"""Number formats in one table: binary, ternary, 2–8 bit and float, each with its name, levels and bits."""

from __future__ import annotations

from dataclasses import dataclass

from evonas.errors import EvonasError, nearest


@dataclass(frozen=True, slots=True)
class Precision:
    """Number format of a weight or activation tensor.

    Attributes:
        name: What the run file and the reports call it.
        levels: Distinct values a number can take; 0 for float32.
        bits: Width that BitOPs charge. Ternary counts 2, the field's convention, although it packs into 1.6.
    """

    name: str
    levels: int
    bits: int

    @property
    def is_float(self) -> bool:
        """Whether numbers stay float32, so that there is no quantizer."""
        return self.levels == 0

    def __str__(self) -> str:
        return self.name


BINARY = Precision("binary", levels=2, bits=1)
TERNARY = Precision("ternary", levels=3, bits=2)
FLOAT = Precision("float", levels=0, bits=32)

PRECISIONS: dict[str, Precision] = {
    "binary": BINARY,
    "ternary": TERNARY,
    **{f"{bits}-bit": Precision(f"{bits}-bit", levels=2**bits, bits=bits) for bits in range(2, 9)},
    "float": FLOAT,
}

EIGHT_BIT = PRECISIONS["8-bit"]
STREAMS: dict[str, Precision] = {
    "8-bit": EIGHT_BIT,
    "16-bit": Precision("16-bit", levels=2**16, bits=16),
    "float": FLOAT,
}
"""How tensors between layers may be kept."""
NUMBERS: dict[str, Precision] = {
    "power-of-two": Precision("power-of-two", levels=16, bits=4),
    **STREAMS,
}
"""How the scales of norms may be stored; all other numbers that are no weights as in ``STREAMS``."""


def precision(name: str) -> Precision:
    """Look a precision up by name.

    Raises:
        EvonasError: The name is not in the table.
    """
    if name not in PRECISIONS:
        raise EvonasError(
            f"a precision among {', '.join(PRECISIONS)}", found=repr(name), remedy=nearest(name, PRECISIONS)
        )
    return PRECISIONS[name]
