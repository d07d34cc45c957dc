"""Recordings in ``.wav`` files as signals of one channel: by value, or refused."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.plugins import resolve

OTHER_CHUNKS = r"Chunk \(non-data\) not understood"  # such as those with the names of programs and artists


MOST_HZ = 10_000_000


class Recording(NamedTuple):
    """A recording."""

    signal: NDArray[np.float32]
    """``(time,)``: whole numbers as parts of their range, -1 to 1; floats by value; the mean of several channels."""
    rate: int
    """Samples per second."""


def recording(path: Path) -> Recording:
    """Read a ``.wav`` file: PCM of 8 to 64 bits, or floats.

    Raises:
        Exception: It is cut off, holds nothing or is of another kind; the library documents no common class.
    """
    read: Any = resolve("scipy.io.wavfile:read")  # slow to load, and workers never read recordings
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # SciPy warns of files that are cut off, and returns the rest
        warnings.filterwarnings("ignore", message=OTHER_CHUNKS)
        rate, values = read(path)
    if not values.size or not 1 <= rate <= MOST_HZ:
        raise ValueError(f"{len(values)} samples at {rate} Hz")
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif values.dtype.kind == "i":
        values = (values / 2.0 ** (8 * values.dtype.itemsize - 1)).astype(np.float32)
    if values.ndim == 2:
        values = values.mean(axis=1)
    return Recording(values.astype(np.float32), int(rate))


def resampled(one: Recording, rate: int) -> Recording:
    """A recording at another rate, by a polyphase filter without delay."""
    if rate == one.rate:
        return one
    common = math.gcd(rate, one.rate)
    resample: Any = resolve("scipy.signal:resample_poly")
    return Recording(resample(one.signal, rate // common, one.rate // common).astype(np.float32), rate)


def of_length(signal: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """A signal cut, or padded with zeros, at its end."""
    return np.pad(signal[:n], (0, max(0, n - len(signal))))
