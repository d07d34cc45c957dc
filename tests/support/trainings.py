"""A small network, a few images, and short trainings of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig, parse_config
from evonas.config.sections import DataConfig
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.training.datasets.dataset import Dataset, Split, load_dataset
from evonas.training.datasets.image_batches import Augmentation
from evonas.training.network_training import TrainingExtras, train_alone

SPACE = CellSpace.of(
    (1, 8, 8),
    10,
    cells=("normal",),
    nodes=1,
    channels=2,
    stem_channels=4,
    ops=("conv_3x3",),
    weight_precisions=("ternary", "binary"),
    act_precisions=("2-bit", "binary"),
)
STEPS = 12


@cache
def digits() -> Dataset:
    return load_dataset(DataConfig())


def few_digits() -> Split:
    return digits().train.taken(np.arange(96))


def small_architecture() -> Architecture:
    return SPACE.decode(SPACE.sample(np.random.default_rng(2), 1)[0])


def config_of(**training: Any) -> RunConfig:
    recipe = {"epochs": 4, "batch_size": 32, **training}  # 12 steps over 96 images
    return parse_config({"training": recipe, "compute": {"device": "cpu"}}, source="tests")


def trained(
    architecture: Architecture, images: Split, config: RunConfig, *, steps: int | None = None, **extras: Any
) -> Network:
    """Trained as the run file says, on the CPU, from seed 0."""
    augmentation = Augmentation.of(config.data)
    return train_alone(
        architecture,
        images,
        config.training,
        augmentation=augmentation,
        seed=0,
        steps=steps,
        extras=TrainingExtras(**extras),
    )


def same(one: Network, other: Network) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
