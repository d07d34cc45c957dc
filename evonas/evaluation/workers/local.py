"""Workers on this machine: this process, other processes, or threads. The only file that uses joblib."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running
from typing import Any

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from evonas.evaluation.workers.backend import ONE_THREAD, Backend, WorkerLostError, in_worker

BROKEN_POOL = BrokenProcessPool
ON_ITS_WAY = 0.05  # seconds that a job takes from here into the workers' queue
IDLE = 300  # seconds after which processes without work end


def n_workers(wanted: int) -> int:
    """Number of processes to use: as many as wanted, or for 0 one per core that this process may use."""
    return wanted or int(cpu_count())


class Serial(Backend):
    """This process, one job after another."""

    capacity = window = 1

    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """See :class:`Backend`; done when it returns."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*job))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Backend):
    """Processes on this machine, with one torch thread each; they stay for the next use."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._running: set[Future[Any]] = set()

    def __exit__(self, *error: object) -> None:
        if any(not future.done() for future in list(self._running)):
            # Otherwise this process would wait for them when it ends. loky fails if they are cancelled before that, or
            # if one is still on its way to the workers.
            time.sleep(ON_ITS_WAY)
            self._executor().shutdown(kill_workers=True)

    def _executor(self) -> Any:
        return get_reusable_executor(max_workers=self.n, timeout=IDLE, env=ONE_THREAD)

    @property
    def capacity(self) -> int:
        """See :class:`Backend`."""
        return self.n

    @property
    def window(self) -> int:
        """See :class:`Backend`; what loky's own queue holds."""
        return 2 * self.n

    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """See :class:`Backend`."""
        with _sigint_held():
            try:
                future: Future[Any] = self._executor().submit(in_worker, function, job)
            except BrokenProcessPool:  # it broke just now; the next one works
                future = self._executor().submit(in_worker, function, job)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def again(self, function: Callable[..., Any], job: tuple[Any, ...], error: BaseException) -> Future[Any] | None:
        """See :class:`Backend`; in a process of its own, which is not handed on to other jobs."""
        if not isinstance(error, TerminatedWorkerError):
            return None
        with ProcessPoolExecutor(max_workers=1, env=ONE_THREAD) as executor:
            with _sigint_held():
                future: Future[Any] = executor.submit(in_worker, function, job)
            future.exception()  # waits
        if isinstance(future.exception(), TerminatedWorkerError):
            raise WorkerLostError
        return future


class Threads(Backend):
    """Threads of this process: for evaluations that wait for something else, such as a device or a service.

    They stay for the next use, with what each of them has loaded.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._executor = _threads.get(n) or _threads.setdefault(n, ThreadPoolExecutor(n))
        self._running: set[Future[Any]] = set()

    def __exit__(self, *error: object) -> None:
        wait([future for future in list(self._running) if not future.cancel()])

    @property
    def capacity(self) -> int:
        """See :class:`Backend`."""
        return self.n

    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """See :class:`Backend`."""
        future: Future[Any] = self._executor.submit(function, *job)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future


_threads: dict[int, ThreadPoolExecutor] = {}


@contextmanager
def _sigint_held() -> Iterator[None]:
    """Hold Ctrl-C back while workers start: they inherit the mask, so that none dies of it with a traceback."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    ensure_running()  # Python's resource tracker lets signals through as it starts, so it has to be there before
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a Ctrl-C that came meanwhile is delivered now
