"""A time limit on what runs here."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
