"""Train a run's supernet, or let it grow, or take it as it lies on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evonas.config import RunConfig
from evonas.early_stop import early_stop
from evonas.errors import EvaluationError, RunFileError, RunFolderError
from evonas.expansion import Expansion
from evonas.nets.network import Network
from evonas.progress import Observer
from evonas.provenance import file_hash
from evonas.seeding import numpy_rng, torch_generator
from evonas.setup import Setup
from evonas.spaces import NetworkSpace
from evonas.stage import unlocked
from evonas.strategies import STRATEGIES
from evonas.together import together
from evonas.training.hardware import Hardware, device_of, has_gpu
from evonas.training.train import run_batches
from evonas.workbench import SUPERNET, Checkpoint, build_supernet, load_weights, save_weights
from reports.run_folder import RunFolder
from surrogates.one_shot.group import leads
from surrogates.one_shot.training import CheckpointError, train


def trained_supernet(run: RunFolder, setup: Setup, observer: Observer) -> Checkpoint:
    """The run's supernet; trained now unless that was done.

    Raises:
        RunFolderError: Training cannot go on from its checkpoint.
        EvaluationError: The loss is no longer finite.
    """
    path = run.path / SUPERNET
    if run.meta("supernet") is None:
        if not path.is_file():
            supernet = build_supernet(setup.config, setup.network_space)
            with together(run.path, setup.config):
                steps = train_supernet(supernet, run, setup, observer)
            run.set_meta("supernet_steps", steps)
            run.warn(*supernet.warnings())
            _save(supernet, path)
        run.set_meta("supernet", file_hash(path))
    return Checkpoint(SUPERNET, run.meta("supernet"))


def grown_supernet(
    run: RunFolder, setup: Setup, observer: Observer, *, stage: int, before: Setup, smaller: Checkpoint
) -> Checkpoint:
    """The run's supernet after widths were unlocked: the smaller one with channels added, trained on for a while.

    Args:
        run: Where the supernets lie.
        setup: With the space as it is unlocked now.
        observer: Hears of the training.
        stage: Number of the stage that the grown one begins.
        before: With the space as it was.
        smaller: The supernet as it was.
    """
    path, key = run.path / _file(stage), f"supernet.{stage}"
    if run.meta(key) is None:
        if not path.is_file():
            network = build_supernet(before.config, before.network_space)
            load_weights(network, run.path / smaller.file, expected=smaller.sha256)
            generator = torch_generator(setup.config.seed, f"supernet weights of stage {stage}")
            supernet = network.grown(setup.network_space.covering(), generator=generator)
            train_supernet(supernet, run, setup, observer, stage=stage)
            run.warn(*supernet.warnings())
            _save(supernet, path)
        run.set_meta(key, file_hash(path))
    return Checkpoint(path.name, run.meta(key))


def kept_supernet(run: RunFolder, setup: Setup) -> tuple[Checkpoint, NetworkSpace]:
    """The run's last supernet as it lies on disk, and the space that it covers.

    Raises:
        RunFolderError: The run trained none.
    """
    log = run.meta("expansions") or []
    stage = max((entry.pop("stage") for entry in log), default=0)
    sha256 = run.meta(f"supernet.{stage}" if stage else "supernet")
    if sha256 is None:
        raise RunFolderError(
            "a run with a supernet, to inherit weights from",
            found=f"none in {run.path}",
            remedy='set initial_weights = "random" under [training]; brief trainings leave no weights',
        )
    for entry in log:
        del entry["generation"]
    space = unlocked(setup.network_space, [Expansion(**entry) for entry in log])
    assert isinstance(space, NetworkSpace)
    return Checkpoint(_file(stage), sha256), space


def _file(stage: int) -> str:
    return f"supernet.{stage}.safetensors" if stage else SUPERNET


def _save(supernet: Network, path: Path) -> None:
    save_weights(supernet, path)
    _unfinished(path).unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".unfinished.safetensors")


def train_supernet(supernet: Network, run: RunFolder, setup: Setup, observer: Observer, *, stage: int = 0) -> int:
    """Train on the paths of the space as it is open, in place; one that has grown trains on for fewer updates.

    Returns:
        Updates made.

    Raises:
        RunFolderError: Training cannot go on from its checkpoint.
        EvaluationError: The loss is no longer finite.
    """
    config, data, space = setup.config, setup.data, setup.network_space
    assert data is not None
    hardware = Hardware(_device(run, config))
    supernet.to(hardware.device)
    settings = config.supernet
    suffix = f" of stage {stage}" if stage else ""
    unfinished = _unfinished(run.path / _file(stage))
    steps = settings.expansion_steps if stage else settings.steps
    batches = run_batches(
        data.train,
        config,
        batch_size=settings.batch_size,
        generator=torch_generator(config.seed, f"supernet batches{suffix}"),
    )
    observer.phase("training the supernet", total=steps)
    try:
        with hardware.autocast():
            done = train(
                supernet,
                STRATEGIES[settings.strategy](space, numpy_rng(config.seed, f"supernet paths{suffix}"), settings.paths),
                batches=hardware.moved(batches),
                steps=steps,
                learning_rate=settings.learning_rate,
                weight_decay=settings.weight_decay,
                early_stop=None if stage else early_stop(run, config, data=data, space=space, supernet=supernet),
                checkpoint=unfinished,
                on_step=lambda step, loss: observer.advance(step, note=f"loss {loss:.2f}"),
            )
    except CheckpointError as error:
        raise RunFolderError(
            f"the checkpoint that training wrote to {unfinished}",
            found=str(error),
            remedy="delete that file; training then starts over",
        ) from error
    except FloatingPointError as error:
        raise EvaluationError(
            "a supernet that trains", found=str(error), remedy="lower learning_rate under [supernet] and start anew"
        ) from error
    supernet.to("cpu")  # whatever it was trained on, its networks are scored on the CPU
    return done


def _device(run: RunFolder, config: RunConfig) -> Literal["cpu", "cuda"]:
    """What the run's supernets are trained on: what was decided when the first of them began."""
    known = run.meta("supernet_device")
    if known == "cuda" and not has_gpu():
        raise RunFileError(
            f"a GPU, on which the supernet of {run.path} was begun",
            found="none that torch can use",
            remedy="resume the run where there is one, or start a new run",
        )
    device: Literal["cpu", "cuda"] = known or device_of(config)
    if known is None and leads():
        run.set_meta("supernet_device", device)
    return device
