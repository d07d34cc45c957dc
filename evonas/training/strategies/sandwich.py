"""Train a supernet by the sandwich rule: the largest architecture learns from labels, all others from the largest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from evonas.training.strategies.label_loss import label_loss, teacher_distance
from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


@dataclass(frozen=True)
class Sandwich(Generic[A]):
    """In-place distillation; gradients of all paths of a step are averaged.

    Attributes:
        drawn: Gives the paths of the next step: the largest first, then the smallest and random ones.
        label_smoothing: Share of the target spread over all classes, for the largest.
        class_weights: What an image counts, by its label, for all of them; None: all alike.

    References:
        Yu 2019, "Universally slimmable networks and improved training techniques", section 3.
    """

    drawn: Callable[[], Sequence[A]]
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def draw(self) -> Sequence[A]:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        return self.drawn()

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor) -> float:
        """See :class:`surrogates.one_shot.supernet.Strategy`; the loss returned is that of the largest."""
        supernet.activate(paths[0])
        logits = supernet(images)
        weights = self.class_weights
        loss = label_loss(logits, labels, label_smoothing=self.label_smoothing, class_weights=weights)
        (loss / len(paths)).backward()  # type: ignore[no-untyped-call]
        teacher = F.log_softmax(logits.detach(), dim=1)
        for path in paths[1:]:
            supernet.activate(path)
            student = F.log_softmax(supernet(images), dim=1)
            distance = teacher_distance(student, teacher, labels, class_weights=weights)
            (distance / len(paths)).backward()  # type: ignore[no-untyped-call]
        return loss.item()
