"""Train one network from scratch and measure it, once, on the test set."""

from __future__ import annotations

from evonas.architecture import Architecture
from evonas.config import RunConfig
from evonas.errors import EvaluationError
from evonas.nets.network import Network
from evonas.seeding import torch_generator
from evonas.training.data import Data, batches
from surrogates.one_shot.paths import Paths
from surrogates.one_shot.score import Score, score_network
from surrogates.one_shot.training import train


def train_network(architecture: Architecture, data: Data, config: RunConfig, *, seed: int) -> tuple[Network, Score]:
    """Train one network on the training and held-out images together, and touch the test set once, at the end.

    Args:
        architecture: What to train; weights start at random, nothing is inherited.
        data: The images.
        config: Its ``training`` and ``data`` sections hold the recipe.
        seed: Of weights, batches and augmentation.

    Raises:
        EvaluationError: Its loss is no longer finite.

    Returns:
        The network after the last epoch, with batch norm calibrated on training images, and its test score.
    """
    recipe = config.training
    network = Network([architecture], generator=torch_generator(seed, "network weights"))
    images = data.train.joined(data.heldout)
    steps = recipe.epochs * max(1, len(images) // recipe.batch_size)
    try:
        train(
            network,
            Paths(lambda: [architecture], label_smoothing=recipe.label_smoothing),
            batches=batches(
                images,
                batch_size=recipe.batch_size,
                shift=config.data.shift,
                flip=config.data.flip,
                generator=torch_generator(seed, "network batches"),
            ),
            steps=steps,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            is_two_pass=recipe.is_two_pass,
        )
    except FloatingPointError as error:
        raise EvaluationError(
            "a network that trains", found=str(error), remedy="lower learning_rate under [training] in run.toml"
        ) from error
    network.calibrate(images.pixels(recipe.calibration_images))
    return network, score_network(network, images=data.test.pixels(), labels=data.test.labels)
