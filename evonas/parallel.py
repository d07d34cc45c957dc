"""Work done side by side: results in order, or each as soon as it is there; what a lost worker had is done again."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import ProcessError
from pickle import PicklingError  # how it is said that something cannot be sent; nothing is unpickled here
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from evonas.backend import Attachment, Backend, LostError
from evonas.backends import Workers
from evonas.errors import EvaluationError
from evonas.local_backends import BROKEN_POOL

T = TypeVar("T")


class Crew(Generic[T]):
    """Workers that take jobs at any time, and give results as they come. A context manager.

    Args:
        function: Importable, and its arguments picklable, if it works in other processes.
        workers: Who they are.
        on_loss: Gives the result of a job whose worker was killed even when it worked alone.
        attachment: What the function gets as its last argument on machines that may not see this one's files.
    """

    def __init__(
        self,
        function: Callable[..., T],
        workers: Workers,
        *,
        on_loss: Callable[[], T] | None = None,
        attachment: Attachment | None = None,
    ) -> None:
        self.function, self.on_loss = function, on_loss
        self.backend: Backend = workers.start()
        if attachment is not None:
            self.backend.attach(attachment)
        self._out: dict[Future[T], tuple[int, tuple[Any, ...]]] = {}
        self._done: deque[tuple[int, T]] = deque()
        self._n = 0

    def __enter__(self) -> Self:
        self.backend.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.backend.__exit__(kind, error, trace)

    @property
    def n_out(self) -> int:
        """Jobs whose results were not given yet."""
        return len(self._out) + len(self._done)

    def submit(self, *job: Any) -> int:
        """Hand out a job; its number, counted from 0."""
        number, self._n = self._n, self._n + 1
        self._out[self.backend.submit(self.function, job)] = number, job
        return number

    def next_done(self) -> tuple[int, T]:
        """Wait for a result; the number of its job, and it.

        Raises:
            EvaluationError: A job cannot be sent, or killed its worker and there is no ``on_loss``.
        """
        while not self._done:
            done = self.backend.wait(set(self._out))
            for future in sorted(done, key=lambda one: self._out[one][0]):
                if future in self._out:  # a loss may have settled it meanwhile
                    self._settle(future)
        return self._done.popleft()

    def _settle(self, future: Future[T]) -> None:
        number, job = self._out.pop(future)
        error = future.exception()
        if error is None:
            self._done.append((number, future.result()))
            return
        try:
            again = self.backend.again(self.function, job, error)
        except LostError:
            if self.on_loss is None:
                raise EvaluationError(
                    "workers that live as long as their work",
                    found="one was killed, most likely for want of memory",
                    remedy="run evonas resume, or the same evonas train, with --workers 1; what was stored is kept",
                ) from error
            self._done.append((number, self.on_loss()))
            self._hand_out_again()
            return
        if again is not None:
            self._out[again] = number, job
            self._hand_out_again()
            return
        if isinstance(error, (BROKEN_POOL, PicklingError, ProcessError)):
            raise EvaluationError(
                "work that can be sent to other processes",
                found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                remedy="define a space of your own in a file and name it by path, or work with --workers 1",
            ) from error
        raise error

    def _hand_out_again(self) -> None:
        """A process that dies takes its pool along: what the others were at is handed out once more."""
        for future in [one for one in self._out if one.done() and isinstance(one.exception(), BROKEN_POOL)]:
            number, job = self._out.pop(future)
            self._out[self.backend.submit(self.function, job)] = number, job


def in_order(
    function: Callable[..., T],
    jobs: Iterable[tuple[Any, ...]],
    *,
    workers: Workers,
    on_loss: Callable[[], T] | None = None,
    attachment: Attachment | None = None,
) -> Iterator[T]:
    """Call a function for every job and give the results in the jobs' order, each as soon as it can be.

    Args:
        function: See :class:`Crew`.
        jobs: Positional arguments of each call.
        workers: Who works; one on this machine is this process.
        on_loss, attachment: See :class:`Crew`.

    Raises:
        EvaluationError: A worker was killed, most likely for want of memory, and ``on_loss`` is not given.
    """
    left = deque(jobs)
    if not left:
        return
    with Crew(function, workers, on_loss=on_loss, attachment=attachment) as crew:
        found: dict[int, T] = {}
        for number in range(len(left)):
            while number not in found:
                while left and crew.n_out < crew.backend.window:
                    crew.submit(*left.popleft())
                found |= [crew.next_done()]
            yield found.pop(number)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: workers side by side do not fight, and sums come out the same everywhere."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TimeIsUpError(BaseException):
    """What runs under a :func:`time_limit` took longer than it may."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after some seconds; 0 sets no limit, nor does a platform without alarms.

    A single call into compiled code is interrupted when it returns. In a process's main thread only, where alarms ring:
    processes beside this one have their work there, threads and Dask's workers do not.

    Raises:
        TimeIsUpError: It took longer.
    """
    is_main = threading.current_thread() is threading.main_thread()  # only there alarms ring
    if not seconds or not hasattr(signal, "setitimer") or not is_main:
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
