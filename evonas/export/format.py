"""What a format of exported networks is: plain facts, and the names of the functions that write and run its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import ExportError
from evonas.plugins import resolve

Logits = NDArray[np.float32]
Runner = Callable[[NDArray[Any]], Logits]
"""Images ``(n, channels, height, width)``, uint8 pixels or float32 numbers, to logits ``(n, classes)``."""


@dataclass(frozen=True)
class Format:
    """One format. Functions are named as ``"module:name"`` and loaded when they are called: they need heavy packages.

    Attributes:
        suffix: Of its files.
        summary: What it is for.
        write: ``FrozenNetwork -> bytes`` of a file, without its digest yet.
        run: ``Sealed -> Runner``: runs a checked file in the runtime that its users have.
        stored: ``Sealed -> dict[str, int]``: bytes that a checked file holds for input and convolutions; empty
            where they cannot be told apart.
        extra: What to install for it: ``pip install evonas[EXTRA]``; empty if nothing.
        is_exact: Whether its logits are those of the frozen network to the bit, floats in the network aside. In others
            a code may be off by one, see :mod:`evonas.export.closeness`.
        weights: How weights lie in it, where it is not as ``model_size`` counts.
    """

    suffix: str
    summary: str
    write: str
    run: str
    stored: str = ""
    extra: str = ""
    is_exact: bool = True
    weights: str = ""

    def call(self, name: str, argument: Any) -> Any:
        """Call one of the functions.

        Raises:
            ExportError: It needs a package that is not installed.
        """
        try:
            return resolve(name)(argument)
        except ModuleNotFoundError as error:
            raise ExportError(
                f"the package {error.name}",
                found="it is not installed",
                remedy=f"install it: pip install 'evonas[{self.extra}]'",
            ) from error


def bytes_by_layer(sizes: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Bytes per layer of tensors that are named ``layer/part``."""
    total: dict[str, int] = {}
    for name, size in sizes:
        layer = name.rpartition("/")[0]
        total[layer] = total.get(layer, 0) + size
    return total
