"""One seed of a run, a generator of its own for every purpose."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def _entropy(seed: int, purpose: str) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])


def numpy_rng(seed: int, purpose: str) -> np.random.Generator:
    """A numpy generator that depends on seed and purpose only, so that one phase never shifts another's draws."""
    return np.random.default_rng(_entropy(seed, purpose))


def torch_generator(seed: int, purpose: str) -> torch.Generator:
    """The same for torch."""
    import torch

    return torch.Generator().manual_seed(int(_entropy(seed, purpose).generate_state(1, np.uint64)[0] >> 1))
