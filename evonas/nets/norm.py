"""Batch norm over a slice of shared channels, with a scale and shift for each activation precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor, nn

from evonas.architecture.precision import FLOAT, Precision
from evonas.architecture.stored_numbers import of_shifts
from evonas.nets.distributed import batch_norm
from evonas.nets.mixed_path import Blend
from evonas.nets.packing.numbers import rounded

EPSILON = 1e-5


class SlicedNorm(nn.Module):
    """Normalises the first channels of each segment with statistics that are measured anew before every use.

    Training uses the batch's own statistics and keeps none: those of other subnets would not fit. While
    ``is_calibrating``, a batch's statistics are stored; after that they are used.

    Args:
        channels: At its largest.
        segments: Equal groups of channels that are sliced alike.
        keys: A learned scale and shift for each (a shared one costs ranking quality in a supernet); none: not affine.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, *, segments: int, keys: Sequence[str]) -> None:
        super().__init__()
        shape = (segments, channels // segments)
        self.gamma = nn.ParameterDict({key: nn.Parameter(torch.ones(shape)) for key in keys})
        self.beta = nn.ParameterDict({key: nn.Parameter(torch.zeros(shape)) for key in keys})
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.is_calibrating = False

    def forward(
        self, x: Tensor, key: str | Blend | None, segments: int, *, kept: Precision = FLOAT, units: Tensor | float = 1.0
    ) -> Tensor:
        """Normalise.

        Args:
            x: ``(n, channels, height, width)``.
            key: Which scale and shift; several that blend; None for none.
            segments: Of ``x``'s channels.
            kept, units: See :meth:`normalise`.
        """
        width = x.shape[1] // segments
        gamma = None if key is None else _affine(self.gamma, key, segments, width)
        beta = None if key is None else _affine(self.beta, key, segments, width)
        return self.normalise(x, gamma, beta, segments, kept=kept, units=units)

    def normalise(
        self,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        segments: int,
        *,
        kept: Precision = FLOAT,
        units: Tensor | float = 1.0,
    ) -> Tensor:
        """Normalise with a scale and shift from elsewhere, ``(channels,)`` each; None for none.

        Args:
            x, segments: See :meth:`forward`.
            gamma, beta: Scale and shift.
            kept: How the factor and summand that are left of a norm will be stored; they are rounded to that here, and
                gradients pass through.
            units: In which they are stored, a number or ``(channels,)``.
        """
        width = x.shape[1] // segments
        if not kept.is_float:
            gamma, beta = self._as_kept(x, gamma, beta, segments, kept, units)
        if self.training:
            return batch_norm(x, gamma, beta, epsilon=EPSILON)
        if self.is_calibrating:
            mean, variance = x.new_zeros(x.shape[1]), x.new_ones(x.shape[1])
            y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=1.0, eps=EPSILON)
            n = x.numel() // x.shape[1]
            self.mean[:segments, :width] = mean.view(-1, width)
            self.variance[:segments, :width] = variance.view(-1, width) * ((n - 1) / n)  # torch's is the unbiased one
            return y
        mean, variance = self.mean[:segments, :width].flatten(), self.variance[:segments, :width].flatten()
        return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=EPSILON)

    def _as_kept(
        self,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        segments: int,
        kept: Precision,
        units: Tensor | float,
    ) -> tuple[Tensor, Tensor]:
        """Scale and shift with which the norm computes what its rounded factor and summand will."""
        width = x.shape[1] // segments
        gamma = x.new_ones(x.shape[1]) if gamma is None else gamma
        beta = x.new_zeros(x.shape[1]) if beta is None else beta
        with torch.no_grad():
            if self.training or self.is_calibrating:
                variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
            else:
                mean, variance = self.mean[:segments, :width].flatten(), self.variance[:segments, :width].flatten()
            inverse = (variance + EPSILON).rsqrt()
            factor = rounded(gamma * inverse / units, kept, weights=variance.sqrt() * units) * units
            summand = rounded((beta - mean * factor) / units, of_shifts(kept)) * units
            scale, shift = factor / inverse - gamma, summand + mean * factor - beta
        return gamma + scale, beta + shift

    def grow_from(self, other: SlicedNorm) -> None:
        """Take over all of a norm at most as large, whose keys this one has; what is new has scale 1 and shift 0."""
        segments, width = other.mean.shape
        with torch.no_grad():
            for key in other.gamma:
                self.gamma[key][:segments, :width] = other.gamma[key]
                self.beta[key][:segments, :width] = other.beta[key]
            self.mean[:segments, :width] = other.mean
            self.variance[:segments, :width] = other.variance

    def copy_slice(self, other: SlicedNorm) -> None:
        """Take over from a norm at least as large, which has every key of this one."""
        segments, width = self.mean.shape
        with torch.no_grad():
            for key in self.gamma:
                self.gamma[key].copy_(other.gamma[key][:segments, :width])
                self.beta[key].copy_(other.beta[key][:segments, :width])
            self.mean.copy_(other.mean[:segments, :width])
            self.variance.copy_(other.variance[:segments, :width])


def norm_key(act: Precision) -> str:
    """Key of an activation precision's scale and shift."""
    return f"act {act.name}"  # a bare "float" is a name that modules have themselves


def _affine(table: nn.ParameterDict, key: str | Blend, segments: int, width: int) -> Tensor:
    if isinstance(key, str):
        vector: Tensor = table[key][:segments, :width].flatten()
        return vector
    return key.affine(torch.stack([table[norm_key(act)][:segments, :width] for act in key.precisions]).flatten(1))
