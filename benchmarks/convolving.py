"""An evaluation for scale_out.py: convolutions on one thread, in a module that workers import, as a real one is."""

from __future__ import annotations

from collections.abc import Sequence

import torch

import evonas.run.engine  # noqa: F401  what a process has loaded moves its memory, and a convolution's speed by a quarter


def convolve(number: int, layers: int) -> float:
    """An evaluation: convolutions, about a millisecond each."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(number)
    images, kernel = torch.rand(8, 16, 32, 32, generator=generator), torch.rand(16, 16, 3, 3, generator=generator)
    with torch.inference_mode():
        for _ in range(layers):
            images = torch.tanh(torch.nn.functional.conv2d(images, kernel, padding=1))
    return float(images.sum())


def convolve_all(numbers: Sequence[int], layers: int) -> list[float]:
    """Many evaluations in one go."""
    return [convolve(number, layers) for number in numbers]
