"""Unbalanced classes: weights for a loss, orders in which classes are equally frequent, and a warning."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evonas.config.training import TrainingConfig
from evonas.training.datasets.dataset import Dataset, Split

LARGEST = 10.0  # times the images of the smallest class: from which on an unbalanced data set is spoken of


def class_weights(split: Split, recipe: TrainingConfig) -> Tensor | None:
    """What the loss of an image counts, by its class; None where all count alike.

    ``w_c = n / (C * n_c)`` for n images of C classes, n_c of them of class c: every class counts the same in all, and
    the mean over the images is 1, so that learning rates keep their meaning.

    Args:
        split: What is trained on.
        recipe: The run file's ``[training]``.

    Returns:
        ``(1 + largest label,)``; 0 for a class without images.

    References:
        King & Zeng 2001, "Logistic regression in rare events data", section 4.2; scikit-learn's ``"balanced"``.
    """
    if recipe.balance != "weights":
        return None
    counts = torch.bincount(split.labels)
    weights = len(split) / (int((counts > 0).sum()) * counts.clamp_min(1).double())
    return torch.where(counts > 0, weights, 0.0).float()


def balanced_order(labels: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Indices of ``n`` images in random order, each class as often as any other, up to one image.

    A class gives its images in random order, and again in another one when all have been drawn: a small class repeats
    them, of a large one a part is left for other passes.

    Args:
        labels: Of all images, ``(m,)``.
        n: How many.
        generator: Draws.
    """
    classes = torch.nonzero(torch.bincount(labels))[:, 0]
    first = torch.randint(len(classes), (), generator=generator)  # which classes get one more is chance, too
    places = (torch.randperm(n, generator=generator) + first) % len(classes)
    order = torch.empty(n, dtype=torch.int64)
    for number, label in enumerate(classes):
        members, wanted = torch.nonzero(labels == label)[:, 0], places == number
        rounds = -(-int(wanted.sum()) // len(members))
        drawn = [members[torch.randperm(len(members), generator=generator)] for _ in range(rounds)]
        if drawn:
            order[wanted] = torch.cat(drawn)[: int(wanted.sum())]
    return order


def calibration_inputs(split: Split, n: int, recipe: TrainingConfig) -> Tensor:
    """Training images that set batch-norm statistics, as float32: in the shares in which networks saw the classes.

    Args:
        split: What is trained on.
        n: How many, at most.
        recipe: The run file's ``[training]``.
    """
    if recipe.balance != "sampling":
        return split.inputs(n)
    chosen = balanced_order(split.labels, min(n, len(split)), torch.Generator().manual_seed(0))
    return split.taken(chosen.numpy()).inputs()


def imbalance_warning(dataset: Dataset, recipe: TrainingConfig, *, quality: str) -> str | None:
    """What to say of very unbalanced training images where a run does nothing about it; None if there is nothing.

    Args:
        dataset: The images.
        recipe: The run file's ``[training]``.
        quality: What counts as error, by name.
    """
    counts = dataset.train.class_counts(dataset.n_classes)
    if recipe.balance != "none" or quality != "error" or max(counts) <= LARGEST * min(counts):
        return None
    most, fewest = (_named(dataset.classes, counts, end) for end in (max(counts), min(counts)))
    return (
        f"classes are unbalanced: {most} training images, {fewest}; a network that never predicts a small class may "
        'look accurate. Set balance = "weights" or "sampling" under [training], or put balanced_error or '
        "macro_f1_error in the place of error under [search]"
    )


def _named(classes: Sequence[str], counts: Sequence[int], n: int) -> str:
    return f"{classes[counts.index(n)]!r} has {n:,}"
