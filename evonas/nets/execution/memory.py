"""Memory that the next step needs again is kept, instead of given back to the system and taken again."""

from __future__ import annotations

import ctypes
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's numbers for them
KEPT = 128 << 20  # bytes that may stay free on top of the heap
LARGEST = 32 << 20  # the largest block, in bytes, that is taken from the heap; glibc allows no more


@cache
def keep_freed_memory() -> None:
    """Tell the C library, once in a process, to keep what a training step frees.

    Every page that is taken anew costs a fault and is filled with zeros first, which takes a tenth of a step's time.
    Only glibc knows how; elsewhere this does nothing.
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    adjust(MMAP_THRESHOLD, LARGEST)
    adjust(TRIM_THRESHOLD, KEPT)
