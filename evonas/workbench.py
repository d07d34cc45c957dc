"""What scoring needs in every process: the supernet with its weights, and the images; weights on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

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


_last: tuple[tuple[Path, int, Checkpoint | None], Workbench] | None = None


def open_workbench(folder: Path, checkpoint: Checkpoint | None, space: NetworkSpace) -> Workbench:
    """Load a run's workbench; a process keeps the last one, so that it loads a supernet once.

    Args:
        folder: The run folder.
        checkpoint: Its supernet's weights; None for none.
        space: That of the run, with what was unlocked when the supernet was trained.

    Raises:
        RunFolderError: The supernet's file is not the one that was meant.
    """
    global _last  # noqa: PLW0603  # a cache of one that a process keeps between jobs
    key = (folder.resolve(), (folder / "run.toml").stat().st_mtime_ns, checkpoint)  # folders may be used again
    if _last is None or _last[0] != key:
        config = load_config(folder / "run.toml")
        data = build_data(config)
        supernet = None
        if checkpoint is not None:
            supernet = build_supernet(config, space)
            load_weights(supernet, folder / checkpoint.file, expected=checkpoint.sha256)
        _last = key, workbench(config, data, supernet)
    return _last[1]


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


def load_weights(network: Network, path: Path, *, expected: str | None = None, remedy: str = NOT_MENDED) -> None:
    """Read weights written by :func:`save_weights`.

    Args:
        network: Of the same architectures.
        path: A safetensors file.
        expected: SHA-256 that the file must have.
        remedy: What to do about weights that are not what they should be.

    Raises:
        RunFolderError: The file is missing, damaged, another one, or of another network.
    """
    try:
        if expected is not None and (found := file_hash(path)) != expected:
            raise RunFolderError(f"{path} as the run wrote it ({expected[:12]})", found=found[:12], remedy=remedy)
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunFolderError(
            f"weights of this network in {path}", found=str(error).splitlines()[0], remedy=remedy
        ) from error
