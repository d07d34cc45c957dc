"""Train a supernet path by path, or one network: the cross-entropy of one architecture per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from evonas.training.strategies.label_loss import label_loss
from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


@dataclass(frozen=True)
class SinglePath(Generic[A]):
    """One path per step; a random one each time is the uniform single path of SPOS.

    Attributes:
        drawn: Gives the path of the next step.
        label_smoothing: Share of the target spread over all classes.
        class_weights: What an image counts, by its label; None: all alike.

    References:
        Guo 2020, "Single path one-shot neural architecture search with uniform sampling".
    """

    drawn: Callable[[], A]
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def draw(self) -> Sequence[A]:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        return [self.drawn()]

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor) -> float:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        (path,) = paths
        supernet.activate(path)
        weights = self.class_weights
        loss = label_loss(supernet(images), labels, label_smoothing=self.label_smoothing, class_weights=weights)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
