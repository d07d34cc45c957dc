"""The quantized layer: one latent kernel serves all precisions and widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor, nn

from evonas.architecture import Op, Shape
from evonas.precision import Precision
from evonas.quant import Method, Quantizer
from evonas.quant.quantizer import mean_magnitude
from evonas.quant.scheme import Scheme

BATCH_NORM_EPSILON = 1e-5
MOST_ZEROS = 0.8  # above this a ternary or low-bit layer is all but dead
MOST_ZERO_ACTS = 0.95  # of a standard normal input, half of which a ReLU cuts anyway
LEAST_STEP = 1e-3  # of the mean weight, or of the unit spread behind a batch norm


class QuantLayer(nn.Module):
    """A convolution or classifier that can run at any of its precisions and at any width up to its largest.

    The latent kernel is sliced first and quantized second, so thresholds and steps see the active weights only. Each
    precision has quantizers of its own; each activation precision has a batch norm of its own (a shared one costs
    ranking quality in a supernet). Inputs that are a concatenation are sliced segment by segment.

    Args:
        op: The operation at its largest; its kind, kernel, stride and dilation hold for every use.
        source: Shape of its largest input.
        weights: Weight precisions it can run at.
        acts: Activation precisions it can run at.
        scheme: Which method quantizes what.
        generator: Draws the initial kernel (He normal).
    """

    def __init__(
        self,
        op: Op,
        source: Shape,
        *,
        weights: Sequence[Precision],
        acts: Sequence[Precision],
        scheme: Scheme,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.op = op
        fan_in = source.channels * op.kernel**2
        kernel = torch.empty(op.channels, source.segments, source.channels // source.segments, op.kernel, op.kernel)
        self.latent_weight = nn.Parameter(kernel.normal_(0.0, (2 / fan_in) ** 0.5, generator=generator))
        self.weight_quantizers = _quantizers(scheme.weight, weights)
        self.bias = nn.Parameter(torch.zeros(op.channels)) if op.kind == "classifier" else None
        # slope, shift before and shift after (RPReLU)
        self.prelu = nn.Parameter(torch.tensor([0.25, 0.0, 0.0]).repeat(op.channels, 1)) if op.has_prelu else None
        norms = [_norm_key(act) for act in acts] if op.is_preactivated else []
        self.act_quantizers = _quantizers(scheme.act, acts if op.is_preactivated else [])
        segments = (source.segments, source.channels // source.segments)
        self.gamma = nn.ParameterDict({name: nn.Parameter(torch.ones(segments)) for name in norms})
        self.beta = nn.ParameterDict({name: nn.Parameter(torch.zeros(segments)) for name in norms})
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(segments))
        self.register_buffer("variance", torch.ones(segments))
        self.is_calibrating = False

    def forward(self, x: Tensor, op: Op, segments: int) -> Tensor:
        """Run at the widths and precisions of ``op``.

        Args:
            x: ``(n, channels, height, width)``.
            op: The operation as the active architecture has it.
            segments: Segments of ``x``'s channels.

        Returns:
            ``(n, op.channels, height', width')``, or ``(n, classes)`` from a classifier.
        """
        width = x.shape[1] // segments
        if op.is_preactivated:
            x = self._normalize(x, _norm_key(op.act), width)
            if op.kind == "classifier":
                x = F.relu(x).mean(dim=(2, 3), keepdim=True)
            x = F.relu(x) if op.act.is_float else self.act_quantizers[op.act.name](x)
        weight = self.latent_weight[: op.channels, :, :width].flatten(1, 2)
        if not op.weight.is_float:
            weight = self.weight_quantizers[op.weight.name](weight)
        padding = op.dilation * (op.kernel // 2)
        y = F.conv2d(x, weight, stride=op.stride, padding=padding, dilation=op.dilation)
        if self.bias is not None:
            return y.flatten(1) + self.bias[: op.channels]
        if self.prelu is not None:
            slope, before, after = self.prelu[: op.channels].T.contiguous().view(3, 1, -1, 1, 1)
            y = F.prelu(y + before, slope.flatten()) + after
        return y

    def _normalize(self, x: Tensor, act: str, width: int) -> Tensor:
        gamma, beta = self.gamma[act][:, :width].flatten(), self.beta[act][:, :width].flatten()
        if self.training:
            return F.batch_norm(x, None, None, gamma, beta, training=True, eps=BATCH_NORM_EPSILON)
        if self.is_calibrating:
            mean, variance = torch.zeros_like(gamma), torch.ones_like(beta)
            y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=1.0, eps=BATCH_NORM_EPSILON)
            n = x.numel() // x.shape[1]
            self.mean[:, :width] = mean.view(-1, width)
            self.variance[:, :width] = variance.view(-1, width) * ((n - 1) / n)  # torch stores the unbiased one
            return y
        mean, variance = self.mean[:, :width].flatten(), self.variance[:, :width].flatten()
        return F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=BATCH_NORM_EPSILON)

    def warnings(self) -> list[str]:
        """What looks unhealthy about the quantizers, at full width.

        More than 80 % zeros among weights, more than 95 % among activations of a standard normal input (which is what
        batch norm delivers), or a step near zero.
        """
        kernel, found = self.latent_weight.detach().flatten(1, 2), []
        for name, quantizer in self.weight_quantizers.items():
            assert isinstance(quantizer, Quantizer)
            if (share := quantizer.zero_share(kernel)) > MOST_ZEROS:
                found.append(f"{self.op.name}: {share:.0%} of its {name} weights are zero")
            if float(quantizer.scale(kernel).min() / mean_magnitude(kernel)) < LEAST_STEP:
                found.append(f"{self.op.name}: the step of its {name} weights is near zero")
        for name, quantizer in self.act_quantizers.items():
            assert isinstance(quantizer, Quantizer)
            if float(quantizer.scale(torch.ones(1, 1, 1, 1)).min()) < LEAST_STEP:
                found.append(f"{self.op.name}: the step of its {name} activations is near zero")
            standard_normal = torch.special.ndtri(torch.linspace(1e-3, 1 - 1e-3, 1000)).view(1, -1, 1, 1)
            if (share := quantizer.zero_share(standard_normal)) > MOST_ZERO_ACTS:
                found.append(f"{self.op.name}: {share:.0%} of its {name} activations are zero")
        return found

    def copy_slice(self, other: QuantLayer) -> None:
        """Take over from ``other``, a layer at least as large, what this one needs of it.

        Args:
            other: Holds every precision that this layer holds.
        """
        with torch.no_grad():
            out, segments, width = self.latent_weight.shape[:3]
            self.latent_weight.copy_(other.latent_weight[:out, :segments, :width])
            if self.bias is not None and other.bias is not None:
                self.bias.copy_(other.bias[:out])
            if self.prelu is not None and other.prelu is not None:
                self.prelu.copy_(other.prelu[:out])
            for name in self.gamma:
                self.gamma[name].copy_(other.gamma[name][:segments, :width])
                self.beta[name].copy_(other.beta[name][:segments, :width])
            self.mean.copy_(other.mean[:segments, :width])
            self.variance.copy_(other.variance[:segments, :width])
        for mine, theirs in (
            (self.weight_quantizers, other.weight_quantizers),
            (self.act_quantizers, other.act_quantizers),
        ):
            for name in mine:
                mine[name].load_state_dict(theirs[name].state_dict())


def _norm_key(act: Precision) -> str:
    return f"act {act.name}"  # a bare "float" is a name that modules have themselves


def _quantizers(method: Callable[[Precision], Method | None], precisions: Sequence[Precision]) -> nn.ModuleDict:
    chosen = {precision: method(precision) for precision in precisions}
    return nn.ModuleDict({precision.name: found.make(precision) for precision, found in chosen.items() if found})
