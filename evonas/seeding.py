"""Random generators from a run's one seed, one per purpose; torch's are in :mod:`evonas.training.generator`."""

from __future__ import annotations

import zlib

import numpy as np


def entropy(seed: int, purpose: str) -> np.random.SeedSequence:
    """What a generator for one purpose starts from."""
    return np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])


def numpy_rng(seed: int, purpose: str) -> np.random.Generator:
    """A numpy generator that depends on seed and purpose only, so that one phase never shifts another's draws."""
    return np.random.default_rng(entropy(seed, purpose))
