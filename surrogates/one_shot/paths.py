"""Train a supernet path by path: the cross-entropy of one or several architectures, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")


@dataclass(frozen=True)
class Paths(Generic[A]):
    """Gradients of all paths of an update are averaged.

    One random path is the uniform single path of SPOS; several random ones accumulate; paths that together hold every
    choice of every gene equally often are strictly fair.

    Attributes:
        drawn: Gives the paths of the next update.
        label_smoothing: Share of the target spread over all classes.

    References:
        Guo 2020, "Single path one-shot neural architecture search with uniform sampling"; Chu 2021, "FairNAS:
        rethinking evaluation fairness of weight sharing neural architecture search".
    """

    drawn: Callable[[], Sequence[A]]
    label_smoothing: float = 0.0

    def draw(self) -> Sequence[A]:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        return self.drawn()

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor) -> float:
        """See :class:`surrogates.one_shot.supernet.Strategy`."""
        total = 0.0
        for path in paths:
            supernet.activate(path)
            loss = F.cross_entropy(supernet(images), labels, label_smoothing=self.label_smoothing) / len(paths)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total
