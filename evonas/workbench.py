"""What a run file stands for: its data, space and supernet, built the same way in every process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from evonas import __version__
from evonas.config import RunConfig, load_config
from evonas.errors import RunFolderError
from evonas.nets.network import Network
from evonas.plugins import is_path
from evonas.quant.scheme import Scheme
from evonas.seeding import torch_generator
from evonas.spaces import SPACES, NetworkSpace
from evonas.training.data import Data, load_data
from reports.run_folder import RunFolder

SUPERNET = "supernet.safetensors"


def build_data(config: RunConfig) -> Data:
    """Load and split the run's images; see :func:`evonas.training.data.load_data`."""
    data = config.data
    return load_data(
        data.source,
        test_share=data.test_share,
        heldout_share=data.heldout_share,
        split_seed=data.split_seed,
        limit=data.limit,
        pool=data.pool,
    )


def build_space(config: RunConfig, data: Data) -> NetworkSpace:
    """Build the run's search space for the shape of its images."""
    settings = config.space.model_dump(exclude={"kind"})
    scheme = Scheme(**config.quantizers.model_dump())
    return SPACES[config.space.kind](input_shape=data.input_shape, n_classes=data.n_classes, scheme=scheme, **settings)  # type: ignore[call-arg]


def build_supernet(config: RunConfig, space: NetworkSpace) -> Network:
    """Build the run's supernet with its initial weights."""
    return Network(space.covering(), generator=torch_generator(config.seed, "supernet weights"))


@dataclass(frozen=True)
class Workbench:
    """Everything that scoring a genome needs."""

    space: NetworkSpace
    supernet: Network
    calibration: torch.Tensor
    images: torch.Tensor
    labels: torch.Tensor


@lru_cache(maxsize=1)
def open_workbench(folder: Path, checkpoint: str) -> Workbench:
    """Load a run's workbench; a process keeps the last one, so that it loads a supernet once.

    Args:
        folder: The run folder.
        checkpoint: SHA-256 of the supernet's file, from :func:`file_hash`.

    Raises:
        RunFolderError: The supernet's file is not the one that was meant.
    """
    config = load_config(folder / "run.toml")
    data = build_data(config)
    space = build_space(config, data)
    supernet = build_supernet(config, space)
    load_weights(supernet, folder / SUPERNET, expected=checkpoint)
    return Workbench(
        space,
        supernet,
        calibration=data.train.pixels(config.supernet.calibration_images),
        images=data.heldout.pixels(config.supernet.scoring_images),
        labels=data.heldout.labels[: config.supernet.scoring_images],
    )


def save_weights(network: Network, path: Path, *, facts: dict[str, str] | None = None) -> None:
    """Write weights so that the file is either complete or not there; ``facts`` go into its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, partial, facts)
    partial.replace(path)


def load_weights(network: Network, path: Path, *, expected: str | None = None) -> None:
    """Read weights written by :func:`save_weights`.

    Args:
        network: Of the same architectures.
        path: A safetensors file.
        expected: SHA-256 that the file must have.

    Raises:
        RunFolderError: The file is missing, damaged, another one, or of another network.
    """
    remedy = "start the run again in a new folder; weights cannot be mended"
    try:
        if expected is not None and (found := file_hash(path)) != expected:
            raise RunFolderError(f"{path} as the run wrote it ({expected[:12]})", found=found[:12], remedy=remedy)
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunFolderError(
            f"weights of this network in {path}", found=str(error).splitlines()[0], remedy=remedy
        ) from error


def started_with(config: RunConfig, data: Data) -> dict[str, dict[str, Any]]:
    """What a run must keep to stay itself: settings, images, versions. Work, recipe and name may change.

    The content of a user's own files belongs to the settings.
    """
    settings = config.model_dump(mode="json", exclude={"compute", "training", "name"})
    flat = {
        f"{section}.{key}": value
        for section, content in settings.items()
        for key, value in (content.items() if isinstance(content, dict) else [("", content)])
    }
    files = {name.rpartition(":")[0] for name in config.quantizers.model_dump().values() if is_path(name)}
    packages = ("torch", "pymoo", "numpy")
    return {
        "settings": flat | {file: file_hash(Path(file)) for file in files if Path(file).is_file()},
        "images": {"images": data_hash(data)},
        "versions": {"evonas": __version__, **{package: version(package) for package in packages}},
    }


def check_unchanged(run: RunFolder, config: RunConfig, data: Data) -> None:
    """Make sure that a run is still what it was started as.

    Raises:
        RunFolderError: Settings, images or package versions are others; a mixture of two runs would be neither.
    """
    current = started_with(config, data)
    for what, before in run.meta("started_with").items():
        changed = [key for key in before if current[what].get(key) != before[key]]
        if changed:
            raise RunFolderError(
                f"the {what} that the run was started with",
                found=f"another value for {', '.join(changed)}",
                remedy="change it back, or start a new run; a mixture of two runs would be neither",
            )


def data_hash(data: Data) -> str:
    """SHA-256 of all images and labels, split as they are, as hexadecimal text."""
    digest = hashlib.sha256()
    for split in (data.train, data.heldout, data.test):
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
