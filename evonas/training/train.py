"""Train one network from scratch: briefly, to estimate it, or in full, to measure it once on the test set."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from evonas.architecture import Architecture
from evonas.config import RunConfig
from evonas.errors import EvaluationError
from evonas.nets.network import Network
from evonas.seeding import torch_generator
from evonas.training.batches import batches
from evonas.training.data import Data, Split
from surrogates.one_shot.paths import Paths
from surrogates.one_shot.score import Score, score_network
from surrogates.one_shot.training import train


def run_batches(
    images: Split, config: RunConfig, *, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever, augmented as the run file says; see :func:`evonas.training.batches.batches`."""
    return batches(images, batch_size=batch_size, shift=config.data.shift, flip=config.data.flip, generator=generator)


def train_alone(
    architecture: Architecture, images: Split, config: RunConfig, *, seed: int, steps: int | None = None
) -> Network:
    """Train one network from random weights.

    Args:
        architecture: What to train; nothing is inherited.
        images: What to train on.
        config: Its ``training`` and ``data`` sections hold the recipe.
        seed: Of weights, batches and augmentation.
        steps: Updates, instead of the recipe's passes over the images.

    Raises:
        FloatingPointError: Its loss is no longer finite.

    Returns:
        The network after the last update, with batch norm calibrated on some of the images.
    """
    recipe = config.training
    network = Network([architecture], generator=torch_generator(seed, "network weights"))
    train(
        network,
        Paths(lambda: [architecture], label_smoothing=recipe.label_smoothing),
        batches=run_batches(
            images, config, batch_size=recipe.batch_size, generator=torch_generator(seed, "network batches")
        ),
        steps=steps or recipe.epochs * max(1, len(images) // recipe.batch_size),
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        is_two_pass=recipe.is_two_pass,
    )
    network.calibrate(images.pixels(recipe.calibration_images))
    return network


def train_and_test(architecture: Architecture, data: Data, config: RunConfig, *, seed: int) -> tuple[Network, Score]:
    """Train one network on the training and held-out images together, and touch the test set once, at the end.

    Args:
        architecture: What to train.
        data: The images.
        config: The recipe; see :func:`train_alone`.
        seed: Of weights, batches and augmentation.

    Raises:
        EvaluationError: Its loss is no longer finite.

    Returns:
        The network after the last epoch, and its test score.
    """
    try:
        network = train_alone(architecture, data.train.joined(data.heldout), config, seed=seed)
    except FloatingPointError as error:
        raise EvaluationError(
            "a network that trains", found=str(error), remedy="lower learning_rate under [training] in run.toml"
        ) from error
    return network, score_network(network, images=data.test.pixels(), labels=data.test.labels)
