"""What an objective is: a name, a unit, and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from objectives.layer import Layer

Layers = Sequence[Layer]
"""A network as a cost model sees it: its layers in execution order."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A quantity to be minimised, or bounded, or only shown.

    Attributes:
        name: Column name, and what the run file calls it.
        unit: Of a value; ``""`` for a share.
        title: What a figure's axis says.
        measure: Counts the quantity from a network's layers; None when it needs a trained network (the error does).
        is_log: Whether values spread over orders of magnitude, so that figures and hypervolume use the logarithm.
        display: Turns a value into the text that reports print.
    """

    name: str
    unit: str
    title: str
    measure: Callable[[Layers], int | float] | None
    is_log: bool
    display: Callable[[float], str]

    @property
    def is_analytic(self) -> bool:
        """Whether the value is counted from the layers, without a network."""
        return self.measure is not None
