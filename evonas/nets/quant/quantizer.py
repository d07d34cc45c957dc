"""What a quantizer is: latent numbers in, a few levels out, with a gradient for what it learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from evonas.architecture.methods import Method
from evonas.architecture.precision import Precision
from evonas.errors import RunFileError
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.plugins import resolve


class Quantizer(nn.Module, ABC):
    """Maps a latent tensor to ``scale * codes`` with integer codes.

    It works on whatever slice of a shared kernel it is given, so its learnable numbers must not depend on width: they
    are ratios to a statistic of the slice, or act behind a batch norm. A statistic counts as a constant in gradients.

    Laws that a test checks for every quantizer: ``quantizer(x) == scale(x) * codes(x)`` exactly (summed over planes
    where there are several); codes are whole and of the declared levels; nothing is NaN for constant, zero, huge, tiny
    or single-element input.

    Args:
        precision: What it quantizes to.

    Attributes:
        learning_rate_factor: Factor on the learning rate of its own parameters; they get no weight decay.
    """

    learning_rate_factor: ClassVar[float] = 1.0

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
        """Positive factor without gradient, of a shape that broadcasts against ``latent``."""

    def activation_rule(self) -> ActivationRule | None:
        """What an activation quantizer does once it is trained; None for weights, and where no rule describes it."""
        return None

    def zero_share(self, latent: Tensor) -> float:
        """Share of ``latent`` that is quantized to zero."""
        return float((self.codes(latent) == 0).double().mean())


class HandDerived(Quantizer):
    """A weight quantizer whose kernel and gradients are also there as few plain operations, for training steps.

    They are those of a call, multiplied by a number, up to rounding. Calls are as exact as the laws ask for; a step has
    many small kernels, each of which takes as long as it has operations.
    """

    @property
    @abstractmethod
    def learned(self) -> tuple[nn.Parameter, ...]:
        """Its parameters."""

    @abstractmethod
    def worth(self, latent: Tensor, learned: Sequence[float], worth: float) -> tuple[Tensor, tuple[Any, ...]]:
        """The quantized kernel times ``worth``, outside of autograd's graph, and what its gradients need.

        Args:
            latent: Contiguous.
            learned: The numbers in :attr:`learned`, in a row.
            worth: What the activations' codes are worth.
        """

    @abstractmethod
    def derive(self, kept: tuple[Any, ...], grad: Tensor) -> tuple[Tensor, list[float], float]:
        """Gradients of the latent kernel, of each learned number, and of the logarithm of ``worth``.

        Args:
            kept: From :meth:`worth`.
            grad: For what it gave; contiguous.
        """


def is_hand_derived(quantizer: nn.Module) -> bool:
    """Whether its own class writes its gradient out. A subclass that does not may compute anything."""
    return isinstance(quantizer, HandDerived) and "worth" in vars(type(quantizer))


def build_quantizer(method: Method, precision: Precision) -> Quantizer:
    """Build a method's quantizer for a precision.

    Raises:
        RunFileError: It is no quantizer, or learns more or fewer numbers than its method says.
    """
    make = resolve(method.make) if isinstance(method.make, str) else method.make
    quantizer = make(precision, **method.options)
    if not isinstance(quantizer, Quantizer):
        raise RunFileError("a Method that makes a Quantizer", found=type(quantizer).__name__, remedy="change its make")
    learned = sum(parameter.numel() for parameter in quantizer.parameters())
    if learned != method.learned:
        raise RunFileError(
            f"a Method whose learned is what its {type(quantizer).__name__} learns",
            found=f"learned = {method.learned}, and {learned} numbers",
            remedy=f"write Method(..., learned={learned})",
        )
    return quantizer


def mean_magnitude(latent: Tensor, *, is_per_filter: bool = False) -> Tensor:
    """Mean of ``|latent|`` without gradient; never zero, and it does not overflow on the way.

    Args:
        latent: Any shape; its first axis the filters if ``is_per_filter``.
        is_per_filter: Whether to give one mean per filter, ``(n, 1, 1, …)``, instead of one scalar.
    """
    magnitudes = latent.detach().abs()
    if not is_per_filter:
        mean = (magnitudes / magnitudes.numel()).sum()
    else:
        rows = magnitudes.flatten(1)
        mean = (rows / rows.shape[1]).sum(dim=1).view(-1, *([1] * (latent.dim() - 1)))
    return mean.clamp_min(torch.finfo(latent.dtype).tiny)


class StraightThrough(torch.autograd.Function):
    """``apply(latent, effective, limit)`` gives ``effective`` and passes its gradient to ``latent``.

    Only where ``|latent| <= limit``; ``limit`` broadcasts against ``latent``; None lets all of the gradient through.
    """

    @staticmethod
    def forward(ctx: Any, latent: Tensor, effective: Tensor, limit: Tensor | None) -> Tensor:
        """Give ``effective``."""
        if limit is not None:
            ctx.save_for_backward(latent, limit)
        return effective

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Pass the gradient on within the limit."""
        if not ctx.saved_tensors:
            return grad, None, None
        latent, limit = ctx.saved_tensors
        return grad * (latent.abs() <= limit), None, None


@cache
def next_above(x: float) -> float:
    """The smallest float32 above ``x``; fused gradient kernels have open bounds where quantizers have closed ones."""
    return float(np.nextafter(np.float32(x), np.float32(np.inf)))


def next_below(x: float) -> float:
    """The largest float32 below ``x``."""
    return -next_above(-x)
