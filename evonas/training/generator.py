"""Torch's random numbers, from a run's one seed."""

from __future__ import annotations

import numpy as np
import torch

from evonas.seeding import entropy


def torch_generator(seed: int, purpose: str) -> torch.Generator:
    """A generator that depends on seed and purpose only; see :func:`evonas.seeding.numpy_rng`."""
    return torch.Generator().manual_seed(int(entropy(seed, purpose).generate_state(1, np.uint64)[0] >> 1))
