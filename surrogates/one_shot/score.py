"""Score a subnet with inherited weights: recalibrate its batch norm, then measure it on held-out images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


class Score(NamedTuple):
    """What a network reaches on a set of images."""

    error: float
    """Share of wrong predictions, 0–1."""
    loss: float
    """Mean cross-entropy in nats."""
    confusion: tuple[tuple[int, ...], ...]
    """How many images of each class, by row, were taken for each class, by column."""


def score_subnet(
    supernet: Supernet[A],
    architecture: A,
    *,
    calibration: Tensor,
    images: Tensor,
    labels: Tensor,
    batch_size: int = 512,
) -> Score:
    """Recalibrate and measure one subnet. A pure function of the supernet's weights and the arguments.

    Without recalibration the ranking of subnets is worthless: the statistics of other subnets do not fit.

    Args:
        supernet: Its weights stay as they are; its batch-norm statistics and active architecture do not.
        architecture: The subnet.
        calibration: Training images for the batch-norm statistics, ``(n, channels, height, width)``.
        images: Held-out images, same layout.
        labels: Their classes, ``(n,)``.
        batch_size: Of the measurement.
    """
    supernet.activate(architecture)
    supernet.calibrate(calibration)
    return score_network(supernet, images=images, labels=labels, batch_size=batch_size)


def score_network(
    network: Callable[[Tensor], Tensor], *, images: Tensor, labels: Tensor, batch_size: int = 512
) -> Score:
    """Measure a network as it is, in batches; arguments as in :func:`score_subnet`."""
    counts, n_classes, loss = torch.zeros(0, dtype=torch.int64), 0, 0.0
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            batch = slice(start, start + batch_size)
            logits = network(images[batch])
            n_classes = logits.shape[1]
            pairs = labels[batch] * n_classes + logits.argmax(dim=1)
            found = torch.bincount(pairs, minlength=n_classes**2)
            counts = counts + found if len(counts) else found
            loss += float(F.cross_entropy(logits, labels[batch], reduction="sum").double())
    confusion = counts.view(n_classes, n_classes)
    wrong = len(images) - int(confusion.trace())
    return Score(wrong / len(images), loss / len(images), tuple(map(tuple, confusion.tolist())))
