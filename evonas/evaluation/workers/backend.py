"""The interface of backends: jobs are handed out, waited for, and done again if a worker dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple, Self

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Broadcast(NamedTuple):
    """Data that jobs need and that may have to be sent to other machines."""

    key: Hashable
    """Equal for equal content."""
    make: Callable[[], Any]


class WorkerLostError(Exception):
    """A job whose worker died, even when it was the only one at work."""


class Backend(ABC):
    """Runs functions elsewhere. A context manager: jobs that are not done at its end are dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @property
    @abstractmethod
    def capacity(self) -> int:
        """Jobs that are worked on at the same time, as of now."""

    @property
    def window(self) -> int:
        """Jobs to hand out in advance, so that no worker waits for the next one."""
        return max(128, 4 * self.capacity)

    @abstractmethod
    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """Hand out a job."""

    def wait(self, futures: set[Future[Any]]) -> set[Future[Any]]:
        """Wait until some are done, and give those."""
        return wait(futures, return_when=FIRST_COMPLETED).done

    def again(self, function: Callable[..., Any], job: tuple[Any, ...], error: BaseException) -> Future[Any] | None:
        """Hand out a job again if its worker is gone; None if the error is the job's own.

        Raises:
            WorkerLostError: Its worker died again; or, in a cluster, as often as the cluster allows.
        """
        del function, job, error
        return None

    def set_broadcast(self, broadcast: Broadcast) -> None:
        """Send something along with every job, as its last argument, where workers may not see this machine's files."""
        del broadcast


def in_worker(function: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    """Run a job in a worker's process: with one torch thread, and without Ctrl-C, which the parent handles."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    if "torch" in sys.modules:  # it was loaded with the function
        sys.modules["torch"].set_num_threads(1)
    return function(*job)
