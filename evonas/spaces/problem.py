"""A user's own problem from plain parts: genes, a function that evaluates, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from evonas.errors import RunFileError
from evonas.spaces.choices import Choices, genes_of
from evonas.spaces.genome import Gene, Genome, Value
from evonas.spaces.space import TableSpace
from objectives import Objective

Named = Callable[[dict[str, Any]], Mapping[str, float]]
"""Values by name, of the choices of a genome by name of the gene; choices have the types that the user gave them."""


class Problem(TableSpace):
    """A space of whatever a function can evaluate; no networks, images or torch are needed.

    Args:
        genes: The decisions: choices by name of the gene, each a list of numbers, texts, ``True``, ``False`` or
            ``None``, or an :class:`evonas.IntRange` or :class:`evonas.FloatRange`; or :class:`Gene` objects.
        evaluate: Called once per genome, with its choices by name of the gene, in the types that they were given in;
            may take long, may fail, may return NaN.
        objectives: What ``evaluate`` returns: names of what is minimised, or ``"min"`` and ``"max"`` by name, such as
            ``{"accuracy": "max", "latency": "min"}``; or :class:`evonas.Objective`, with units and titles. A search
            whose run file names no objectives takes all of them.
        count: The values that take almost no time; a search asks for them often, and never predicts them.
        is_slow: Whether ``evaluate`` is worth sending to workers; it must then be importable, or picklable.
        seconds: Seconds that ``evaluate`` takes, roughly, if known; see :class:`TableSpace`.

    Raises:
        RunFileError: No genes, no choices, no objectives, one of them twice, or a choice that is no plain value.

    Example:
        >>> from evonas import Problem
        >>> problem = Problem(
        ...     {"depth": (2, 4, 8), "has_bias": (False, True)},
        ...     lambda chosen: {"error": 1 / chosen["depth"], "cost": chosen["depth"] + chosen["has_bias"]},
        ...     objectives=["error", "cost"],
        ... )
        >>> problem.look_up(problem.repair([2, 0]))
        {'error': 0.125, 'cost': 8}
    """

    is_free = False

    def __init__(
        self,
        genes: Mapping[str, Choices] | Sequence[Gene],
        evaluate: Named,
        *,
        objectives: Sequence[str | Objective] | Mapping[str, Literal["min", "max"]],
        count: Named | None = None,
        is_slow: bool = False,
        seconds: float | None = None,
    ) -> None:
        self._genes, self._evaluate, self._count = genes_of(genes), evaluate, count
        self.is_slow, self.seconds = is_slow, seconds
        named = _named(objectives)
        self._objectives = {objective.name: objective for objective in named}
        if len(self._objectives) < len(named):
            names = ", ".join(objective.name for objective in named)
            raise RunFileError("objectives that differ", found=names, remedy="leave out what stands twice")

    @property
    def genes(self) -> tuple[Gene, ...]:
        """See :class:`evonas.spaces.Space`."""
        return self._genes

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """See :class:`TableSpace`."""
        return self._objectives

    def chosen(self, genome: Genome) -> dict[str, Value]:
        """The choice of every gene, by its name: what ``evaluate`` and ``count`` are called with."""
        pairs = zip(self._genes, genome, strict=True)
        return {gene.name: gene.values[choice] for gene, choice in pairs if gene.values is not None}

    def look_up(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return dict(self._evaluate(self.chosen(genome)))

    def count(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return dict(self._count(self.chosen(genome))) if self._count else {}


def _named(objectives: Any) -> list[Objective]:
    """Objectives from all that a user may write.

    Raises:
        RunFileError: It is something else.
    """
    ways = objectives if isinstance(objectives, Mapping) else {}
    listed = list(objectives) if isinstance(objectives, (Mapping, Sequence)) and not isinstance(objectives, str) else []
    is_known = all(isinstance(one, (str, Objective)) for one in listed) and set(ways.values()) <= {"min", "max"}
    if not listed or not is_known:
        raise RunFileError(
            "objectives by name",
            found=repr(objectives),
            remedy='such as ["error", "cost"], or {"accuracy": "max", "cost": "min"}',
        )
    return [
        Objective(one, unit="", title=one, is_log=False, is_maximised=ways.get(one) == "max")
        if isinstance(one, str)
        else one
        for one in listed
    ]
