"""What a quantizer is: latent numbers in, a few levels out, with a gradient for what it learns."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from evonas.precision import Precision


class Quantizer(nn.Module, ABC):
    """Maps a latent tensor to ``scale * codes`` with integer codes.

    It works on whatever slice of a shared kernel it is given, so its learnable numbers must not depend on width: they
    are ratios to a statistic of the slice, or act behind a batch norm.

    Laws that a test checks for every quantizer: ``quantizer(x) == scale(x) * codes(x)`` exactly; codes are whole and
    among the declared levels; nothing is NaN for constant, zero, huge, tiny or single-element input.

    Attributes:
        precision: What it quantizes to.
        learning_rate_factor: On the learning rate of its own parameters.
    """

    learning_rate_factor: float = 1.0

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self.precision = precision

    @abstractmethod
    def forward(self, latent: Tensor) -> Tensor:
        """Quantize: ``scale * codes``, the shape of ``latent``."""

    @abstractmethod
    def codes(self, latent: Tensor) -> Tensor:
        """Integer codes as floats, the shape of ``latent``."""

    @abstractmethod
    def scale(self, latent: Tensor) -> Tensor:
        """Positive factor, a scalar or one a filter as ``(out_channels, 1, 1, 1)``."""
