"""A search stage: the space as far as it is unlocked, and the estimator used while it lasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from evonas.evaluation.estimator import Estimator
from evonas.run.expansion import Expansion
from evonas.run.problems.problem import Problem
from evonas.spaces import Space
from reports.run_folder.facts import Origin

P = TypeVar("P", bound=Problem)


@dataclass(frozen=True)
class SearchStage(Generic[P]):
    """A part of a search.

    Attributes:
        number: Number of supernets before this one.
        problem: The run's, with the space of this stage.
        supernet: SHA-256 of the supernet's file; None where there is none.
    """

    number: int
    problem: P
    supernet: str | None = None


class StageFactory(ABC, Generic[P]):
    """Makes the stages of a run, and the estimators of each; what was made before an interruption is reused."""

    @abstractmethod
    def first(self) -> SearchStage[P]:
        """The stage that a run starts with."""

    @abstractmethod
    def after(self, stage: SearchStage[P], expansions: Sequence[Expansion]) -> SearchStage[P]:
        """The next stage, with the widths unlocked that a search has earned."""

    @abstractmethod
    def estimator(self, stage: SearchStage[P]) -> Estimator:
        """What gives networks their values."""

    @abstractmethod
    def deliver(self, stage: SearchStage[P], origins: Mapping[Origin, int], *, may_go_on: Callable[[], bool]) -> None:
        """Measure what was found, where the search went by estimates, and store what is then believed of all else.

        Args:
            stage: The last one.
            origins: How many networks of which origin.
            may_go_on: Whether there is time.
        """

    def warnings(self) -> list[str]:
        """Warnings about the estimates, for the end of the run."""
        return []


def unlocked(space: Space, expansions: Sequence[Expansion]) -> Space:
    """A space in which the choices are open that a search has earned."""
    for expansion in expansions:
        for _ in range(expansion.unlocks):
            space = space.unlock(expansion.gene)
    return space
