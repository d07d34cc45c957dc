"""Parts of a search between which the space grows or the estimate learns, and what values networks in each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
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
class Change:
    """What ends a stage and begins the next.

    Attributes:
        expansions: Widths that the search has earned.
        examples: Genomes of the front, in text form, that the correction of the estimate shall learn from, too.
    """

    expansions: tuple[Expansion, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A part of a search: the space as far as it is unlocked, and what scores its networks.

    Attributes:
        number: Changes before that gave networks other values.
        setup: The run's, with the space of this stage.
        checkpoint: Weights of the supernet; None where there is none.
        since: The first stage of this supernet, whose scores hold for this one, too.
        examples: Genomes that the correction learns from besides those that it begins with.
    """

    number: int
    setup: Setup
    checkpoint: Checkpoint | None = None
    since: int = 0
    examples: tuple[str, ...] = ()


class Stages(ABC):
    """Makes the stages of a run, and the estimators of each; what was made before an interruption is found again.

    Attributes:
        examples_a_round: Networks of the front that a correction of the estimate wants whenever it learns on; 0: none.
    """

    examples_a_round = 0

    @abstractmethod
    def first(self) -> Stage:
        """A run as it starts."""

    @abstractmethod
    def after(self, stage: Stage, change: Change) -> Stage:
        """Unlock what a search has earned, and take examples in."""

    @abstractmethod
    def estimator(self, stage: Stage) -> Estimator:
        """What gives networks their values."""

    def warnings(self) -> list[str]:
        """What the run shall say of its estimates in the end."""
        return []

    def trained(self, stage: Stage) -> Collection[str]:
        """Genomes, in text form, that the correction of a stage learns from."""
        return stage.examples

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

    def after(self, stage: Stage, change: Change) -> Stage:
        """See :class:`Stages`."""
        return replace(stage, setup=replace(stage.setup, space=unlocked(stage.setup.space, change.expansions)))

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
