"""Linear algebra on one thread: for small matrices, threads cost more by waiting for each other than they save."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Hold BLAS to one thread of this process; so sums come out the same for any number of cores, too."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    """Looking for the libraries takes milliseconds; they are loaded before the first fit."""
    return ThreadpoolController()
