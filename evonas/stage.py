"""A search stage: the space as far as it is unlocked, and the estimator used while it lasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evonas.backends import Workers
from evonas.evaluation import Estimator, LookUp
from evonas.expansion import Expansion
from evonas.setup import Setup
from evonas.spaces import Space, TableSpace

if TYPE_CHECKING:
    from evonas.workbench import Checkpoint


@dataclass(frozen=True)
class Stage:
    """A part of a search: the space as far as it is unlocked, and what scores its networks.

    Attributes:
        number: Supernets before this one.
        setup: The run's, with the space of this stage.
        checkpoint: Weights of the supernet; None where there is none.
    """

    number: int
    setup: Setup
    checkpoint: Checkpoint | None = None


class Stages(ABC):
    """Makes the stages of a run, and the estimators of each; what was made before an interruption is found again."""

    @abstractmethod
    def first(self) -> Stage:
        """A run as it starts."""

    @abstractmethod
    def after(self, stage: Stage, expansions: Sequence[Expansion]) -> Stage:
        """Unlock the widths that a search has earned."""

    @abstractmethod
    def estimator(self, stage: Stage) -> Estimator:
        """What gives networks their values."""

    def warnings(self) -> list[str]:
        """What the run shall say of its estimates in the end."""
        return []

    @abstractmethod
    def tuned_estimator(self, stage: Stage) -> Estimator | None:
        """What scores the candidates of the front once more and better; None if nothing does."""


class LookedUpStages(Stages):
    """Those of a table or a formula: nothing is trained."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def first(self) -> Stage:
        """See :class:`Stages`."""
        return Stage(0, self.setup)

    def after(self, stage: Stage, expansions: Sequence[Expansion]) -> Stage:
        """See :class:`Stages`."""
        return replace(stage, setup=replace(stage.setup, space=unlocked(stage.setup.space, expansions)))

    def estimator(self, stage: Stage) -> Estimator:
        """See :class:`Stages`."""
        space = stage.setup.space
        assert isinstance(space, TableSpace)
        config = stage.setup.config
        return LookUp(
            space,
            workers=Workers.of(config.compute),
            seconds_a_network=config.estimate.seconds_a_network,
            retries=config.estimate.retries,
        )

    def tuned_estimator(self, stage: Stage) -> None:
        """See :class:`Stages`."""


def unlocked(space: Space, expansions: Sequence[Expansion]) -> Space:
    """A space with the choices open that a search has earned."""
    for expansion in expansions:
        for _ in range(expansion.unlocks):
            space = space.unlock(expansion.gene)
    return space
