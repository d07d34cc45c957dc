"""Batches of images for ever, shuffled and augmented."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from evonas.training.data import Split


def batches(
    split: Split, *, batch_size: int, shift: int, flip: bool, generator: torch.Generator, cutout: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented batches for ever; a new order every pass, incomplete batches left out.

    Args:
        split: Where from.
        batch_size: Images a batch; all of them if the split is smaller.
        shift: Largest random displacement in pixels, up, down and sideways; the border is filled with zeros.
        flip: Whether to mirror half of the images left to right.
        generator: Draws order and augmentation.
        cutout: Side in pixels of a square of zeros anywhere in an image; what is beyond its border is lost. 0: none.

    References:
        DeVries 2017, "Improved regularization of convolutional neural networks with cutout".
    """
    size = min(batch_size, len(split))
    while True:
        order = torch.randperm(len(split), generator=generator)
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            images = split.images[chosen].float() / 255
            if shift:
                images = _shifted(images, shift, generator)
            if flip:
                mirrored = torch.rand(size, generator=generator) < 0.5
                images[mirrored] = images[mirrored].flip(3)
            if cutout:
                images = images.masked_fill(_squares(images, cutout, generator), 0)
            yield images, split.labels[chosen]


def _shifted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    n, channels, height, width = images.shape
    padded = torch.nn.functional.pad(images, (shift, shift, shift, shift))
    top, left = torch.randint(2 * shift + 1, (2, n, 1), generator=generator)
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    sample, channel = torch.arange(n), torch.arange(channels)
    return padded[
        sample[:, None, None, None], channel[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]
    ]


def _squares(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A mask ``(n, 1, height, width)`` that is true in one square an image, whose centre is any of its pixels."""
    n, _, *sides = images.shape
    inside = []
    for length in sides:
        first = torch.randint(length, (n, 1), generator=generator) - side // 2
        place = torch.arange(length)
        inside.append((place >= first) & (place < first + side))
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None, :])[:, None]
