"""What scoring needs in every process: the supernet with its weights, and the images."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from evonas.config.load import RunConfig, load_config
from evonas.errors import DataWarning, RunFolderError
from evonas.files import file_hash
from evonas.nets.network import Network
from evonas.nets.weights import load_weights
from evonas.spaces import NetworkSpace
from evonas.training.datasets.balance import calibration_inputs
from evonas.training.datasets.dataset import Dataset, load_dataset
from evonas.training.supernet_training import build_supernet

RUN_FILE = "run.toml"


class Checkpoint(NamedTuple):
    """Identifies the weights of a supernet."""

    file: str
    """Name within the run folder."""
    sha256: str
    """SHA-256 that the file must have."""


@dataclass(frozen=True)
class ScoringContext:
    """Everything that scoring a genome needs.

    Attributes:
        config: The run file.
        dataset: All its images.
        supernet: With its weights; None where networks are trained one by one.
        calibration: Training images that set batch-norm statistics, ``(n, channels, height, width)``.
        images, labels: Held-out images that score, and their classes.
    """

    config: RunConfig
    dataset: Dataset
    supernet: Network | None
    calibration: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor

    @property
    def the_supernet(self) -> Network:
        """The supernet, which must exist."""
        assert self.supernet is not None
        return self.supernet


def scoring_context(config: RunConfig, dataset: Dataset, supernet: Network | None) -> ScoringContext:
    """Select the images that the run file asks for."""
    settings = config.estimate
    return ScoringContext(
        config,
        dataset,
        supernet,
        calibration=calibration_inputs(dataset.train, settings.calibration_images, config.training),
        images=dataset.heldout.inputs(settings.scoring_images),
        labels=dataset.heldout.labels[: settings.scoring_images],
    )


@dataclass(frozen=True)
class WorkerPayload:
    """What a worker needs if it does not see the run's folder; it is sent once to each such worker.

    Attributes:
        run: The run's identity, see :func:`run_identity`.
        config: The run file.
        dataset: All its images.
        weights: Content of the supernet's file; empty where there is none.
    """

    run: str
    config: RunConfig
    dataset: Dataset
    weights: bytes


def run_identity(folder: Path) -> str:
    """A text that tells a run from earlier and later runs in a folder of the same name; empty if there is no run."""
    run_file = folder / RUN_FILE
    if not run_file.is_file():
        return ""
    return f"{file_hash(run_file)} {folder.resolve()} {run_file.stat().st_mtime_ns}"


def build_payload(folder: Path, checkpoint: Checkpoint | None) -> WorkerPayload:
    """Put together what workers need of a run; arguments as in :func:`open_scoring_context`."""
    config = load_config(folder / RUN_FILE)
    weights = b"" if checkpoint is None else (folder / checkpoint.file).read_bytes()
    return WorkerPayload(run_identity(folder), config, _loaded_again(config), weights)


def _loaded_again(config: RunConfig) -> Dataset:
    """What the run warned of when it started need not be said by every worker."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return load_dataset(config.data)


_kept = threading.local()  # by thread, because a supernet runs one network at a time


def open_scoring_context(
    folder: Path, checkpoint: Checkpoint | None, space: NetworkSpace, payload: WorkerPayload | None = None
) -> ScoringContext:
    """Load what a run's networks are scored with; a process keeps the last one, so that it loads a supernet once.

    Args:
        folder: The run folder.
        checkpoint: Its supernet's weights; None for none.
        space: That of the run, with what was unlocked when the supernet was trained.
        payload: Used where the folder is not visible, or holds another run.

    Raises:
        RunFolderError: The supernet's file is not the one that was meant; or there is neither folder nor payload.
    """
    run = run_identity(folder)
    if payload is None and not run:
        raise RunFolderError(
            f"a worker that sees {folder}", found="no run there", remedy="share the folder with all machines"
        )
    if payload is not None and payload.run == run:
        payload = None  # the run itself is here; a folder of its name could also hold another one
    key = (run if payload is None else payload.run, checkpoint)
    last = getattr(_kept, "last", None)
    if last is None or last[0] != key:
        config = load_config(folder / RUN_FILE) if payload is None else payload.config
        dataset = _loaded_again(config) if payload is None else payload.dataset
        supernet = None
        if checkpoint is not None:
            supernet = build_supernet(config, space)
            source = folder / checkpoint.file if payload is None else payload.weights
            load_weights(supernet, source, expected=checkpoint.sha256)
        last = _kept.last = key, scoring_context(config, dataset, supernet)
    kept: ScoringContext = last[1]
    return kept
