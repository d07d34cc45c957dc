"""What an objective is: a name, a unit, and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from objectives.display import display
from objectives.layer import Layer, Number

Layers = Sequence[Layer]
"""A network as a cost model sees it: its layers in execution order. Or many networks; see :class:`Layer`."""

Measure = Callable[[Layers], Number]
"""A number from a network's layers; for the layers of ``n`` networks an array ``(n,)``, or one number for all."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A quantity to be minimised or maximised, or bounded, or only shown.

    Attributes:
        name: Column name, and what the run file calls it.
        unit: Of a value: ``"share"`` (0 to 1), ``"bytes"``, ``"bits"``, ``"J"``, ``"s"``, ``"nats"``, ``""`` for a
            count, or any other. It decides how values read; see :mod:`objectives.display`.
        title: What a figure's axis says.
        measure: Counts the quantity from a network's layers; None when layers are not enough for it, such as for the
            error, which needs trained weights, and the latency, which needs a network that runs.
        is_log: Whether values spread over orders of magnitude, so that figures and hypervolume use the logarithm.
        is_maximised: Whether more is better; values keep their sign, and a bound is then the least that is allowed.

    Example:
        >>> carbon = Objective("carbon", unit="g", title="carbon", measure=lambda layers: 0.5 * len(layers))
        >>> carbon.display(carbon.measure([]) + 2.5)
        '2.5 g'
    """

    name: str
    unit: str
    title: str
    measure: Measure | None = None
    is_log: bool = True
    is_maximised: bool = False

    @property
    def is_analytic(self) -> bool:
        """Whether the value is counted from the layers, without a network."""
        return self.measure is not None

    @property
    def sign(self) -> float:
        """What values are multiplied by before they are compared: less is then better."""
        return -1.0 if self.is_maximised else 1.0

    @property
    def facts(self) -> dict[str, str | bool]:
        """All but the measure, as JSON can store it. ``Objective(**facts)`` reads it back and displays the same."""
        names = ("name", "unit", "title", "is_log", "is_maximised")
        return {name: getattr(self, name) for name in names}

    def display(self, value: float) -> str:
        """Turn a value into the text that reports print."""
        return display(value, self.unit)
