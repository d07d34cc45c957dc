"""Train a supernet path by path, or one network: the cross-entropy of one architecture per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


@dataclass(frozen=True)
class SinglePath(Generic[A]):
    """One path per step; a random one each time is the uniform single path of SPOS.

    Attributes:
        drawn: Gives the path of the next step.
        label_smoothing: Share of the target spread over all classes.

    References:
        Guo 2020, "Single path one-shot neural architecture search with uniform sampling".
    """

    drawn: Callable[[], A]
    label_smoothing: float = 0.0

    def draw(self) -> Sequence[A]:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        return [self.drawn()]

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor) -> float:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        (path,) = paths
        supernet.activate(path)
        loss = F.cross_entropy(supernet(images), labels, label_smoothing=self.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
