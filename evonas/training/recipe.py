"""What the words of the run file's [training] mean: optimizers, schedules, and the parts of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import EIGHT_BIT, FLOAT
from evonas.config.training import TrainingConfig
from evonas.training.loop import MakeOptimizer, adamw
from evonas.training.schedule import Schedule, cosine, one_cycle

OPTIMIZERS: dict[str, Callable[[TrainingConfig], MakeOptimizer]] = {
    "adamw": lambda recipe: adamw,
    "sgd": lambda recipe: partial(torch.optim.SGD, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True),
}

ROUNDED = 0.3  # of a training's steps, the last ones
SCHEDULES: dict[str, Callable[[int], Schedule]] = {"cosine": cosine, "one-cycle": one_cycle}


def parts_of(architecture: Architecture, recipe: TrainingConfig, *, steps: int) -> list[tuple[Architecture, int]]:
    """What is trained for how many steps, in turn, all with the same latent weights.

    References:
        Martinez 2020, "Training binary neural networks with real-to-binary convolutions", section 4.2; Liu 2020,
        "ReActNet: towards precise binary neural network with generalized activation functions", section 4.1: binary
        activations over float weights first, then both binary. Here for every precision.
    """
    first = min(round(recipe.two_stage * steps), steps - 1)  # at least one step is of the network itself
    parts = [(with_float_weights(architecture), first), (architecture, steps - first)]
    return [(part, n) for part, n in parts if n]


def rounded_last(architecture: Architecture, steps: int) -> list[tuple[Architecture, int]]:
    """The steps of a part in turn: coarse norms are rounded as they will be stored in the last of them only."""
    if architecture.norms.bits >= EIGHT_BIT.bits:
        return [(architecture, steps)]
    last = round(ROUNDED * steps)
    return [(replace(architecture, norms=FLOAT), steps - last), (architecture, last)]


def with_float_weights(architecture: Architecture) -> Architecture:
    """The same network with kernels as they are, over quantized activations."""
    return replace(architecture, ops=tuple(replace(op, weight=FLOAT) for op in architecture.ops))


def in_full_precision(architecture: Architecture) -> Architecture:
    """The same network with nothing quantized; a ReLU stands where activations were."""
    ops = tuple(replace(op, weight=FLOAT, act=FLOAT) for op in architecture.ops)
    return replace(architecture, ops=ops, stream=FLOAT)
