"""How a network is written as C: the prefix of its names, the layout of its input, the kind of package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from evonas.errors import ExportError, nearest

LAYOUTS = {"chw": "planes, one channel after another", "hwc": "pixel by pixel, channels side by side"}
PACKAGES = {
    "plain": "sources, a self-test, an example and CMakeLists.txt",
    "arduino": "an Arduino library",
    "platformio": "a PlatformIO library",
    "zephyr": "a Zephyr module",
}
NAME, LAYOUT, PACKAGE = "C names", "C input layout", "C package"
STANDARD_HEADERS = (
    *("assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math"),
    *("setjmp", "signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string", "tgmath", "time"),
    *("wchar", "wctype"),
)


@dataclass(frozen=True)
class COptions:
    """What a user chooses of exported C. It travels in the facts of the network, so that a file tells how it was made.

    Attributes:
        name: Prefix of everything that it defines, so that several networks fit into one program.
        input_layout: A key of ``LAYOUTS``.
        package: A key of ``PACKAGES``; "": a single file.
    """

    name: str = "evonas"
    input_layout: str = "chw"
    package: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.name):
            raise ExportError(
                "a name that C allows", found=repr(self.name), remedy="use letters, digits and underscores"
            )
        if self.package and self.name.lower() in (*STANDARD_HEADERS, "main"):
            raise ExportError(
                "a name that no header of C and no other file of the library has",
                found=repr(self.name),
                remedy=f"choose another one, such as {self.name}_net",
            )
        _known(self.input_layout, LAYOUTS, "an input layout")
        if self.package:
            _known(self.package, PACKAGES, "a kind of package")

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self:
        """Those with which a network's file was written; the usual ones where it does not say.

        Raises:
            ExportError: They name what there is not.
        """
        usual = cls()
        return cls(facts.get(NAME, usual.name), facts.get(LAYOUT, usual.input_layout), facts.get(PACKAGE, ""))

    @property
    def facts(self) -> dict[str, str]:
        """As facts of a network, for :meth:`of`."""
        return {NAME: self.name, LAYOUT: self.input_layout} | ({PACKAGE: self.package} if self.package else {})

    def prefixed(self, text: str) -> str:
        """Text of the runtime's templates with this name in place of ``net``."""
        return re.sub(r"\bNET_", f"{self.name.upper()}_", re.sub(r"\bnet_", f"{self.name}_", text))

    @property
    def is_channels_last(self) -> bool:
        """Whether an image's channels lie side by side."""
        return self.input_layout == "hwc"


def as_laid_out(images: NDArray[Any], options: COptions) -> NDArray[Any]:
    """Images ``(n, channels, height, width)`` in the order in which a file reads them."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1) if options.is_channels_last else images)


def _known(word: str, known: Mapping[str, str], kind: str) -> None:
    if word not in known:
        listed = "; ".join(f"{key} ({text})" for key, text in known.items())
        raise ExportError(f"{kind}: {listed}", found=repr(word), remedy=nearest(word, known))
