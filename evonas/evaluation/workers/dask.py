"""Workers of a Dask cluster, on any number of machines. The only file that uses Dask."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from typing import Any

from evonas.errors import EvaluationError, RunFileError
from evonas.evaluation.workers.backend import Backend, Broadcast, WorkerLostError, in_worker

PATIENCE = 60.0  # seconds to wait for a scheduler that is started again
LOOK = 1.0  # seconds between two counts of a cluster's workers


class Dask(Backend):
    """Workers that may come and go while a search runs.

    The scheduler gives the jobs of a worker that died to another one. If the scheduler itself is started again, all
    unfinished jobs are handed out again. A process keeps its connection, and the data that it sent, for later use.
    """

    def __init__(self, address: str) -> None:
        self.link = _links.get(address) or _links.setdefault(address, Link(address))
        self.broadcast: Broadcast | None = None
        self._held: dict[Any, None] = {}

    def __exit__(self, *error: object) -> None:
        left, self._held = list(self._held), {}
        if left and self.link.is_up:
            self.link.client.cancel(left)

    @property
    def capacity(self) -> int:
        """See :class:`Backend`; at least 1, because workers may still come."""
        return max(1, self.link.n_threads())

    def set_broadcast(self, broadcast: Broadcast) -> None:
        """See :class:`Backend`; a worker gets it once."""
        self.broadcast = broadcast

    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """See :class:`Backend`."""
        if not self.link.is_up:
            self.link.reconnect()
        if self.broadcast is None:
            there = self.link.client.submit(in_worker, function, job, pure=False)
        else:
            sent = self.link.sent(self.broadcast)
            there = self.link.client.submit(with_broadcast, function, job, sent, pure=False)
        here: Future[Any] = Future()
        self._held[there] = None  # a cluster forgets what nobody holds

        def pass_on(done: Any) -> None:
            self._held.pop(there, None)
            if done.status == "finished":
                try:
                    here.set_result(done.result())
                except Exception as error:  # it was lost between being done and being fetched
                    here.set_exception(CancelledError(str(error)))
            elif done.status == "error":
                here.set_exception(done.exception())
            else:
                here.set_exception(CancelledError(done.status))

        there.add_done_callback(pass_on)
        return here

    def again(self, function: Callable[..., Any], job: tuple[Any, ...], error: BaseException) -> Future[Any] | None:
        """See :class:`Backend`."""
        if isinstance(error, self.link.killed):
            raise WorkerLostError
        return self.submit(function, job) if isinstance(error, CancelledError) else None


class Link:
    """A connection to a Dask scheduler.

    Args:
        address: The scheduler's address.

    Raises:
        RunFileError: The package is not installed.
        EvaluationError: The scheduler does not answer.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError as error:
            raise RunFileError(
                'the package distributed, for backend = "dask"',
                found="it is not installed",
                remedy="pip install 'evonas[dask]', here and on every worker",
            ) from error
        self._make: Callable[..., Any] = Client
        self.address, self.killed = address, KilledWorker
        self.client = self._connected()
        self._looked, self._n = 0.0, 0
        self._sent: dict[Hashable, Any] = {}

    @property
    def is_up(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    def n_threads(self) -> int:
        """Threads of all workers; counted again only after ``LOOK`` seconds."""
        if time.monotonic() - self._looked > LOOK:
            try:
                self._n = sum(self.client.ncores().values()) if self.is_up else 0
            except (OSError, TimeoutError):
                self._n = 0  # the scheduler is away; it may come back
            self._looked = time.monotonic()
        return self._n

    def sent(self, broadcast: Broadcast) -> Any:
        """A handle on data that workers keep; sent again if the scheduler has forgotten it."""
        self._wait_for_a_worker()
        handle = self._sent.get(broadcast.key)
        if handle is None or handle.status != "finished":
            (handle,) = self.client.scatter([broadcast.make()], hash=False)
            self._sent = {broadcast.key: handle}  # of a supernet that has grown, only the latest is needed
        return handle

    def _wait_for_a_worker(self) -> None:
        """Wait for a first worker that data can be sent to: on a cluster with a queue, this may take hours."""
        if self.n_threads():
            return
        warnings.warn(f"no worker at {self.address} yet; waiting for the first one", stacklevel=2)
        while not self.n_threads():
            time.sleep(LOOK / 10)
            if not self.is_up:
                self.reconnect()

    def reconnect(self) -> None:
        """Wait until a scheduler that is started again answers."""
        until = time.monotonic() + PATIENCE
        while not self.is_up and self.client.status != "closed" and time.monotonic() < until:
            time.sleep(0.1)
        if not self.is_up:
            self.client = self._connected()

    def _connected(self) -> Any:
        try:
            return self._make(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise EvaluationError(
                f"a Dask scheduler that answers at {self.address}",
                found=str(error).partition("\n")[0] or type(error).__name__,
                remedy="start one (dask scheduler), and workers (dask worker ADDRESS --nthreads 1); then resume",
            ) from error


_links: dict[str, Link] = {}


def close_links() -> None:
    """Close the connections to all schedulers."""
    while _links:
        _links.popitem()[1].client.close()


def with_broadcast(function: Callable[..., Any], job: tuple[Any, ...], payload: Any) -> Any:
    """Run a job with the data that was broadcast."""
    return in_worker(function, (*job, payload))
