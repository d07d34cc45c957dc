"""Claim: training with learnable quantizers costs at most 1.20x an eager fp32 step, and at most 0.90x when compiled.

One network of four 3x3 convolutions (3-16-32-64-64 channels, batch norm and activation after each, 32x32 images, batch
64, SGD), with fp32, lsq W2A2, tga weights with 2-bit lsq activations, binary weights and activations, and, where the
extra ``bench`` is installed, Brevitas at 2 bits. All contenders take turns in one run; a ratio is the median over
rounds of a contender's step against the eager fp32 step of the same round. Compiled and eager quantizers are compared
first.

    python benchmarks/quantizer_step.py [--quick] [--json FILE] [--rounds N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from report import write_report
from torch import Tensor, nn

from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.precision import PRECISIONS, Precision
from evonas.nets.quant.quantizer import Quantizer, build_quantizer

CHANNELS = (3, 16, 32, 64, 64)
CONTENDERS = {
    "lsq W2A2": ("lsq_weight", "2-bit", "lsq", "2-bit"),
    "tga W + lsq A2": ("tga", "ternary", "lsq", "2-bit"),
    "binary": ("xnor", "binary", "approx_sign", "binary"),
}
EAGER_TARGET, COMPILED_TARGET = 1.20, 0.90


class QuantConv(nn.Module):
    """A convolution whose kernel goes through a weight quantizer."""

    def __init__(self, before: int, after: int, quantizer: Quantizer) -> None:
        super().__init__()
        self.latent_weight = nn.Parameter(torch.randn(after, before, 3, 3) * (2 / (9 * before)) ** 0.5)
        self.quantizer = quantizer

    def forward(self, x: Tensor) -> Tensor:
        """Quantize and convolve."""
        return F.conv2d(x, self.quantizer(self.latent_weight), padding=1)


def network(conv: Callable[[int, int], nn.Module], act: Callable[[], nn.Module]) -> nn.Module:
    """The four-convolution network out of one kind of convolution and one kind of activation."""
    layers: list[nn.Module] = []
    for before, after in pairwise(CHANNELS):
        layers += [conv(before, after), nn.BatchNorm2d(after), act()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], 10))


def contenders() -> dict[str, nn.Module]:
    """Every network by name; the compiled ones share nothing with the eager ones."""
    made: dict[str, nn.Module] = {"fp32": network(lambda i, o: nn.Conv2d(i, o, 3, padding=1, bias=False), nn.ReLU)}
    for name, (weight, weight_precision, act, act_precision) in CONTENDERS.items():

        def build(weight: str = weight, w: str = weight_precision, act: str = act, a: str = act_precision) -> nn.Module:
            return network(
                lambda i, o: QuantConv(i, o, _make(weight, PRECISIONS[w])), lambda: _make(act, PRECISIONS[a])
            )

        made[name] = build()
        made[f"{name}, compiled"] = torch.compile(build())  # type: ignore[assignment]
    if brevitas := _brevitas():
        made["Brevitas W2A2"] = brevitas
    return made


def compiled_differs_from_eager() -> float:
    """Largest difference of outputs and gradients between eager and compiled quantizers, relative to their size."""
    worst = 0.0
    for weight, w, act, a in CONTENDERS.values():
        for name, precision, x in ((weight, w, torch.randn(8, 4, 3, 3)), (act, a, torch.randn(8, 4, 6, 6))):
            quantizer = _make(name, PRECISIONS[precision])
            results = []
            for call in (quantizer, torch.compile(quantizer)):
                quantizer.zero_grad()
                at = x.clone().requires_grad_()
                y = call(at)
                y.square().sum().backward()
                assert at.grad is not None
                results.append([y.detach(), at.grad])
                results[-1] += [p.grad.clone() for p in quantizer.parameters() if p.grad is not None]
            for eager, compiled in zip(*results, strict=True):
                worst = max(worst, float((eager - compiled).abs().max() / eager.abs().max().clamp_min(1e-12)))
    return worst


def main() -> None:
    """Take turns, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 rounds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    difference = compiled_differs_from_eager()
    print(f"eager and compiled quantizers differ by {difference:.1e} at most")
    networks = contenders()
    optimizers = {name: torch.optim.SGD(net.parameters(), lr=0.01) for name, net in networks.items()}
    images, labels = torch.randn(64, 3, 32, 32), torch.randint(10, (64,))
    times: dict[str, list[float]] = {name: [] for name in networks}
    warmup, rounds = 3, 5 if options.quick else options.rounds
    for turn in range(warmup + rounds):
        for name, net in networks.items():
            start = time.perf_counter()
            optimizers[name].zero_grad()
            F.cross_entropy(net(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizers[name].step()
            if turn >= warmup:
                times[name].append(time.perf_counter() - start)
    results = [
        {
            "name": "largest relative difference of eager and compiled quantizers",
            "value": difference,
            "unit": "",
            "target": "<= 1e-6",
            "holds": difference <= 1e-6,
        }
    ]
    print(f"{'contender':<26} {'ms/step':>8} {'x fp32':>7}   ({rounds} rounds, {options.threads} thread)")
    for name, seconds in times.items():
        ratio = median(own / base for own, base in zip(seconds, times["fp32"], strict=True))
        print(f"{name:<26} {1000 * median(seconds):8.1f} {ratio:7.2f}")
        target = COMPILED_TARGET if "compiled" in name else EAGER_TARGET
        is_ours = name.split(",")[0] in CONTENDERS
        results.append(
            {
                "name": f"{name}: training step",
                "value": ratio,
                "unit": "x eager fp32",
                "target": f"<= {target}" if is_ours else "",
                "holds": ratio <= target or not is_ours,
            }
        )
    write_report(options.json, __doc__, results=results, quick=options.quick, rounds=rounds, threads=options.threads)


def _make(name: str, precision: Precision) -> Quantizer:
    return build_quantizer(QUANTIZERS[name], precision)


def _brevitas() -> nn.Module | None:
    """The same network in Brevitas at 2 bits, its statistics collected; None if it is not installed."""
    try:
        import brevitas.nn as qnn
        from brevitas.quant import Int8WeightPerTensorFloat, Uint8ActPerTensorFloat
    except ImportError:
        print("Brevitas is not installed (extra bench): left out")
        return None
    return network(
        lambda i, o: qnn.QuantConv2d(
            i, o, 3, padding=1, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=2
        ),
        lambda: qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=2, collect_stats_steps=2),
    )


if __name__ == "__main__":
    main()
