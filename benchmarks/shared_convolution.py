"""Claim: sharing one convolution between all precisions makes a step >= 3x faster with >= 2x less peak memory.

Against one convolution per candidate precision (weights and activations of one precision together), and against one per
pair of a weight and an activation precision. Five precisions for both, 3x32x32 random images, cross-entropy forward and
backward: ResNet-20 with 16 channels, and cells with a fresh random topology per round. All contenders share the
network's weights at the start and take turns in one run; a ratio is the median over rounds of a contender's step
against the shared one of the same round, in seconds of processor time on one thread. Peak memory is the growth of the
resident set up to its peak within one step, in a fresh process for each contender, whose allocator hands freed tensors
back at once (Linux only).

The contenders are compared first, in float64: soft sharing with the explicit sum over pairs, logits and kernel
gradients; and all of them where one precision has all of the shares.

    python benchmarks/shared_convolution.py [--quick] [--json FILE] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from report import write_report
from torch import Tensor, nn

from evonas.architecture.graph import Op
from evonas.architecture.precision import Precision
from evonas.nets.layer import QuantLayer
from evonas.nets.mixed_path import (
    UNMIXED,
    Blend,
    HardBlend,
    LayerBlends,
    MixedPath,
    SoftBlend,
    candidates,
    draw_hard,
    draw_soft,
    mix,
)
from evonas.nets.network import Network
from evonas.spaces import CellSpace, NetworkSpace, ResidualSpace

SHAPE, CLASSES = (3, 32, 32), 10
SPACES: dict[str, NetworkSpace] = {
    "ResNet-20": ResidualSpace.of(SHAPE, CLASSES, widths=(1.0,), locked_widths=()),
    "cells": CellSpace.of(SHAPE, CLASSES, expansions=(1.0,)),
}
PLAIN, HARD, SOFT = "single path", "shared, hard", "shared, soft"
TIED, PAIRS = "one per precision", "one per pair"
CONTENDERS = (PLAIN, HARD, SOFT, TIED, PAIRS)
FASTER, SMALLER = 3.0, 2.0


class SeparateLayer(QuantLayer):
    """Quantizes and convolves for every candidate, then adds: what sharing is compared with."""

    is_tied = False
    blends = UNMIXED

    def forward(self, *given: Any, **others: Any) -> Tensor:
        """See :meth:`QuantLayer.forward`."""
        self.blends = others.get("blends", UNMIXED)
        return super().forward(*given, **others)

    def _quantize_act(self, x: Tensor, act: Precision, blend: Blend | None) -> Tensor:
        return x if blend else super()._quantize_act(x, act, blend)

    def _quantize_weight(self, latent: Tensor, weight: Precision, blend: Blend | None) -> Tensor:
        return latent if blend else super()._quantize_weight(latent, weight, blend)

    def _convolve(self, x: Tensor, weight: Tensor, op: Op) -> Tensor:
        acts = _quantized(x, self.act_quantizers, self.blends.act)
        weights = _quantized(weight, self.weight_quantizers, self.blends.weight)
        pairs = [(q * p, act, kernel) for (q, act), (p, kernel) in product(acts, weights)]
        if self.is_tied and len(acts) > 1:
            pairs = [(p, act, kernel) for (_, act), (p, kernel) in zip(acts, weights, strict=True)]
        total = super()._convolve(*pairs[0][1:], op) * pairs[0][0]
        for share, act, kernel in pairs[1:]:
            total = total.add_(super()._convolve(act, kernel, op), alpha=share)
        return total


class TiedLayer(SeparateLayer):
    """One convolution per precision, of weights and activations alike, instead of one per pair."""

    is_tied = True


def _quantized(latent: Tensor, quantizers: nn.ModuleDict, blend: Blend | None) -> list[tuple[float, Tensor]]:
    if blend is None:
        return [(1.0, latent)]
    assert isinstance(blend, SoftBlend)
    return [(p, quantizers[one.name](latent)) for p, one in zip(blend.shares, blend.precisions, strict=True) if p]


class Contest:
    """The contenders on one space: networks that share their weights, and paths for them."""

    def __init__(self, space: NetworkSpace, *, names: tuple[str, ...] = CONTENDERS, is_double: bool = False) -> None:
        self.space, self.rng = space, np.random.default_rng(0)
        self.known = candidates(space.covering())
        self.networks = {}
        kinds = {TIED: TiedLayer, PAIRS: SeparateLayer}
        for name in names:
            network = Network(space.covering(), generator=torch.Generator().manual_seed(0))
            for layer in network.layers.values():
                layer.__class__ = kinds.get(name, QuantLayer)
            self.networks[name] = network.double() if is_double else network

    def draw(self) -> dict[str, Any]:
        """A path for every contender, all of one architecture."""
        architecture = self.space.decode(self.space.sample(self.rng, 1)[0])
        hard, soft = (mix(architecture, self.known, draw=draw, rng=self.rng) for draw in (draw_hard, draw_soft))
        return {PLAIN: architecture, HARD: hard, SOFT: soft, TIED: soft, PAIRS: soft}

    def step(self, name: str, path: Any, images: Tensor) -> Tensor:
        """Forward and backward; gives the logits."""
        network = self.networks[name]
        network.zero_grad(set_to_none=True)
        network.activate(path)
        logits: Tensor = network(images)
        F.cross_entropy(logits, torch.arange(len(images)) % CLASSES).backward()  # type: ignore[no-untyped-call]
        return logits.detach()


def largest_difference(space: NetworkSpace) -> float:
    """Largest relative difference between contenders that must agree."""
    contest = Contest(space, is_double=True)
    images = torch.rand(4, *SHAPE, dtype=torch.float64)
    paths = contest.draw()
    logits = [contest.step(name, paths[SOFT], images) for name in (SOFT, PAIRS)]
    kernels = [_kernel_gradients(contest.networks[name]) for name in (SOFT, PAIRS)]
    worst = max(_difference(*logits), _difference(*kernels))
    ops = []
    for op in paths[PLAIN].ops:
        weights, acts = contest.known.get(op.name, ((op.weight,), (op.act,)))
        ops.append(replace(op, weight=weights[0], act=acts[0]))
    alone = replace(paths[PLAIN], ops=tuple(ops))
    plain = contest.step(PLAIN, alone, images)
    for name in (HARD, SOFT, TIED, PAIRS):
        blends = {
            layer: LayerBlends(*(_first_alone(name, some) if len(some) > 1 else None for some in known))
            for layer, known in contest.known.items()
        }
        worst = max(worst, _difference(contest.step(name, MixedPath(alone, blends), images), plain))
    return worst


def _kernel_gradients(network: Network) -> Tensor:
    kernels = [parameter for name, parameter in network.named_parameters() if name.endswith("latent_weight")]
    return torch.cat([kernel.grad.flatten() for kernel in kernels if kernel.grad is not None])


def _first_alone(name: str, precisions: tuple[Precision, ...]) -> Blend:
    if name == HARD:
        return HardBlend(precisions, (0,) * 1000)  # no layer is wider
    return SoftBlend(precisions, (1.0,) + (0.0,) * (len(precisions) - 1))


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


def seconds(space: NetworkSpace, *, rounds: int, batch: int) -> dict[str, list[float]]:
    """Processor time of a step, contenders in turns: wall-clock time that other programs do not disturb."""
    contest = Contest(space)
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for turn in range(1 + rounds):
        paths, images = contest.draw(), torch.rand(batch, *SHAPE)
        for name in CONTENDERS:
            start = time.process_time()
            contest.step(name, paths[name], images)
            if turn:  # the first one warms up
                times[name].append(time.process_time() - start)
    return times


def peak_here(space: NetworkSpace, name: str, *, batch: int) -> int:
    """Bytes by which this process' resident set grows within one step, at its peak."""
    contest = Contest(space, names=(name,))
    path, images = contest.draw()[name], torch.rand(batch, *SHAPE)
    contest.step(name, path, images[:2])  # loads the kernels
    contest.networks[name].zero_grad(set_to_none=True)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts anew from here
    before = _resident("VmRSS")
    contest.step(name, path, images)
    return _resident("VmHWM") - before


def _resident(key: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{key}:")))


def peak(space: str, name: str, *, batch: int) -> int:
    """:func:`peak_here` in a fresh process."""
    command = [sys.executable, __file__, "--peak-of", space, name, "--batch", str(batch)]
    handed_back = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # a tensor that is freed does not stay resident
    found = subprocess.run(command, env=os.environ | handed_back, capture_output=True, text=True, check=True)
    return int(found.stdout)


def main() -> None:
    """Compare, take turns, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--peak-of", nargs=2, metavar=("SPACE", "CONTENDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.peak_of:
        print(peak_here(SPACES[options.peak_of[0]], options.peak_of[1], batch=options.batch))
        return
    rounds = 2 if options.quick else options.rounds
    results: list[dict[str, Any]] = []
    for title, space in SPACES.items():
        difference = largest_difference(space)
        print(f"{title}: contenders differ by {difference:.1e} at most")
        row = {"name": f"{title}: largest relative difference of contenders that must agree", "value": difference}
        results.append({**row, "unit": "", "target": "<= 1e-9", "holds": difference <= 1e-9})
        times = seconds(space, rounds=rounds, batch=options.batch)
        peaks = {name: peak(title, name, batch=options.batch) for name in CONTENDERS}
        print(f"{'contender':<18} {'ms/step':>8} {'MiB':>7}   ({rounds} rounds, batch {options.batch}, one thread)")
        for name in CONTENDERS:
            print(f"{name:<18} {1000 * median(times[name]):8.1f} {peaks[name] / 2**20:7.1f}")
            results.append({"name": f"{title}: step, {name}", "value": 1000 * median(times[name]), "unit": "ms"})
            results.append({"name": f"{title}: peak memory, {name}", "value": peaks[name] / 2**20, "unit": "MiB"})
        for shared, separate in product((HARD, SOFT), (TIED, PAIRS)):
            faster = median(slow / fast for slow, fast in zip(times[separate], times[shared], strict=True))
            smaller = peaks[separate] / peaks[shared]
            print(f"{shared} against {separate}: {faster:.2f}x faster, {smaller:.2f}x less memory")
            for what, value, least in (("faster", faster, FASTER), ("less peak memory", smaller, SMALLER)):
                row = {"name": f"{title}: {shared} against {separate}, {what}", "value": value, "unit": "x"}
                results.append({**row, "target": f">= {least}", "holds": value >= least})
    more = {"rounds": rounds, "batch": options.batch}
    write_report(options.json, __doc__, results=results, quick=options.quick, **more)


if __name__ == "__main__":
    main()
