"""Train a network on labels and on the outputs of a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from evonas.training.strategies.label_loss import label_loss, teacher_distance
from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


@dataclass(frozen=True)
class Distilled(Generic[A]):
    """``(1 - w) * CE(student, labels) + w * T^2 * KL(softmax(teacher / T) || softmax(student / T))``.

    The factor ``T^2`` keeps the gradient's size, which softening by ``T`` divides by about as much.

    Attributes:
        drawn: Gives the network of the next step.
        teacher: Logits ``(n, classes)`` of images, without randomness; it gets no gradient.
        weight: ``w`` of the formula, 0 to 1.
        temperature: ``T`` of the formula.
        label_smoothing: Share of the target spread over all classes, in the cross-entropy.
        class_weights: What an image counts in both parts, by its label; None: all alike.

    References:
        Hinton 2015, "Distilling the knowledge in a neural network", section 2.
    """

    drawn: Callable[[], A]
    teacher: Callable[[Tensor], Tensor]
    weight: float
    temperature: float
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def draw(self) -> Sequence[A]:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        return [self.drawn()]

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor) -> float:
        """See :class:`surrogates.one_shot.supernet.Strategy`; the loss returned is the whole sum."""
        with torch.no_grad():
            target = F.log_softmax(self.teacher(images) / self.temperature, dim=1)
        (path,) = paths
        supernet.activate(path)
        logits = supernet(images)
        weights = self.class_weights
        hard = label_loss(logits, labels, label_smoothing=self.label_smoothing, class_weights=weights)
        soft = F.log_softmax(logits / self.temperature, dim=1)
        distance = self.temperature**2 * teacher_distance(soft, target, labels, class_weights=weights)
        loss = (1 - self.weight) * hard + self.weight * distance
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
