"""From a trained network to its frozen form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from evonas.architecture.graph import Architecture, Op, Shape
from evonas.architecture.input_codes import PIXELS, InputCodes
from evonas.architecture.scheme import Scheme
from evonas.errors import ExportError
from evonas.nets.frozen import Floats, FrozenConv, FrozenNetwork, Kernel, reads_codes
from evonas.nets.layer import QuantLayer
from evonas.nets.network import Network
from evonas.nets.norm import EPSILON, SlicedNorm, norm_key
from evonas.nets.quant.activation_rule import ActivationRule
from evonas.nets.quant.quantizer import Quantizer


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
            conv = _conv(layer, op, architecture.shapes[op.inputs[0]], architecture.scheme)
            convs[op.name] = replace(conv, image=codes) if reads_codes(op) else conv
    step = None
    if network.stream is not None and not architecture.stream.is_float:
        step = np.float32(network.stream.step(architecture.stream))
    return FrozenNetwork(_as_plain(architecture), convs, dict(facts or {}), codes, step)


def _as_plain(architecture: Architecture) -> Architecture:
    return Architecture(architecture.input_shape, architecture.ops, architecture.scheme, architecture.stream)


def _conv(layer: QuantLayer, op: Op, source: Shape, scheme: Scheme) -> FrozenConv:
    conv = op.steps.index("conv")
    norms = {
        place: _folded(
            layer.norms["before" if place < conv else "after"],  # type: ignore[arg-type]
            key=norm_key(op.act) if step == "norm" else None,
            channels=source.channels if place < conv else op.channels,
            segments=source.segments if place < conv else op.segments,
        )
        for place, step in enumerate(op.steps)
        if step in ("norm", "standardize")
    }
    bias = layer.filters_of(layer.bias, op.channels) if layer.bias is not None and op.has_bias else None
    prelu = layer.filters_of(layer.prelu, op.channels).T if layer.prelu is not None and "prelu" in op.steps else None
    return FrozenConv(
        op,
        source,
        _kernel(layer, op, source, scheme),
        act=_activation_rule(layer, op) if "quant" in op.steps and not op.act.is_float else None,
        norms=norms,
        bias=None if bias is None else _floats(bias),
        prelu=None if prelu is None else _floats(prelu),
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


def _folded(norm: SlicedNorm, *, key: str | None, channels: int, segments: int) -> Floats:
    """Scale and shift of a norm, ``(2, channels)``: computed in double precision, rounded once."""
    part = (slice(segments), slice(channels // segments))
    mean, variance = (norm_values[part].flatten().double() for norm_values in (norm.mean, norm.variance))
    scale = (variance + EPSILON).rsqrt()
    shift = torch.zeros_like(scale)
    if key is not None:
        scale, shift = scale * norm.gamma[key][part].flatten().double(), norm.beta[key][part].flatten().double()
    return _floats(torch.stack([scale, shift - mean * scale]))


def _floats(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().to(torch.float32).contiguous().numpy().copy()
