"""A real Dask scheduler and its workers on this machine, as processes that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import evonas
from evonas.evaluation.workers.dask import close_links

Process = subprocess.Popen[bytes]


@contextmanager
def cluster(n: int, *, port: int | None = None) -> Iterator[tuple[str, list[Process]]]:
    """A real Dask scheduler and worker processes on loopback: its address, and the processes, the scheduler first."""
    port = port or free_port()
    address = f"tcp://127.0.0.1:{port}"
    processes = [start_scheduler(port)]
    try:
        processes += [start_worker(address) for _ in range(n)]
        wait_for(address, n)
        yield address, processes
    finally:
        close_links()
        for process in processes:
            process.kill()
            process.wait()


def start_scheduler(port: int) -> Process:
    """On loopback."""
    return _dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")


def start_worker(address: str) -> Process:
    """A process with one thread and without a nanny, so that killing it kills it."""
    return _dask("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60")


def _dask(*arguments: str) -> Process:
    here = str(Path(__file__).parent)
    paths = os.pathsep.join([str(Path(evonas.__file__).parents[1]), here])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, env=environment, cwd=tempfile.gettempdir(), stderr=subprocess.DEVNULL)


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(address: str, n: int) -> None:
    """Until so many workers are there."""
    connect: Any = import_module("distributed").Client  # an extra, of whose types mypy knows something or nothing
    with connect(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(n, timeout=120)
