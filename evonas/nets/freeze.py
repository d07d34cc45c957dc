"""From a trained network to its frozen form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.architecture.graph import Architecture, Op, Shape
from evonas.architecture.input_codes import PIXELS, InputCodes
from evonas.architecture.precision import Precision
from evonas.architecture.scheme import Scheme
from evonas.architecture.stored_numbers import of_shifts
from evonas.errors import ExportError
from evonas.nets.frozen import Floats, FrozenConv, FrozenNetwork, Kernel, reads_codes
from evonas.nets.layer import QuantLayer
from evonas.nets.network import Network
from evonas.nets.norm import EPSILON, SlicedNorm, norm_key
from evonas.nets.packing.numbers import rounded
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.quantizer import Quantizer

FARTHEST = 8.0  # deviations from a channel's mean beyond which no number is expected
LARGEST = 1e30


@torch.no_grad()
def freeze(network: Network, *, codes: InputCodes = PIXELS, facts: Mapping[str, str] | None = None) -> FrozenNetwork:
    """Read the codes, scales and folded norms of a network's active architecture.

    Args:
        network: Trained and calibrated.
        codes: How the numbers that it was trained on are written.
        facts: To keep with it; see :class:`FrozenNetwork`.

    Raises:
        ExportError: A quantizer of one's own does not say how it works at inference.
    """
    architecture = network.active
    convs = {}
    for op in architecture.ops:
        if op.kind == "conv":
            layer = network.layers[op.name]
            assert isinstance(layer, QuantLayer)
            conv = _conv(layer, op, architecture.shapes[op.inputs[0]], architecture)
            convs[op.name] = replace(conv, image=codes) if reads_codes(op) else conv
    step = None
    if network.stream is not None and not architecture.stream.is_float:
        step = np.float32(network.stream.step(architecture.stream))
    return FrozenNetwork(_as_plain(architecture), convs, dict(facts or {}), codes, step)


def _as_plain(architecture: Architecture) -> Architecture:
    known = {field.name: getattr(architecture, field.name) for field in fields(Architecture)}
    return Architecture(**known)


def _conv(layer: QuantLayer, op: Op, source: Shape, architecture: Architecture) -> FrozenConv:
    """One convolution, in which norms take up what they can.

    A norm in front takes up the step of the activations' codes, which the scales of the weights take along; a norm
    right behind takes up scales, where a filter has one sum, and the bias, unless filters are shuffled.
    """
    norm_precision, scale_precision = architecture.norms, architecture.scales
    at = op.steps.index("conv")
    kernel = _kernel(layer, op, source, architecture.scheme)
    act = _activation_rule(layer, op) if "quant" in op.steps and not op.act.is_float else None
    bias = None if layer.bias is None or not op.has_bias else _floats(layer.filters_of(layer.bias, op.channels))
    places = [place for place, step in enumerate(op.steps) if step in ("norm", "standardize")]
    norms, units = {}, 1.0
    if act is not None and places and places[0] < at:
        act, units, worth = act.taken_up()
        taken = "scales" if kernel.levels else "values"
        kernel = replace(kernel, **{taken: getattr(kernel, taken) * np.float32(worth)})
    for place in places:
        norm = _Norm.of(layer, op, source, place)
        if place < at:
            is_sign = act is not None and act.rule == "sign"
            norms[place] = norm.of_signs(norm_precision) if is_sign else norm.folded(norm_precision, units=units)
            if act is not None and act.rule == "round":
                norms[place][1] = _off_edges(norms[place][1], of_shifts(norm_precision))
        elif place > at + 1 or "shuffle" in op.steps:
            norms[place] = norm.folded(norm_precision)
        else:
            has_one = kernel.levels > 0 and len(kernel.terms) == 1
            norms[place] = norm.folded(norm_precision, of=kernel.scales if has_one else None, bias=bias)
            bias = None
            if has_one:
                kernel = replace(kernel, scales=np.ones(1, dtype=np.float32), per="plane", is_taken_up=True)
    prelu = layer.filters_of(layer.prelu, op.channels).T if layer.prelu is not None and "prelu" in op.steps else None
    shifts = of_shifts(scale_precision)
    if act is not None and len(act.stored):
        numbers = _rounded(act.stored, shifts).tolist()
        act = replace(act, numbers=(*numbers, *act.numbers[len(numbers) :]))
    return FrozenConv(
        op,
        source,
        kernel if kernel.is_taken_up else replace(kernel, scales=_rounded(kernel.scales, scale_precision)),
        act=act,
        norms=norms,
        bias=None if bias is None else _rounded(bias, shifts),
        prelu=None if prelu is None else np.stack([_rounded(row, of_shifts(norm_precision)) for row in _floats(prelu)]),
        norm_precision=norm_precision,
        scale_precision=scale_precision,
    )


def _kernel(layer: QuantLayer, op: Op, source: Shape, scheme: Scheme) -> Kernel:
    latent = layer.kernel_for(op, source.channels, source.segments)
    if op.weight.is_float:
        return Kernel(_floats(latent)[None], levels=0)
    quantizer = layer.weight_quantizers[op.weight.name]
    assert isinstance(quantizer, Quantizer)
    codes, scale, levels = quantizer.codes(latent), quantizer.scale(latent), op.weight.levels
    # where no level is zero, as for binary weights, codes are odd and two apart
    is_odd = levels % 2 == 0 and bool((codes % 2 != 0).all())
    low, stride = (1 - levels, 2) if is_odd else (-(levels // 2), 1)
    values = codes.to(torch.int16).numpy()
    if values.min() < low or values.max() > low + stride * (levels - 1):
        raise ExportError(
            f"{op.weight} codes from {low} to {low + stride * (levels - 1)} in {op.name}",
            found=f"{values.min()} to {values.max()} of {type(quantizer).__name__}",
            remedy="fix its codes(), or train with a quantizer of evonas",
        )
    if codes.dim() == latent.dim() + 1:
        return Kernel(values, levels, low, stride, _floats(scale.flatten()), "plane")
    values = values[None]
    if scale.numel() == 1:
        return Kernel(values, levels, low, stride, _floats(scale.reshape(1)), "plane")
    method = scheme.weight(op.weight)
    is_per_filter = latent.numel() > len(latent) or (method is not None and method.is_stored_per_filter)
    if scale.shape == (len(latent), 1, 1, 1) and is_per_filter:  # of one weight a filter, all scales have that shape
        return Kernel(values, levels, low, stride, _floats(scale.flatten()), "filter")
    return Kernel(values, levels, low, stride, _by_sign(quantizer, codes, scale), "sign")


def _by_sign(quantizer: Quantizer, codes: Tensor, scale: Tensor) -> Floats:
    """The scale of positive and that of negative codes."""
    whole = scale.expand(codes.shape)
    scales = [torch.unique(whole[where]) for where in (codes > 0, codes < 0)]
    if max(map(len, scales)) > 1:
        raise ExportError(
            "one scale per layer, filter, plane or sign",
            found=f"others of {type(quantizer).__name__}",
            remedy="train with a quantizer of evonas to export",
        )
    return np.concatenate([_floats(one) if len(one) else np.ones(1, dtype=np.float32) for one in scales])


def _activation_rule(layer: QuantLayer, op: Op) -> ActivationRule:
    quantizer = layer.act_quantizers[op.act.name]
    assert isinstance(quantizer, Quantizer)
    rule = quantizer.activation_rule()
    if rule is None:
        raise ExportError(
            f"an activation quantizer that says how it works at inference ({op.name})",
            found=f"{type(quantizer).__name__} without activation_rule()",
            remedy="give it a method activation_rule(), see evonas/nets/quant/activation_rule.py",
        )
    return rule


class _Norm(NamedTuple):
    """A norm in double precision, ``(channels,)`` each: what it gives is ``scale * (x - mean) + shift``."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def of(cls, layer: QuantLayer, op: Op, source: Shape, place: int) -> _Norm:
        is_before = place < op.steps.index("conv")
        norm = layer.norms["before" if is_before else "after"]
        assert isinstance(norm, SlicedNorm)
        segments, channels = (source.segments, source.channels) if is_before else (op.segments, op.channels)
        part = (slice(segments), slice(channels // segments))
        mean, variance = (values[part].flatten().double() for values in (norm.mean, norm.variance))
        scale = (variance + EPSILON).rsqrt()
        shift = torch.zeros_like(scale)
        if op.steps[place] == "norm":
            key = norm_key(op.act)
            scale, shift = scale * norm.gamma[key][part].flatten().double(), norm.beta[key][part].flatten().double()
        return cls(*(values.numpy() for values in (mean, variance.sqrt(), scale, shift)))

    def folded(
        self,
        precision: Precision,
        *,
        units: float = 1.0,
        of: Floats | None = None,
        bias: Floats | None = None,
    ) -> Floats:
        """Factor and summand of what it reads, ``(2, channels)``, rounded once.

        Args:
            precision: How they are stored.
            units: Of what it gives.
            of: What one unit of its input is worth, a number or ``(channels,)``; the input itself if None.
            bias: That its input lacks.
        """
        worth = np.float64(1.0) if of is None else of.astype(np.float64)
        # an error of a factor costs as much as what it multiplies spreads; a channel that never changes needs none
        factor = _rounded(self.scale * worth / units, precision, weights=self.deviation / worth)
        # the shift belongs to the factor as it was rounded, so that means stay where they are
        shift = self.shift / units + ((0.0 if bias is None else bias) - self.mean) * (factor / worth)
        return np.stack([factor, _rounded(shift, of_shifts(precision))])

    def of_signs(self, precision: Precision) -> Floats:
        """The same where only the sign of what it gives counts: factors are 1 or -1, and shifts say where signs change.

        A small factor and its shift would round to a place elsewhere, or to none.
        """
        factor = np.where(self.scale < 0, -1.0, 1.0)
        beyond = FARTHEST * np.sqrt(self.deviation**2 + EPSILON)
        margin = np.clip(self.shift / np.maximum(np.abs(self.scale), 1 / LARGEST), -beyond, beyond)
        shift = _rounded(margin - self.mean * factor, of_shifts(precision)).astype(np.float64)
        if not precision.is_float:  # a channel that never changes keeps its sign, and a distance from where it would
            step = _step(shift, of_shifts(precision))
            away = step * (np.rint(-self.mean * factor / step) + np.where(self.shift < 0, -1, 1))
            is_near = np.abs(self.mean * factor + shift) < step / 2
            is_other = (self.mean * factor + shift >= 0) != (self.shift >= 0)
            shift = np.where((self.deviation < step) & (is_near | is_other), away, shift)
        return np.stack([factor.astype(np.float32), _rounded(shift, of_shifts(precision))])


def _off_edges(shifts: Floats, precision: Precision) -> Floats:
    """The same without halves: where a channel reads zeros, as it often does, it would lie between two codes.

    The network itself computes the same anywhere; graphs for compilers, which round in other places, do not.
    """
    step = _step(shifts, precision)
    if precision.is_float or step > 1 / 4:
        return shifts
    return _rounded(np.where(shifts % 1 == 0.5, shifts + step, shifts), precision)


def _step(shifts: NDArray[Any], precision: Precision) -> float:
    """Between two numbers that can be stored."""
    return float(np.ldexp(1.0, np.frexp(np.abs(shifts).max())[1] - precision.bits + 1))


def _rounded(values: NDArray[Any], precision: Precision, *, weights: NDArray[np.float64] | None = None) -> Floats:
    costs = None if weights is None else torch.from_numpy(weights)
    return rounded(torch.from_numpy(values.astype(np.float32)), precision, weights=costs).numpy()


def _floats(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().to(torch.float32).contiguous().numpy().copy()
