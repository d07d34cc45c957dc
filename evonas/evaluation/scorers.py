"""Ways to score a network cheaply: weights inherited from a supernet, or a short training of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from evonas.architecture.graph import Architecture
from evonas.evaluation.scoring_context import ScoringContext
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.generator import torch_generator
from evonas.training.loop import TrainingPlan, train
from evonas.training.network_training import train_alone
from evonas.training.strategies.single_path import SinglePath
from surrogates.one_shot.score import Score, score_network, score_subnet


class Scorer(ABC):
    """Scores one network in any process; small, because it is sent with every job."""

    @abstractmethod
    def score(self, context: ScoringContext, architecture: Architecture) -> Score:
        """Error and loss on the held-out images."""


@dataclass(frozen=True)
class InheritedWeights(Scorer):
    """Weights come from the run's supernet.

    Attributes:
        tuning_steps: Steps that a copy is trained for before it is scored; 0 scores the weights as they are.
    """

    tuning_steps: int = 0

    def score(self, context: ScoringContext, architecture: Architecture) -> Score:
        """See :class:`Scorer`."""
        supernet, config = context.the_supernet, context.config
        if not self.tuning_steps:
            return score_subnet(
                supernet, architecture, calibration=context.calibration, images=context.images, labels=context.labels
            )
        network = supernet.extract(architecture)
        batches = image_batches(
            context.dataset.train,
            Augmentation.of(config.data),
            batch_size=config.training.batch_size,
            generator=torch_generator(config.seed, "tuning batches"),
        )
        # The weights are the supernet's, so they are trained on at its rate; all else is as a network is trained alone.
        plan = TrainingPlan(self.tuning_steps, config.supernet.learning_rate, config.training.weight_decay)
        train(network, SinglePath(lambda: architecture), batches, plan=plan)
        network.calibrate(context.calibration)
        return score_network(network, images=context.images, labels=context.labels)


@dataclass(frozen=True)
class ShortTraining(Scorer):
    """The network is trained from scratch on the training images, for a short while.

    Attributes:
        steps: Training steps.
    """

    steps: int

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
