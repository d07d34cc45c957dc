"""Mixed paths: layers that run all their precisions at once and convolve once, over random shares.

Convolution is bilinear, so ``conv(sum_i q_i A_i(x), sum_j p_j W_j(w))`` is the sum of all ``q_i p_j conv(A_i(x),
W_j(w))``: what is added before it needs one convolution instead of one per pair. A soft blend adds weighted tensors. A
hard one gives every filter and every channel one precision, so that the convolution reads real low-bit numbers, which
it never does in a soft one.

References:
    LPNAS-inspired, after the abstract of "NAS for low-precision networks" (ICANN 2022); aggregated tensors as in EdMIPS
    (Cai 2020).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.precision import Precision
from evonas.nets.mixture import choose_filters, choose_precisions, mix_precisions, mix_rows

CONCENTRATION = 1.0  # of the Dirichlet distribution: every division into shares is equally likely
CACHED = 1 << 18  # numbers that a core's cache holds; a soft blend takes several passes over them


class Blend(ABC):
    """How the candidate precisions of one role, weights or activations, share one tensor of a layer.

    Attributes:
        precisions: The candidates.
    """

    precisions: tuple[Precision, ...]

    @abstractmethod
    def kernel(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """Blend what the quantizers, one per candidate, make of a kernel; its first axis are the filters."""

    @abstractmethod
    def activations(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """Blend what the quantizers, one per candidate, make of ``(n, channels, height, width)``."""

    @abstractmethod
    def affine(self, rows: Tensor) -> Tensor:
        """Blend a batch norm's scales or shifts, ``(candidates, channels)``."""


@dataclass(frozen=True)
class SoftBlend(Blend):
    """Every precision has a share of every number.

    Parameters of one candidate get the gradient that they would get alone, not multiplied by its share. The forward
    pass is not scaled: batch norm corrects the size, and a share of 1 must be the plain layer.

    Attributes:
        shares: One per candidate, of sum 1.
    """

    precisions: tuple[Precision, ...]
    shares: tuple[float, ...]

    def kernel(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """See :class:`Blend`."""
        return mix_precisions(latent, quantizers, self._shares(latent), is_scaled=True, is_forward_scaled=False)

    def activations(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """See :class:`Blend`."""
        parts = torch.split(latent, max(1, CACHED // latent[0].numel()))
        mixed = [self.kernel(part, quantizers) for part in parts]
        return torch.cat(mixed) if len(mixed) > 1 else mixed[0]

    def affine(self, rows: Tensor) -> Tensor:
        """See :class:`Blend`."""
        return mix_rows(rows, self._shares(rows))

    def _shares(self, like: Tensor) -> Tensor:
        return torch.tensor(self.shares, dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class HardBlend(Blend):
    """Every filter, and every channel of the activations, has one precision.

    Attributes:
        choice: Which candidate a channel takes, for at least as many channels as any tensor of the layer has.
    """

    precisions: tuple[Precision, ...]
    choice: tuple[int, ...]

    def kernel(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """See :class:`Blend`. Statistics are those of the whole kernel."""
        return choose_filters(lambda index: quantizers[index](latent), self._choice(latent, len(latent)))

    def activations(self, latent: Tensor, quantizers: Sequence[nn.Module]) -> Tensor:
        """See :class:`Blend`."""
        return choose_precisions(latent, quantizers, self._choice(latent, latent.shape[1]))

    def affine(self, rows: Tensor) -> Tensor:
        """See :class:`Blend`."""
        return rows.gather(0, self._choice(rows, rows.shape[1])[None])[0]

    def _choice(self, like: Tensor, channels: int) -> Tensor:
        return torch.tensor(self.choice[:channels], device=like.device)


@dataclass(frozen=True)
class LayerBlends:
    """The blends of one layer; None where it has one precision only, and runs as always."""

    weight: Blend | None
    act: Blend | None


@dataclass(frozen=True)
class MixedPath:
    """A path of a supernet whose layers run all their precisions at once.

    Attributes:
        architecture: Its topology, widths and modules; its precisions hold in layers without a blend.
        blends: By the name of the operation.
    """

    architecture: Architecture
    blends: Mapping[str, LayerBlends]


UNMIXED = LayerBlends(weight=None, act=None)
SupernetPath = Architecture | MixedPath
Draw = Callable[[np.random.Generator, tuple[Precision, ...], int], Blend]


def draw_soft(rng: np.random.Generator, precisions: tuple[Precision, ...], channels: int) -> SoftBlend:
    """Shares from a Dirichlet distribution."""
    del channels
    return SoftBlend(precisions, tuple(rng.dirichlet([CONCENTRATION] * len(precisions)).tolist()))


def draw_hard(rng: np.random.Generator, precisions: tuple[Precision, ...], channels: int) -> HardBlend:
    """A random permutation of the candidates for every run of as many channels: each first n hold them about evenly."""
    n_runs = -(-channels // len(precisions))
    runs = rng.permuted(np.tile(np.arange(len(precisions)), (n_runs, 1)), axis=1)
    return HardBlend(precisions, tuple(runs.flatten().tolist()))


def candidates(architectures: Sequence[Architecture]) -> dict[str, tuple[tuple[Precision, ...], tuple[Precision, ...]]]:
    """Precisions of weights and of activations that each operation of a supernet has.

    Args:
        architectures: Those that the supernet is built from.
    """
    uses: dict[str, list[Op]] = {}
    for architecture in architectures:
        for op in architecture.ops:
            if op.kind == "conv":
                uses.setdefault(op.name, []).append(op)
    return {
        name: (tuple(dict.fromkeys(op.weight for op in ops)), tuple(dict.fromkeys(op.act for op in ops)))
        for name, ops in uses.items()
    }


def mix(
    architecture: Architecture,
    known: Mapping[str, tuple[tuple[Precision, ...], tuple[Precision, ...]]],
    *,
    draw: Draw,
    rng: np.random.Generator,
) -> MixedPath:
    """Draw a blend for every layer and role that has several precisions.

    Args:
        architecture: Topology, widths and modules.
        known: From :func:`candidates`.
        draw: :func:`draw_soft` or :func:`draw_hard`.
        rng: Everything random comes from it.
    """
    blends = {}
    for op in architecture.ops:
        if op.kind == "conv":
            # one choice serves the channels that the layer reads and, for a batch norm behind it, those that it writes
            channels = max(op.channels, architecture.shapes[op.inputs[0]].channels)
            weight, act = (draw(rng, some, channels) if len(some) > 1 else None for some in known[op.name])
            blends[op.name] = LayerBlends(weight, act)
    return MixedPath(architecture, blends)
