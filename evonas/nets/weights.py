"""Weights of networks on disk, as safetensors: nothing in them can run code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from evonas.errors import RunFolderError
from evonas.files import write_atomically
from evonas.nets.network import Network

START_AGAIN = "start the run again in a new folder; weights cannot be repaired"


def save_weights(network: Network, path: Path, *, facts: Mapping[str, str] | None = None) -> None:
    """Write weights so that the file is either complete or not there; ``facts`` go into its header."""
    write_atomically(path, weight_bytes(network, facts=facts))


def weight_bytes(network: Network, *, facts: Mapping[str, str] | None = None) -> bytes:
    """The content of such a file."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, None if facts is None else dict(facts))


def load_weights(
    network: Network, source: Path | bytes, *, expected: str | None = None, remedy: str = START_AGAIN
) -> None:
    """Read weights written by :func:`save_weights`.

    Args:
        network: Of the same architectures.
        source: A safetensors file, or the content of one.
        expected: SHA-256 that the file must have.
        remedy: What to do about weights that are not what they should be.

    Raises:
        RunFolderError: The file is missing, damaged, another one, or of another network.
    """
    name = str(source) if isinstance(source, Path) else "the weights sent"
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        found = hashlib.sha256(content).hexdigest()
        if expected is not None and found != expected:
            raise RunFolderError(f"{name} as the run wrote it ({expected[:12]})", found=found[:12], remedy=remedy)
        network.load_state_dict(load(content))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunFolderError(
            f"weights of this network in {name}", found=str(error).splitlines()[0], remedy=remedy
        ) from error
