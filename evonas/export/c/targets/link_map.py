"""What a linker says of where things lie: bytes of a network in flash and RAM, apart from those of the program."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLACED = re.compile(r"^ (\.[\w.$]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$", flags=re.MULTILINE)
CODE, CONSTANTS, VARIABLES = ("text",), ("rodata", "srodata"), ("data", "sdata", "bss", "sbss")


@dataclass(frozen=True)
class Sizes:
    """Bytes of a network in a program.

    Attributes:
        code: Its functions.
        constants: Weights, scales, thresholds, and what says how layers are run.
        helpers: What it needs of the compiler's libraries: floats in software, division, copying.
        variables: RAM that it takes for itself.
    """

    code: int
    constants: int
    helpers: int
    variables: int


def sizes_of(link_map: str, *, object_name: str) -> Sizes:
    """Read a map that GNU ld wrote.

    Args:
        link_map: The text.
        object_name: Of the file that the network was compiled to.
    """
    _, _, placed = link_map.partition("Linker script and memory map")
    rows = [(name.split(".")[1], int(size, 16), source) for name, size, source in PLACED.findall(placed)]
    own = [(kind, size) for kind, size, source in rows if source == object_name]
    helpers = [(kind, size) for kind, size, source in rows if re.search(r"lib\w+\.a\(", source)]

    def total(found: list[tuple[str, int]], kinds: tuple[str, ...]) -> int:
        return sum(size for kind, size in found if kind in kinds)

    return Sizes(
        total(own, CODE), total(own, CONSTANTS), total(helpers, (*CODE, *CONSTANTS)), total(own + helpers, VARIABLES)
    )
