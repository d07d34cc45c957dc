"""A time limit on code in this process."""

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

    A single call into compiled code is interrupted when it returns. It works in a process's main thread only, since
    alarms arrive there: processes on this machine run jobs in their main thread, threads and Dask's workers do not.

    Raises:
        TimeIsUpError: It took longer.
    """
    is_main = threading.current_thread() is threading.main_thread()  # alarms arrive only there
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
