"""What scoring needs in every process: the supernet with its weights, and the images; weights on disk."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file

from evonas.config import RunConfig, load_config
from evonas.errors import RunFolderError
from evonas.nets.network import Network
from evonas.provenance import file_hash
from evonas.seeding import torch_generator
from evonas.setup import as_trained, build_data
from evonas.spaces import NetworkSpace
from evonas.training.data import Data

SUPERNET = "supernet.safetensors"


def build_supernet(config: RunConfig, space: NetworkSpace) -> Network:
    """Build the run's supernet with its initial weights."""
    generator = torch_generator(config.seed, "supernet weights")
    return Network(space.covering(), generator=generator, rewrite=as_trained(config, space))


RUN_FILE = "run.toml"


class Checkpoint(NamedTuple):
    """Which weights of a supernet are meant."""

    file: str
    """Name within the run folder."""
    sha256: str
    """That the file must have, from :func:`evonas.provenance.file_hash`."""


@dataclass(frozen=True)
class Workbench:
    """Everything that scoring a genome needs.

    Attributes:
        config: The run file.
        data: Its images, whole.
        supernet: With its weights; None where networks are trained one by one.
        calibration: Training images that set batch-norm statistics, ``(n, channels, height, width)``.
        images, labels: Held-out images that score, and their classes.
    """

    config: RunConfig
    data: Data
    supernet: Network | None
    calibration: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor

    @property
    def the_supernet(self) -> Network:
        """The supernet, which must be there."""
        assert self.supernet is not None
        return self.supernet


@dataclass(frozen=True)
class Parcel:
    """What a worker needs that does not see the run's folder; it is sent once to each of them.

    Attributes:
        run: Which run it is of, see :func:`run_identity`.
        config: The run file.
        data: Its images, whole.
        weights: Content of the supernet's file; empty where there is none.
    """

    run: str
    config: RunConfig
    data: Data
    weights: bytes


def run_identity(folder: Path) -> str:
    """What tells a run from others, in folders of its name, before and after it; empty if there is none."""
    run_file = folder / RUN_FILE
    if not run_file.is_file():
        return ""
    return f"{file_hash(run_file)} {folder.resolve()} {run_file.stat().st_mtime_ns}"


def pack(folder: Path, checkpoint: Checkpoint | None) -> Parcel:
    """Put a run's workbench into a parcel; arguments as in :func:`open_workbench`."""
    config = load_config(folder / RUN_FILE)
    weights = b"" if checkpoint is None else (folder / checkpoint.file).read_bytes()
    return Parcel(run_identity(folder), config, build_data(config), weights)


_kept = threading.local()  # by thread, for a supernet runs one network at a time


def open_workbench(
    folder: Path, checkpoint: Checkpoint | None, space: NetworkSpace, parcel: Parcel | None = None
) -> Workbench:
    """Load a run's workbench; a process keeps the last one, so that it loads a supernet once.

    Args:
        folder: The run folder.
        checkpoint: Its supernet's weights; None for none.
        space: That of the run, with what was unlocked when the supernet was trained.
        parcel: Used where the folder is not to be seen, or holds another run.

    Raises:
        RunFolderError: The supernet's file is not the one that was meant; or there is neither folder nor parcel.
    """
    run = run_identity(folder)
    if parcel is None and not run:
        raise RunFolderError(
            f"a worker that sees {folder}", found="no run there", remedy="share the folder with all machines"
        )
    if parcel is not None and parcel.run == run:
        parcel = None  # the run itself is here; a folder of its name could also hold another one
    key = (run if parcel is None else parcel.run, checkpoint)
    last = getattr(_kept, "last", None)
    if last is None or last[0] != key:
        config = load_config(folder / RUN_FILE) if parcel is None else parcel.config
        data = build_data(config) if parcel is None else parcel.data
        supernet = None
        if checkpoint is not None:
            supernet = build_supernet(config, space)
            source = folder / checkpoint.file if parcel is None else parcel.weights
            load_weights(supernet, source, expected=checkpoint.sha256)
        last = _kept.last = key, workbench(config, data, supernet)
    kept: Workbench = last[1]
    return kept


def workbench(config: RunConfig, data: Data, supernet: Network | None) -> Workbench:
    """Lay out the images that the run file asks for."""
    settings = config.estimate
    return Workbench(
        config,
        data,
        supernet,
        calibration=data.train.pixels(settings.calibration_images),
        images=data.heldout.pixels(settings.scoring_images),
        labels=data.heldout.labels[: settings.scoring_images],
    )


def save_weights(network: Network, path: Path, *, facts: dict[str, str] | None = None) -> None:
    """Write weights so that the file is either complete or not there; ``facts`` go into its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, partial, facts)
    partial.replace(path)


NOT_MENDED = "start the run again in a new folder; weights cannot be mended"


def load_weights(
    network: Network, path: Path | bytes, *, expected: str | None = None, remedy: str = NOT_MENDED
) -> None:
    """Read weights written by :func:`save_weights`.

    Args:
        network: Of the same architectures.
        path: A safetensors file, or the content of one.
        expected: SHA-256 that the file must have.
        remedy: What to do about weights that are not what they should be.

    Raises:
        RunFolderError: The file is missing, damaged, another one, or of another network.
    """
    name = str(path) if isinstance(path, Path) else "the weights sent"
    try:
        found = file_hash(path) if isinstance(path, Path) else hashlib.sha256(path).hexdigest()
        if expected is not None and found != expected:
            raise RunFolderError(f"{name} as the run wrote it ({expected[:12]})", found=found[:12], remedy=remedy)
        network.load_state_dict(load_file(path) if isinstance(path, Path) else load(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunFolderError(
            f"weights of this network in {name}", found=str(error).splitlines()[0], remedy=remedy
        ) from error
