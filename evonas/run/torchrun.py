"""Supernet training by several processes under torchrun: the first one searches, the others help it train and then end.

torchrun --nproc-per-node 2 -m evonas search run.toml --out runs/first
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from evonas.config.load import RunConfig
from evonas.errors import RunFileError
from evonas.nets.distributed import process_group
from evonas.training.hardware import one_thread

_is_over = False


def n_processes() -> int:
    """How many torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def is_helper() -> bool:
    """Whether this process is to help another one."""
    return n_processes() > 1 and int(os.environ["RANK"]) > 0


@contextmanager
def with_helpers(folder: Path, config: RunConfig) -> Iterator[None]:
    """Let the helpers train with this process inside this context; it trains alone if there are none.

    Args:
        folder: The run, which helpers must see: they read the run file and the training's checkpoint.
        config: The run file.

    Raises:
        RunFileError: Its batches cannot be shared equally, or training may end early.
    """
    n = n_processes()
    if n == 1 or _is_over:
        yield
        return
    if config.supernet.batch_size % n or config.supernet.early_stop:
        raise RunFileError(
            f"supernet.batch_size that {n} processes share equally, and early_stop = false",
            found=f"batch_size = {config.supernet.batch_size}, early_stop = {config.supernet.early_stop}",
            remedy="change [supernet], or --nproc-per-node",
        )
    with _joined(str(folder)):
        yield


def release() -> None:
    """Release helpers that are not needed, or no longer needed."""
    if n_processes() > 1 and not is_helper() and not _is_over:
        with _joined(""):
            pass


def met() -> AbstractContextManager[str]:
    """As a helper, wait for the first process and join its group; yields its run's folder, or "" if not needed."""
    return _joined("")


@contextmanager
def _joined(folder: str) -> Iterator[str]:
    """Join the other processes; yields the folder that the first process names."""
    global _is_over  # noqa: PLW0603  # helpers come once
    _is_over = True
    with process_group(folder) as said, one_thread():
        yield said
