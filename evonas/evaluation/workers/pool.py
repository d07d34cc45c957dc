"""Work done side by side: results in order, or as they come; jobs of a lost worker are done again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from multiprocessing import ProcessError
from pickle import PicklingError  # raised when something cannot be sent; nothing is unpickled here
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from evonas.errors import EvaluationError, in_a_line
from evonas.evaluation.workers.backend import Backend, Broadcast, WorkerLostError
from evonas.evaluation.workers.local import BROKEN_POOL
from evonas.evaluation.workers.workers import Workers

T = TypeVar("T")


class WorkerPool(Generic[T]):
    """Workers that take jobs at any time, and give results as they come. A context manager.

    Args:
        function: Importable, and its arguments picklable, if it works in other processes.
        workers: Who they are.
        on_loss: Gives the result of a job whose worker was killed even when it worked alone.
        broadcast: What the function gets as its last argument on machines that may not see this one's files.
    """

    def __init__(
        self,
        function: Callable[..., T],
        workers: Workers,
        *,
        on_loss: Callable[[], T] | None = None,
        broadcast: Broadcast | None = None,
    ) -> None:
        self.function, self.on_loss = function, on_loss
        self.backend: Backend = workers.start()
        if broadcast is not None:
            self.backend.set_broadcast(broadcast)
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
        """Number of jobs whose results were not given yet."""
        return len(self._out) + len(self._done)

    def submit(self, *job: Any) -> int:
        """Hand out a job; returns its number, counted from 0."""
        number, self._n = self._n, self._n + 1
        self._out[self.backend.submit(self.function, job)] = number, job
        return number

    def next_done(self) -> tuple[int, T]:
        """Wait for a result; returns the number of its job, and the result.

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
        except WorkerLostError:
            if self.on_loss is None:
                raise EvaluationError(
                    "a worker that survives its job",
                    found="one was killed, most likely because memory ran out",
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
                found=in_a_line(error),
                remedy="define a space of your own in a file and name it by path, or work with --workers 1",
            ) from error
        raise error

    def _hand_out_again(self) -> None:
        """A process that dies takes its pool with it: unfinished jobs of the other processes are handed out again."""
        for future in [one for one in self._out if one.done() and isinstance(one.exception(), BROKEN_POOL)]:
            number, job = self._out.pop(future)
            self._out[self.backend.submit(self.function, job)] = number, job


def map_in_order(
    function: Callable[..., T],
    jobs: Iterable[tuple[Any, ...]],
    *,
    workers: Workers,
    on_loss: Callable[[], T] | None = None,
    broadcast: Broadcast | None = None,
) -> Iterator[T]:
    """Call a function for every job and give the results in the jobs' order, each as soon as it can be.

    Args:
        function: See :class:`WorkerPool`.
        jobs: Positional arguments of each call.
        workers: Who works; one on this machine is this process.
        on_loss, broadcast: See :class:`WorkerPool`.

    Raises:
        EvaluationError: A worker was killed, most likely because memory ran out, and ``on_loss`` is not given.
    """
    left = deque(jobs)
    if not left:
        return
    with WorkerPool(function, workers, on_loss=on_loss, broadcast=broadcast) as pool:
        found: dict[int, T] = {}
        for number in range(len(left)):
            while number not in found:
                while left and pool.n_out < pool.backend.window:
                    pool.submit(*left.popleft())
                found |= [pool.next_done()]
            yield found.pop(number)
