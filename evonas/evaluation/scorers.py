"""Ways to score a network cheaply: weights inherited from a supernet, or a short training of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from evonas.architecture.graph import Architecture
from evonas.evaluation.scoring_context import ScoringContext
from evonas.training.datasets.image_batches import Augmentation
from evonas.training.network_training import train_alone
from objectives import Fidelity
from surrogates.one_shot.score import Score, score_network, score_subnet


class Scorer(ABC):
    """Scores one network in any process; small, because it is sent with every job."""

    @property
    @abstractmethod
    def fidelity(self) -> Fidelity:
        """By which weights."""

    @abstractmethod
    def score(self, context: ScoringContext, architecture: Architecture) -> Score:
        """Error and loss on the held-out images."""


@dataclass(frozen=True)
class InheritedWeights(Scorer):
    """Weights come from the run's supernet."""

    @property
    def fidelity(self) -> Fidelity:
        """See :class:`Scorer`."""
        return Fidelity.INHERITED

    def score(self, context: ScoringContext, architecture: Architecture) -> Score:
        """See :class:`Scorer`."""
        return score_subnet(
            context.the_supernet,
            architecture,
            calibration=context.calibration,
            images=context.images,
            labels=context.labels,
        )


@dataclass(frozen=True)
class ShortTraining(Scorer):
    """The network is trained from scratch on the training images, for a short while.

    Attributes:
        steps: Training steps.
    """

    steps: int

    @property
    def fidelity(self) -> Fidelity:
        """See :class:`Scorer`."""
        return Fidelity.BRIEF

    def score(self, context: ScoringContext, architecture: Architecture) -> Score:
        """See :class:`Scorer`."""
        config = context.config
        network = train_alone(
            architecture,
            context.dataset.train,
            config.training,
            augmentation=Augmentation.of(config.data),
            seed=config.seed,
            steps=self.steps,
        )
        return score_network(network, images=context.images, labels=context.labels)
