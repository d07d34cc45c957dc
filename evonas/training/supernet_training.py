"""Build a run's supernet and train it on the paths of its space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.config.sections import SupernetConfig
from evonas.errors import EvaluationError, RunFileError, RunFolderError
from evonas.nets.network import Network, unchanged
from evonas.seeding import numpy_rng
from evonas.spaces import CellSpace, NetworkSpace, Space
from evonas.spaces.cells.partial_channels import with_partial_channels
from evonas.training.datasets.balance import class_weights
from evonas.training.datasets.dataset import Dataset
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.early_stop import early_stop_rule
from evonas.training.generator import torch_generator
from evonas.training.hardware import Hardware
from evonas.training.loop import CheckpointError, TrainingPlan, train
from evonas.training.strategies import STRATEGIES
from surrogates.one_shot.settling import Probe


def build_supernet(config: RunConfig, space: NetworkSpace) -> Network:
    """Build the run's supernet with its initial weights."""
    generator = torch_generator(config.seed, "supernet weights")
    return Network(space.covering(), generator=generator, rewrite=as_trained(config.supernet, space))


def as_trained(settings: SupernetConfig, space: Space) -> Callable[[Architecture], Architecture]:
    """What the supernet trains and scores in the place of an architecture: by default, the architecture itself.

    Raises:
        RunFileError: Partial channels are set, and the space is not one of cells.
    """
    ratios = {"normal": settings.partial_normal, "reduction": settings.partial_reduction}
    if all(ratio == 1 for ratio in ratios.values()):
        return unchanged
    if not isinstance(space, CellSpace):
        raise RunFileError(
            "a search space of cells, for partial_normal and partial_reduction above 1",
            found=type(space).__name__,
            remedy='leave both out of [supernet], or set kind = "cells" under [space]',
        )
    layout = space.layout
    return lambda architecture: with_partial_channels(layout, architecture, **ratios)


def train_supernet(
    supernet: Network,
    dataset: Dataset,
    config: RunConfig,
    *,
    space: NetworkSpace,
    device: Literal["cpu", "cuda"],
    checkpoint: Path,
    stage: int = 0,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    on_probe: Callable[[Sequence[Probe]], None] = lambda probes: None,
) -> int:
    """Train on the paths of the space as it is open, in place; a supernet that has grown is trained for fewer steps.

    Args:
        supernet: Left on the CPU, where its networks are scored.
        dataset: The run's images.
        config: The run file.
        space: The space, as far as it is unlocked.
        device: What it is trained on.
        checkpoint: A file to resume from if it is there.
        stage: Number of supernets before this one.
        on_step: Called after each step with the number of steps done and the loss.
        on_probe: Called after each probe of the early stop.

    Returns:
        Steps made.

    Raises:
        RunFolderError: Training cannot be resumed from the checkpoint.
        EvaluationError: The loss is no longer finite.
    """
    hardware, settings = Hardware(device), config.supernet
    supernet.to(hardware.device)
    suffix = f" of stage {stage}" if stage else ""
    batches = image_batches(
        dataset.train,
        Augmentation.of(config.data),
        batch_size=settings.batch_size,
        generator=torch_generator(config.seed, f"supernet batches{suffix}"),
        is_balanced=config.training.balance == "sampling",
    )
    rule = (
        None if stage else early_stop_rule(config, dataset=dataset, space=space, supernet=supernet, on_probe=on_probe)
    )
    plan = TrainingPlan(
        supernet_steps(settings, stage),
        settings.learning_rate,
        settings.weight_decay,
        early_stop=rule,
        checkpoint=checkpoint,
    )
    strategy = STRATEGIES[settings.strategy](
        space,
        numpy_rng(config.seed, f"supernet paths{suffix}"),
        settings.paths,
        class_weights=class_weights(dataset.train, config.training),
    )
    try:
        with hardware.autocast():
            done = train(supernet, strategy, hardware.moved(batches), plan=plan, on_step=on_step)
    except CheckpointError as error:
        raise RunFolderError(
            f"the checkpoint that training wrote to {checkpoint}",
            found=str(error),
            remedy="delete that file; training then starts over",
        ) from error
    except FloatingPointError as error:
        raise EvaluationError(
            "a supernet that trains", found=str(error), remedy="lower learning_rate under [supernet] and start anew"
        ) from error
    supernet.to("cpu")
    return done


def supernet_steps(settings: SupernetConfig, stage: int) -> int:
    """Steps of the first supernet's training, or of one that has grown."""
    return settings.expansion_steps if stage else settings.steps
