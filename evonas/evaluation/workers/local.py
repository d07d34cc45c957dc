"""Workers on this machine: this process, other processes, or threads. The only file that uses joblib."""

from __future__ import annotations

import os
import signal
import threading
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
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Children look for modules in the working folder first, where anybody's ``joblib.py`` may lie; with this not."""
IN_CHILDREN = {**ONE_THREAD, **SAFE_PATH}


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
        return get_reusable_executor(
            max_workers=self.n, timeout=IDLE, env=IN_CHILDREN, initializer=ends_with, initargs=(os.getpid(),)
        )

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
        with _safely_started():
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
        with ProcessPoolExecutor(1, env=IN_CHILDREN, initializer=ends_with, initargs=(os.getpid(),)) as executor:
            with _safely_started():
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


def ends_with(parent: int) -> None:
    """Let this worker end within a second or two of the process that started it, even if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if hasattr(os, "getppid"):
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _safely_started() -> Iterator[None]:
    """Start workers, and the processes that watch them, so that no module of the working folder runs in them.

    Ctrl-C is held back meanwhile: they inherit the mask, so that none dies of it with a traceback.
    """
    path = os.environ.get("PYTHONSAFEPATH")
    os.environ.update(SAFE_PATH)  # for those that watch; a user's own children are started as ever
    try:
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        ensure_running()  # Python's resource tracker lets signals through as it starts, so it has to be there before
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a Ctrl-C that came meanwhile is delivered now
    finally:
        if path is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        else:
            os.environ["PYTHONSAFEPATH"] = path
