"""Protocols that the one-shot estimate needs: of a supernet, and of a way to train it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor

A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)


class Supernet(Protocol[A_contra]):
    """A module that runs one of many architectures, of whatever type, over shared weights."""

    def activate(self, architecture: A_contra, /) -> None:
        """Choose what the next call runs."""

    def __call__(self, images: Tensor, /) -> Tensor:
        """Logits ``(n, classes)`` of the active architecture."""

    def calibrate(self, images: Tensor, /) -> None:
        """Set the active architecture's batch-norm statistics from one batch, and go to eval mode."""

    def train(self, mode: bool = True, /) -> Any:
        """Go to training mode."""

    def parameter_groups(self, *, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for a torch optimizer, each with its ``lr`` and ``weight_decay``."""

    def state_dict(self) -> dict[str, Tensor]:
        """Weights and statistics by name."""

    def load_state_dict(self, state: Mapping[str, Tensor], /) -> Any:
        """Take over weights and statistics."""


class Strategy(Protocol[A]):
    """How one training step of a supernet is made: which paths it takes, and what they minimise."""

    def draw(self) -> Sequence[A]:
        """Architectures of the next step."""

    def backward(self, supernet: Supernet[A], paths: Sequence[A], images: Tensor, labels: Tensor, /) -> float:
        """Add the gradients of a step; give its mean loss in nats."""
