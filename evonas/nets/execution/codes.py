"""Activation codes of a tensor that is already in steps, with the quantizers' own gradients.

A layer that normalises, quantizes and convolves computes ``conv(s * code(norm(x) / s), W)``. The division goes into the
norm's scale and shift, the factor into the kernel, so what is left between norm and convolution is the code alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from evonas.nets.quant.binary import ApproxSign
from evonas.nets.quant.lsq import LsqActivation
from evonas.nets.quant.quantizer import Quantizer, next_above, next_below

HALF = 2.0  # what codes of ``half_sign`` have to be multiplied by

Codes = Callable[[Tensor], Tensor]


def codes_of(quantizer: Quantizer) -> Codes | None:
    """How to make a quantizer's codes; None for one that has to be called. Subclasses may compute anything."""
    if type(quantizer) is LsqActivation:
        return partial(rounded, low=quantizer.low, high=quantizer.high)
    return half_sign if type(quantizer) is ApproxSign else None


def rounded(v: Tensor, *, low: int, high: int) -> Tensor:
    """``round(clip(v, low, high))``; the gradient is the identity within ``low <= v <= high`` and 0 outside.

    One pass for the codes, one for the rounding, one for the gradient. ``v`` is used up where no gradient is wanted.
    """
    if not torch.is_grad_enabled():
        return v.clamp_(low, high).round_()
    # hardtanh's gradient has open bounds, ours are closed: hence the next float32 beyond them, which rounds to them
    codes: Tensor = torch.nn.functional.hardtanh(v, next_below(low), next_above(high))
    codes.detach().round_()  # unseen by autograd, for which it is the identity
    return codes


def half_sign(v: Tensor) -> Tensor:
    """Half of :class:`evonas.nets.quant.binary.ApproxSign`: -0.5 or +0.5, which saves a pass forwards and backwards."""
    return _HalfSign.apply(v)  # type: ignore[no-any-return,no-untyped-call]


class _HalfSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return torch.ge(v, 0, out=torch.empty_like(v)).sub_(0.5)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return torch.addcmul(grad, grad, v.clamp(-1, 1).abs_(), value=-1)  # half of max(0, 2 - 2|v|)
