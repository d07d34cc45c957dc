"""Learned step size quantization (LSQ) of weights and activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evonas.architecture.precision import Precision
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.quantizer import HandDerived, Quantizer, mean_magnitude, next_above, next_below

# Steps that lose least (mean squared error) on a standard normal, by number of levels; a test computes them anew.
WEIGHT_STEPS = {3: 1.224, 4: 1.048, 8: 0.602, 16: 0.339, 32: 0.189, 64: 0.104, 128: 0.0569, 256: 0.0308}
# The same for max(0, x): what a batch norm in front of the quantizer delivers, so no first batch has to be measured.
ACT_STEPS = {3: 0.843, 4: 0.651, 8: 0.353, 16: 0.193, 32: 0.1055, 64: 0.0573, 128: 0.0309, 256: 0.0165}

LARGEST_LOG = 700.0  # beyond, Python's exp raises; the step is infinite in float32 long before


class LsqWeight(HandDerived):
    """Signed k-bit weights whose step is learned.

    Formula: ``s * round(clip(w / s, -2^(k-1), 2^(k-1) - 1))`` with ``s = r * sqrt(pi/2) * mean|w|``; ``r`` is learned
    through its logarithm, so that a step cannot cross zero, and as a ratio serves every width of a shared kernel.
    Three levels are -1, 0 and 1 steps.
    Gradient: for the latent, the identity within the range and 0 outside; for the step, the sum of ``g * (code - x/s)``
    inside and ``g * code`` outside, divided by ``sqrt(n * high)`` with ``n`` the numbers that share it.

    References:
        Esser 2020, "Learned step size quantization", eq. 1 to 3.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision) -> None:
        super().__init__(precision)
        self.low, self.high = -(precision.levels // 2), (precision.levels - 1) // 2
        self.log_ratio = nn.Parameter(torch.tensor(math.log(WEIGHT_STEPS[precision.levels])))

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return lsq(latent, self._step(latent), low=self.low, high=self.high, n=latent.numel())

    @property
    def learned(self) -> tuple[nn.Parameter, ...]:
        """See :class:`HandDerived`."""
        return (self.log_ratio,)

    def worth(self, latent: Tensor, learned: Sequence[float], worth: float) -> tuple[Tensor, tuple[Any, ...]]:
        """See :class:`HandDerived`."""
        mean = float(torch.linalg.vector_norm(latent, 1)) / latent.numel()
        step = math.exp(min(learned[0], LARGEST_LOG)) * max(math.sqrt(math.pi / 2) * mean, 1e-30)
        v = latent / step
        code = _codes(v, self.low, self.high)
        return code * (step * worth), (v, code, step, worth)

    def derive(self, kept: tuple[Any, ...], grad: Tensor) -> tuple[Tensor, list[float], float]:
        """See :class:`HandDerived`."""
        v, code, step, worth = kept
        inside, by_code, by_v = _gradients(v, code, grad, self.low, self.high)
        of_step = (float(by_code) - float(by_v)) * worth * step / math.sqrt(v.numel() * self.high)
        return inside.mul_(worth), [of_step], float(by_code) * step * worth

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _codes(latent.detach() / self.scale(latent), self.low, self.high)

    def scale(self, latent: Tensor) -> Tensor:
        """The step, a scalar."""
        return self._step(latent).detach()

    def _step(self, latent: Tensor) -> Tensor:
        return self.log_ratio.exp() * (math.sqrt(math.pi / 2) * mean_magnitude(latent)).clamp_min(1e-30)


class LsqActivation(Quantizer):
    """Activations of any number of levels whose step is learned; unsigned ones contain the ReLU.

    Formula: ``s * round(clip(x / s, low, high))``; unsigned from 0 to ``levels - 1``, signed as :class:`LsqWeight`;
    ``s`` is learned through its logarithm. Three unsigned levels, 0, 1 and 2 steps, are a ternary activation.
    Gradient: for the latent, the identity within the range and 0 outside; for the step, the sum of ``g * (code - x/s)``
    inside and ``g * code`` outside, divided by ``sqrt(n * high)`` with ``n`` the numbers that share it.

    References:
        Esser 2020, "Learned step size quantization", eq. 1 to 3.

    Args:
        precision: Any number of levels from three.
        is_signed: Whether codes below zero exist; for inputs that no ReLU follows.
    """

    learning_rate_factor = 0.2

    def __init__(self, precision: Precision, *, is_signed: bool = False) -> None:
        super().__init__(precision)
        levels = precision.levels
        self.low, self.high = (-(levels // 2), (levels - 1) // 2) if is_signed else (0, levels - 1)
        self.log_step = nn.Parameter(torch.tensor(math.log((WEIGHT_STEPS if is_signed else ACT_STEPS)[levels])))

    def forward(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`. ``latent`` is a batch, its first axis the samples."""
        n = max(1, latent.numel() // len(latent))
        return lsq(latent, self.log_step.exp(), low=self.low, high=self.high, n=n)

    def codes(self, latent: Tensor) -> Tensor:
        """See :class:`Quantizer`."""
        return _codes(latent.detach() / self.scale(latent), self.low, self.high)

    def scale(self, latent: Tensor) -> Tensor:
        """The step, a scalar."""
        del latent
        return self.log_step.detach().exp()

    def activation_rule(self) -> ActivationRule:
        """See :class:`Quantizer`."""
        return ActivationRule("round", self.low, self.high, (float(self.scale(self.log_step)),))


def lsq(x: Tensor, step: Tensor, *, low: int, high: int, n: int) -> Tensor:
    """Quantize to whole steps within ``low`` to ``high``.

    Gradient: for ``x``, the identity where ``low <= x/step <= high``, else 0. For ``step``, the sum of
    ``g * (code - x/step)`` inside and ``g * code`` outside that range, divided by ``sqrt(n * high)``.

    Args:
        x: Any shape.
        step: Scalar, positive.
        low: Smallest code.
        high: Largest code.
        n: Numbers that share the step, for the gradient's size.

    Returns:
        The shape of ``x``.
    """
    if not torch.is_grad_enabled():
        return (x / step).clamp_(low, high).round_().mul_(step)  # the same numbers in one buffer
    factor = 1 / math.sqrt(n * high)
    if torch.compiler.is_compiling():
        return _lsq_of_plain_operations(x, step, low=low, high=high, factor=factor)
    return _Lsq.apply(x, step, low, high, factor)  # type: ignore[no-any-return,no-untyped-call]


def _lsq_of_plain_operations(x: Tensor, step: Tensor, *, low: int, high: int, factor: float) -> Tensor:
    """The same for the compiler, which fuses plain operations better than the hand-fused backward of :class:`_Lsq`."""
    step = step * factor + (step * (1 - factor)).detach()  # scales the gradient, not the value
    v = x / step
    clipped = torch.clamp(v, low, high)
    return (clipped + (torch.round(clipped) - clipped).detach()) * step


def _codes(v: Tensor, low: int, high: int) -> Tensor:
    return torch.clamp(v, low, high).round_()


class _Lsq(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, low: int, high: int, factor: float) -> Tensor:
        v = x / step
        code = _codes(v, low, high)
        ctx.save_for_backward(v, code)
        ctx.range, ctx.factor = (low, high), factor
        return code * step

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        v, code = ctx.saved_tensors
        grad_x, by_code, by_v = _gradients(v, code, grad, *ctx.range)
        return grad_x, (by_code - by_v) * ctx.factor, None, None, None


def _gradients(v: Tensor, code: Tensor, grad: Tensor, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
    """For ``x``, and the two sums whose difference is that for the step, before it is made smaller.

    One fused pass instead of comparisons and products: hardtanh's gradient is the range mask. Its bounds are open,
    ours are closed, hence the next float32 beyond them.
    """
    grad_x = torch.ops.aten.hardtanh_backward(grad, v, next_below(low), next_above(high))
    return grad_x, torch.dot(grad.flatten(), code.flatten()), torch.dot(grad_x.flatten(), v.flatten())
