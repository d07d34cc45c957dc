"""Train one network: briefly, to estimate it, or in full, to measure it once on the test set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from evonas.architecture import Architecture
from evonas.config import RunConfig
from evonas.errors import EvaluationError, ExportError, RunFolderError
from evonas.export.exact import ExactNetwork
from evonas.export.freeze import freeze
from evonas.nets.network import Network
from evonas.seeding import torch_generator
from evonas.training.batches import batches
from evonas.training.data import Data, Split
from evonas.training.hardware import Hardware, decided
from evonas.training.log import scalar_log
from evonas.training.recipe import OPTIMIZERS, SCHEDULES, stages
from surrogates.one_shot.distillation import Distilled
from surrogates.one_shot.paths import Paths
from surrogates.one_shot.schedule import InTurn
from surrogates.one_shot.score import Score, score_network
from surrogates.one_shot.training import CheckpointError, train


def run_batches(
    images: Split, config: RunConfig, *, batch_size: int, generator: torch.Generator, cutout: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever, augmented as the run file says; see :func:`evonas.training.batches.batches`."""
    settings = config.data
    return batches(
        images,
        batch_size=batch_size,
        shift=settings.shift,
        flip=settings.flip,
        generator=generator,
        cutout=cutout,
    )


def n_updates(config: RunConfig, n_images: int) -> int:
    """Updates that the recipe's passes over so many images take."""
    return config.training.epochs * max(1, n_images // config.training.batch_size)


def train_alone(
    architecture: Architecture,
    images: Split,
    config: RunConfig,
    *,
    seed: int,
    steps: int | None = None,
    start: Network | None = None,
    teacher: Network | None = None,
    hardware: Hardware = Hardware(),  # noqa: B008  # frozen
    checkpoint: Path | None = None,
    log: Path | None = None,
) -> Network:
    """Train one network.

    Args:
        architecture: What to train.
        images: What to train on.
        config: Its ``training`` and ``data`` sections hold the recipe.
        seed: Of weights, batches and augmentation.
        steps: Updates, instead of the recipe's passes over the images.
        start: A network of this architecture alone, whose weights it starts from, and which is trained in place; by
            default it starts from random ones.
        teacher: What the network learns from besides the labels, by the recipe's ``distillation``.
        hardware: What it is trained on; it is then back on the CPU.
        checkpoint: A file to go on from if it is there, and to write now and then; whoever has kept the result deletes
            it. On the CPU and not compiled, the result is to the bit that of a training that was never stopped.
        log: A folder for TensorBoard; None for none.

    Raises:
        FloatingPointError: Its loss is no longer finite.
        CheckpointError: The checkpoint is damaged, or of another network.

    Returns:
        The network after the last update, with batch norm calibrated on some of the images.
    """
    recipe = config.training
    network = start or Network([architecture], generator=torch_generator(seed, "network weights"))
    network.to(hardware.device)
    parts = stages(architecture, recipe, steps=steps or n_updates(config, len(images)))
    path = chain.from_iterable(repeat(stage, n) for stage, n in parts)
    schedule = InTurn(tuple(SCHEDULES[recipe.schedule](n) for _, n in parts))
    strategy: Paths[Architecture] | Distilled[Architecture] = Paths(
        lambda: [next(path)], label_smoothing=recipe.label_smoothing
    )
    if teacher is not None:
        strategy = Distilled(
            strategy.drawn,
            teacher.to(hardware.device).eval(),
            weight=recipe.distillation,
            temperature=recipe.temperature,
            label_smoothing=recipe.label_smoothing,
        )
    batches = run_batches(
        images,
        config,
        batch_size=recipe.batch_size,
        generator=torch_generator(seed, "network batches"),
        cutout=recipe.cutout,
    )
    rate = recipe.learning_rate
    with hardware.autocast(), scalar_log(log, learning_rate=lambda done: rate * schedule.factor(done)) as on_step:
        train(
            hardware.compiled(network),
            strategy,
            batches=hardware.moved(batches),
            steps=schedule.end,
            learning_rate=rate,
            weight_decay=recipe.weight_decay,
            make_optimizer=OPTIMIZERS[recipe.optimizer](recipe),
            schedule=schedule,
            checkpoint=checkpoint,
            on_step=on_step,
        )
    network.to("cpu").activate(architecture)  # whatever it was trained on, it is measured on the CPU, in float32
    network.calibrate(images.pixels(recipe.calibration_images))
    return network


class Given(TypedDict, total=False):
    """What a training may be given besides; see :func:`train_alone`."""

    start: Network | None
    teacher: Network | None
    checkpoint: Path | None
    log: Path | None


def train_in_full(
    architecture: Architecture,
    images: Split,
    config: RunConfig,
    *,
    seed: int,
    **given: Unpack[Given],
) -> Network:
    """Train one network on what the run file says, and tell what goes wrong as a user's error; see :func:`train_alone`.

    Raises:
        EvaluationError: Its loss is no longer finite, or it cannot be compiled.
        RunFolderError: The checkpoint is damaged.
    """
    config = decided(config, architecture, steps=n_updates(config, len(images)))
    hardware = Hardware.of(config)
    try:
        return train_alone(architecture, images, config, seed=seed, hardware=hardware, **given)
    except FloatingPointError as error:
        raise EvaluationError(
            "a network that trains", found=str(error), remedy="lower learning_rate under [training] in run.toml"
        ) from error
    except CheckpointError as error:
        raise RunFolderError(
            f"the checkpoint that training wrote to {given.get('checkpoint')}",
            found=str(error),
            remedy="delete that file; training then starts over",
        ) from error
    except RuntimeError as error:
        if not hardware.is_compiled:
            raise
        raise EvaluationError(
            "a network that torch.compile can compile",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="set compile = false under [training], or install a C++ compiler",
        ) from error


def train_and_test(
    architecture: Architecture,
    data: Data,
    config: RunConfig,
    *,
    seed: int,
    **given: Unpack[Given],
) -> tuple[Network, Score]:
    """Train one network on the training and held-out images together, and touch the test set once, at the end.

    Args:
        architecture: What to train.
        data: The images.
        config: The recipe.
        seed: Of weights, batches and augmentation.
        given: See :class:`Given`.

    Raises:
        EvaluationError: Its loss is no longer finite, or it cannot be compiled.
        RunFolderError: The checkpoint is damaged.

    Returns:
        The network after the last epoch, and its test score.
    """
    images = data.train.joined(data.heldout)
    network = train_in_full(architecture, images, config, seed=seed, **given)
    return network, _tested(network, data.test)


def _tested(network: Network, test: Split) -> Score:
    """Score of the network as it is exported: frozen, so that a file reaches the same to the digit."""
    try:
        deployed = ExactNetwork(freeze(network))
    except ExportError:  # a quantizer of one's own that does not say how it works at inference
        return score_network(network, images=test.pixels(), labels=test.labels)
    return score_network(deployed, images=test.images, labels=test.labels)
