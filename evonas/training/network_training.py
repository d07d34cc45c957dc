"""Train one network: for a short while, to estimate it, or in full, to measure it once on the test set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.config.training import TrainingConfig
from evonas.errors import EvaluationError, ExportError, RunFolderError
from evonas.nets.freeze import freeze
from evonas.nets.integer_network import IntegerNetwork
from evonas.nets.network import Network
from evonas.training.datasets.balance import calibration_inputs, class_weights
from evonas.training.datasets.dataset import Dataset, Split
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.distillation import Distilled
from evonas.training.generator import torch_generator
from evonas.training.hardware import Hardware, resolve_hardware
from evonas.training.loop import CheckpointError, TrainingPlan, train
from evonas.training.recipe import OPTIMIZERS, SCHEDULES, parts_of, rounded_last
from evonas.training.schedule import InTurn
from evonas.training.strategies.single_path import SinglePath
from evonas.training.tensorboard import scalar_log
from surrogates.one_shot.score import Score, score_network


@dataclass(frozen=True)
class TrainingExtras:
    """What a training may be given besides network, images and recipe.

    Attributes:
        start: A network of this architecture alone, whose weights it starts from, and which is trained in place; by
            default it starts from random ones.
        teacher: What the network learns from besides the labels, by the recipe's ``distillation``.
        checkpoint: A file to resume from if it is there, and to write now and then; the caller deletes it when the
            result is stored. On the CPU and not compiled, the result is to the bit that of a training without a stop.
        log: A folder for TensorBoard; None for none.
    """

    start: Network | None = None
    teacher: Network | None = None
    checkpoint: Path | None = None
    log: Path | None = None


NOTHING = TrainingExtras()
BRIEF_SHARE = 0.25  # of a whole training's steps, where the run file does not say how long a short one is
COMPILER = ("torch._dynamo", "torch._inductor")  # modules whose errors say that something cannot be compiled


def n_steps(recipe: TrainingConfig, n_images: int) -> int:
    """Optimizer steps that the recipe's passes over so many images take."""
    return recipe.epochs * max(1, n_images // recipe.batch_size)


def brief_steps(config: RunConfig, n_images: int) -> int:
    """Optimizer steps of a short training on so many images."""
    return config.estimate.steps or max(1, round(BRIEF_SHARE * n_steps(config.training, n_images)))


def train_alone(
    architecture: Architecture,
    images: Split,
    recipe: TrainingConfig,
    *,
    augmentation: Augmentation,
    seed: int,
    steps: int | None = None,
    extras: TrainingExtras = NOTHING,
    hardware: Hardware = Hardware(),  # noqa: B008  # frozen
) -> Network:
    """Train one network.

    Args:
        architecture: What to train.
        images: What to train on.
        recipe: The run file's ``[training]``.
        augmentation: Of the images; the recipe's cutout is added.
        seed: Of weights, batches and augmentation.
        steps: Instead of the recipe's passes over the images.
        extras: First weights, teacher, checkpoint, log.
        hardware: What it is trained on; afterwards it is back on the CPU.

    Raises:
        FloatingPointError: Its loss is no longer finite.
        CheckpointError: The checkpoint is damaged, or of another network.

    Returns:
        The network after the last step, with batch norm calibrated on some of the images.
    """
    network = extras.start or Network([architecture], generator=torch_generator(seed, "network weights"))
    network.to(hardware.device)
    network.rounds_norms = True
    parts = parts_of(architecture, recipe, steps=steps or n_steps(recipe, len(images)))
    path = chain.from_iterable(repeat(part, n) for one in parts for part, n in rounded_last(*one))
    schedule = InTurn(tuple(SCHEDULES[recipe.schedule](n) for _, n in parts))
    weights = class_weights(images, recipe)
    strategy: SinglePath[Architecture] | Distilled[Architecture] = SinglePath(
        lambda: next(path), label_smoothing=recipe.label_smoothing, class_weights=weights
    )
    if extras.teacher is not None:
        strategy = Distilled(
            strategy.drawn,
            extras.teacher.to(hardware.device).eval(),
            weight=recipe.distillation,
            temperature=recipe.temperature,
            label_smoothing=recipe.label_smoothing,
            class_weights=weights,
        )
    batches = image_batches(
        images,
        replace(augmentation, cutout=recipe.cutout),
        batch_size=recipe.batch_size,
        generator=torch_generator(seed, "network batches"),
        is_balanced=recipe.balance == "sampling",
    )
    plan = TrainingPlan(
        schedule.end,
        recipe.learning_rate,
        recipe.weight_decay,
        make_optimizer=OPTIMIZERS[recipe.optimizer](recipe),
        schedule=schedule,
        checkpoint=extras.checkpoint,
    )

    def rates(done: int) -> float:
        return recipe.learning_rate * schedule.factor(done)

    with hardware.autocast(), scalar_log(extras.log, learning_rate=rates) as on_step:
        train(hardware.compiled(network), strategy, hardware.moved(batches), plan=plan, on_step=on_step)
    network.to("cpu").activate(architecture)  # whatever it was trained on, it is measured on the CPU, in float32
    network.calibrate(calibration_inputs(images, recipe.calibration_images, recipe))
    return network


def train_in_full(
    architecture: Architecture,
    images: Split,
    config: RunConfig,
    *,
    seed: int,
    extras: TrainingExtras = NOTHING,
) -> Network:
    """Train one network on what the run file says, and report what goes wrong as a user's error.

    Raises:
        EvaluationError: Its loss is no longer finite, or it cannot be compiled.
        RunFolderError: The checkpoint is damaged.
    """
    config = resolve_hardware(config, architecture, steps=n_steps(config.training, len(images)))
    hardware, augmentation = Hardware.of(config), Augmentation.of(config.data)
    try:
        return train_alone(
            architecture,
            images,
            config.training,
            augmentation=augmentation,
            seed=seed,
            extras=extras,
            hardware=hardware,
        )
    except FloatingPointError as error:
        raise EvaluationError(
            "a network that trains", found=str(error), remedy="lower learning_rate under [training] in run.toml"
        ) from error
    except CheckpointError as error:
        raise RunFolderError(
            f"the checkpoint that training wrote to {extras.checkpoint}",
            found=str(error),
            remedy="delete that file; training then starts over",
        ) from error
    except RuntimeError as error:
        if not type(error).__module__.startswith(COMPILER):  # memory that ran out, for example
            raise
        raise EvaluationError(
            "a network that torch.compile can compile",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="set compile = false under [training], or install a C++ compiler",
        ) from error


def train_and_test(
    architecture: Architecture, dataset: Dataset, config: RunConfig, *, seed: int, extras: TrainingExtras = NOTHING
) -> tuple[Network, Score]:
    """Train one network on the training and held-out images together, and touch the test set once, at the end.

    Args:
        architecture: What to train.
        dataset: The images.
        config: The run file with the recipe.
        seed: Of weights, batches and augmentation.
        extras: First weights, teacher, checkpoint, log.

    Raises:
        EvaluationError: Its loss is no longer finite, or it cannot be compiled.
        RunFolderError: The checkpoint is damaged.

    Returns:
        The network after the last epoch, and its test score.
    """
    images = dataset.train.joined(dataset.heldout)
    network = train_in_full(architecture, images, config, seed=seed, extras=extras)
    return network, as_exported(network, dataset.test)


def as_exported(network: Network, test: Split) -> Score:
    """Score of a network as it is exported: frozen, so that a file reaches the same to the digit."""
    try:
        deployed = IntegerNetwork(freeze(network, codes=test.codes))
    except ExportError:  # a quantizer of one's own that does not say how it works at inference
        return score_network(network, images=test.inputs(), labels=test.labels)
    return score_network(deployed.of_codes, images=test.images, labels=test.labels)
