"""Endless batches of images, shuffled and augmented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from evonas.config.sections import DataConfig
from evonas.training.datasets.balance import balanced_order
from evonas.training.datasets.dataset import Split

AT_ONCE = 1 << 20  # numbers; as many batches are prepared at once


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        shift: Largest random displacement in pixels, one number or one for rows and one for columns; signals move along
            their axis only. The border is filled with zeros.
        flip: Whether to mirror half of the images left to right.
        cutout: Side in pixels of a square of zeros anywhere in an image, or length of a gap in a signal; what is beyond
            its border is lost. 0: none.

    References:
        DeVries 2017, "Improved regularization of convolutional neural networks with cutout".
    """

    shift: int | tuple[int, int] = 0
    flip: bool = False
    cutout: int = 0

    @classmethod
    def of(cls, data: DataConfig, *, cutout: int = 0) -> Self:
        """The augmentation of the run file's ``[data]``."""
        return cls(data.shift, data.flip, cutout)


def image_batches(
    split: Split,
    augmentation: Augmentation,
    *,
    batch_size: int,
    generator: torch.Generator,
    is_balanced: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented batches without end; a new order every pass, incomplete batches left out.

    Args:
        split: Where from.
        augmentation: How images are changed.
        batch_size: Images per batch; all of them if the split is smaller.
        generator: Draws order and augmentation.
        is_balanced: Whether all classes are equally frequent, see :func:`balanced_order`; a pass has as many images.
    """
    size = min(batch_size, len(split))
    whole = len(split) // size * size
    at_once = max(1, AT_ONCE // (size * max(1, split.images[0].numel()))) * size
    while True:
        order = (
            balanced_order(split.labels, whole, generator)
            if is_balanced
            else torch.randperm(len(split), generator=generator)[:whole]
        )
        for chosen in torch.split(order, at_once):
            images, labels = split.images[chosen], split.labels[chosen]
            if augmentation.shift not in (0, (0, 0)):
                images = _shifted(images, augmentation.shift, generator)
            if augmentation.flip:
                mirrored = torch.rand(len(images), generator=generator) < 0.5
                images[mirrored] = images[mirrored].flip(3)
            if augmentation.cutout and images[0, 0].numel() > 1:  # of features, a gap would leave nothing
                images = images.masked_fill(_squares(images, augmentation.cutout, generator), 0)
            yield from zip(
                torch.split(images.float() / split.codes.per_one, size), torch.split(labels, size), strict=True
            )


def _shifted(images: Tensor, shift: int | tuple[int, int], generator: torch.Generator) -> Tensor:
    n, channels, height, width = images.shape
    most = (shift, shift) if isinstance(shift, int) else shift
    down, aside = (0 if side == 1 else one for side, one in zip((height, width), most, strict=True))
    padded = torch.nn.functional.pad(images, (aside, aside, down, down))
    top, left = (torch.randint(2 * one + 1, (n, 1), generator=generator) for one in most)
    top, left = top.clamp_max(2 * down), left.clamp_max(2 * aside)  # along a side of 1 nothing moves
    rows, columns = (top + torch.arange(height))[:, :, None], (left + torch.arange(width))[:, None, :]
    pixels = (rows * padded.shape[3] + columns).view(n, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, pixels).view_as(images)


def _squares(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A mask ``(n, 1, height, width)`` that is true in one square per image, whose centre is any of its pixels."""
    n, _, *sides = images.shape
    inside = []
    for length in sides:
        first = torch.randint(length, (n, 1), generator=generator) - (side // 2 if length > 1 else 0)
        place = torch.arange(length)
        inside.append((place >= first) & (place < first + side))
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None, :])[:, None]
