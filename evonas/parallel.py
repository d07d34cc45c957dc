"""The one door to parallel work: joblib, results in order, one torch thread a worker."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running
from pickle import PicklingError  # joblib's way to say that something cannot be sent; nothing is unpickled here
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from evonas.errors import EvaluationError

T = TypeVar("T")


def n_workers(wanted: int) -> int:
    """Processes to use: what is wanted, or for 0 one for each core that this process may use."""
    return wanted or int(cpu_count())


def in_order(
    function: Callable[..., T],
    jobs: Iterable[tuple[Any, ...]],
    *,
    workers: int,
    on_loss: Callable[[], T] | None = None,
) -> Iterator[T]:
    """Call a function for every job and give the results in the jobs' order, each as soon as it is there.

    Args:
        function: Importable, and its arguments picklable, if there are several workers.
        jobs: Positional arguments of each call.
        workers: Processes; 1 works in this one.
        on_loss: Gives the result of a job whose worker was killed even when it worked alone.

    Raises:
        EvaluationError: A worker was killed, most likely for want of memory, and ``on_loss`` is not given.
    """
    jobs = list(jobs)
    if workers == 1:
        yield from (function(*job) for job in jobs)
        return
    done = 0
    while done < len(jobs):
        try:
            for result in _side_by_side(function, jobs[done:], workers=workers):
                done += 1
                yield result
        except TerminatedWorkerError as error:
            if on_loss is None:
                raise EvaluationError(
                    "workers that live as long as their work",
                    found="one was killed, most likely for want of memory",
                    remedy="run evonas resume, or the same evonas train, with --workers 1; what was stored is kept",
                ) from error
            # which job it was cannot be told, so the next one works alone; what was stored before is kept
            done += 1
            yield _alone(function, jobs[done - 1], on_loss)
        except (BrokenProcessPool, PicklingError) as error:
            raise EvaluationError(
                "work that can be sent to other processes",
                found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                remedy="define a space of your own in a file and name it by path, or work with --workers 1",
            ) from error


def _side_by_side(function: Callable[..., T], jobs: Sequence[tuple[Any, ...]], *, workers: int) -> Iterator[T]:
    tasks = (delayed(_in_worker)(function, job) for job in jobs)
    with _sigint_held():
        results = Parallel(n_jobs=workers, backend="loky", return_as="generator")(tasks)
    yield from results


def _alone(function: Callable[..., T], job: tuple[Any, ...], on_loss: Callable[[], T]) -> T:
    """One job in a process of its own; not one of joblib's, which it would hand on to the next jobs."""
    with ProcessPoolExecutor(max_workers=1) as executor:
        with _sigint_held():
            future = executor.submit(_in_worker, function, job)
        try:
            result: T = future.result()
        except TerminatedWorkerError:
            return on_loss()
        return result


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
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is heard now


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

    A single call into compiled code is interrupted when it returns. Only in a process's main thread, as workers are.

    Raises:
        TimeIsUpError: It took longer.
    """
    if not seconds or not hasattr(signal, "setitimer"):
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


def _in_worker(function: Callable[..., T], job: tuple[Any, ...]) -> T:
    # Ctrl-C reaches the whole process group, but it is the parent's to handle; it ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "torch" in sys.modules:  # it came along with the function
        sys.modules["torch"].set_num_threads(1)
    return function(*job)
