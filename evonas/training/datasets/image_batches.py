"""Endless batches of images, shuffled and augmented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from evonas.config.sections import DataConfig
from evonas.training.datasets.dataset import Split


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        shift: Largest random displacement in pixels, up, down and sideways; the border is filled with zeros.
        flip: Whether to mirror half of the images left to right.
        cutout: Side in pixels of a square of zeros anywhere in an image; what is beyond its border is lost. 0: none.

    References:
        DeVries 2017, "Improved regularization of convolutional neural networks with cutout".
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0

    @classmethod
    def of(cls, data: DataConfig, *, cutout: int = 0) -> Self:
        """The augmentation of the run file's ``[data]``."""
        return cls(data.shift, data.flip, cutout)


def image_batches(
    split: Split, augmentation: Augmentation, *, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented batches without end; a new order every pass, incomplete batches left out.

    Args:
        split: Where from.
        augmentation: How images are changed.
        batch_size: Images per batch; all of them if the split is smaller.
        generator: Draws order and augmentation.
    """
    shift, flip, cutout = augmentation.shift, augmentation.flip, augmentation.cutout
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
    """A mask ``(n, 1, height, width)`` that is true in one square per image, whose centre is any of its pixels."""
    n, _, *sides = images.shape
    inside = []
    for length in sides:
        first = torch.randint(length, (n, 1), generator=generator) - side // 2
        place = torch.arange(length)
        inside.append((place >= first) & (place < first + side))
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None, :])[:, None]
