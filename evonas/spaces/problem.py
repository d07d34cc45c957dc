"""A user's own problem from plain parts: genes, a function that evaluates, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evonas.errors import RunFileError
from evonas.spaces.genome import Gene, Genome
from evonas.spaces.space import TableSpace
from objectives import Objective

Named = Callable[[dict[str, str]], Mapping[str, float]]
"""Values by name, of the choices of a genome by name of the gene."""


class Problem(TableSpace):
    """A space of whatever a function can evaluate; no networks, images or torch are needed.

    Args:
        genes: The decisions: choices by name of the gene, or :class:`Gene` objects where order matters.
        evaluate: Called once per genome, with its choices; may take long, may fail, may return NaN.
        objectives: What ``evaluate`` returns, by name or as :class:`objectives.Objective`.
        count: The values that take almost no time; a search asks for them often, and never predicts them.
        is_slow: Whether ``evaluate`` is worth sending to workers; it must then be importable, or picklable.
        seconds: Seconds that ``evaluate`` takes, roughly, if known; see :class:`TableSpace`.

    Raises:
        RunFileError: No genes, no choices, no objectives, or one of them twice.

    Example:
        >>> from evonas import Problem
        >>> problem = Problem(
        ...     {"depth": ("2", "4", "8"), "op": ("conv", "pool")},
        ...     lambda chosen: {"error": 1 / int(chosen["depth"]), "cost": float(chosen["depth"])},
        ...     objectives=["error", "cost"],
        ... )
        >>> problem.look_up(problem.repair([2, 0]))
        {'error': 0.125, 'cost': 8.0}
    """

    is_free = False

    def __init__(
        self,
        genes: Mapping[str, Sequence[str]] | Sequence[Gene],
        evaluate: Named,
        *,
        objectives: Sequence[str | Objective],
        count: Named | None = None,
        is_slow: bool = False,
        seconds: float | None = None,
    ) -> None:
        if isinstance(genes, Mapping):
            genes = [Gene(name, _labels(name, choices)) for name, choices in genes.items()]
        self._genes, self._evaluate, self._count = tuple(genes), evaluate, count
        self.is_slow, self.seconds = is_slow, seconds
        if not self._genes or not all(gene.choices for gene in self._genes):
            raise RunFileError(
                "at least one gene, and a choice of each", found=repr(genes), remedy="list choices by name of the gene"
            )
        if isinstance(objectives, str) or not objectives:
            raise RunFileError("a list of objectives", found=repr(objectives), remedy='such as ["error", "cost"]')
        named = [_objective(one) if isinstance(one, str) else one for one in objectives]
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

    def look_up(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return dict(self._evaluate(self.describe(genome)))

    def count(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return dict(self._count(self.describe(genome))) if self._count else {}


def _labels(name: str, choices: Sequence[str]) -> tuple[str, ...]:
    if isinstance(choices, str) or not isinstance(choices, Sequence):
        raise RunFileError(
            f"a list of choices for gene {name}", found=repr(choices), remedy='write them as a list, such as ["a", "b"]'
        )
    return tuple(map(str, choices))


def _objective(name: str) -> Objective:
    return Objective(name, unit="", title=name, is_log=False)
