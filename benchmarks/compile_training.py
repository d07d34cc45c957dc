"""Claim: compiled, a step takes at most 0.90x the time of an eager one, and ``compile = "auto"`` never costs time.

Two networks of mixed precisions, one of cells on 8x8 images and a ResNet-20 on 32x32, batch 64, trained as ``evonas
train`` does: AdamW, clipped gradients. Eager and compiled take turns in one run; a ratio is the median over rounds of
the compiled steps against the eager ones of the same round. The whole time of a training follows for any number of
steps, with the time that the compiler took in this run, from an empty cache; ``auto`` is asked what it would do at
each.

First both compute gradients from the same weights, on several batches. Compiled sums round differently, and where a
number lies next to a quantizer's threshold, its code flips and with it what follows. So the yardstick is an eager
network with noise of a few units of float32 behind each batch norm: compiled must be at a distance of that order.

    taskset -c 0 python benchmarks/compile_training.py [--quick] [--json FILE] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from report import write_report
from torch import Tensor

from evonas.architecture.graph import Architecture
from evonas.config.training import TrainingConfig
from evonas.nets.network import Network
from evonas.nets.norm import SlicedNorm
from evonas.spaces import CellSpace, NetworkSpace, ResidualSpace
from evonas.training.hardware import Hardware, compile_pays
from evonas.training.loop import TrainingPlan, train
from evonas.training.strategies.single_path import SinglePath

SPACES: dict[str, NetworkSpace] = {
    "cells, 8x8 images": CellSpace.of((1, 8, 8), 10),
    "ResNet-20, 32x32 images": ResidualSpace.of((3, 32, 32), 10, depth=20),
}
TARGET = 0.90
LENGTHS = (100, 1_000, 3_000, 10_000, 30_000, 100_000)  # steps of a whole training
STEPS_PER_ROUND = 5
BATCHES = 32  # whose gradients are compared; in few of them a code flips, if the network is small
NOISE = 1e-6  # what compiled activations were seen to differ by
RECIPE = TrainingConfig()
PLAN = TrainingPlan(STEPS_PER_ROUND, RECIPE.learning_rate, RECIPE.weight_decay)


def noisy(normalise: Callable[..., Tensor], noise: float, *given: Any) -> Tensor:
    """What a batch norm gives, with noise on top."""
    y = normalise(*given)
    return y + noise * torch.randn_like(y)


class Trainee:
    """A network that is trained on one batch, a few steps at a time."""

    def __init__(self, architecture: Architecture, *, is_compiled: bool = False, noise: float = 0.0) -> None:
        self.paths = SinglePath(lambda: architecture)
        self.network = Network([architecture], generator=torch.Generator().manual_seed(0))
        if noise:
            for module in self.network.modules():
                if isinstance(module, SlicedNorm):
                    module.normalise = partial(noisy, module.normalise, noise)  # type: ignore[method-assign]
        self.trained = Hardware(is_compiled=is_compiled).compiled(self.network)
        shape = architecture.input_shape
        generator = torch.Generator().manual_seed(1)
        self.batches = [
            (torch.rand(64, *shape, generator=generator), torch.randint(10, (64,), generator=generator))
            for _ in range(BATCHES)
        ]

    def gradients(self) -> list[Tensor]:
        """Of all parameters in one row, for each batch, at the weights of the moment."""
        rows = []
        for images, labels in self.batches:
            self.paths.backward(self.trained, self.paths.draw(), images, labels)
            rows.append(torch.cat([p.grad.flatten() for p in self.network.parameters() if p.grad is not None]))
            self.network.zero_grad()
        return rows

    def seconds_per_step(self) -> float:
        """Mean over a few steps."""
        start = time.perf_counter()
        train(self.trained, self.paths, repeat(self.batches[0]), plan=PLAN)
        return (time.perf_counter() - start) / STEPS_PER_ROUND


def distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Mean over batches of the distance of gradients, relative to their length."""
    return mean(float((a - b).norm() / a.norm()) for a, b in zip(one, other, strict=True))


def main() -> None:
    """Take turns, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 rounds of the small network")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rounds = 5 if options.quick else options.rounds
    results = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # nothing compiled before this run counts
        for name, space in list(SPACES.items())[: 1 if options.quick else None]:
            architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
            results += measured(name, architecture, rounds=rounds)
    write_report(options.json, __doc__, results=results, quick=options.quick, rounds=rounds, threads=1)


def measured(name: str, architecture: Architecture, *, rounds: int) -> list[dict[str, object]]:
    """Rows of the report about one network."""
    layers = sum(op.kind == "conv" for op in architecture.ops)
    eager, compiled = (Trainee(architecture, is_compiled=is_compiled) for is_compiled in (False, True))
    start = time.perf_counter()
    of_compiled = compiled.gradients()
    taken = time.perf_counter() - start  # the few steps among it count on the side of the compiler
    of_eager = eager.gradients()
    apart, unsure = (distance(of_eager, row) for row in (of_compiled, Trainee(architecture, noise=NOISE).gradients()))
    times = [(eager.seconds_per_step(), compiled.seconds_per_step()) for _ in range(rounds + 2)][2:]
    eager_step, compiled_step = (median(column) for column in zip(*times, strict=True))
    ratio = median(fast / slow for slow, fast in times)
    print(
        f"{name}, {layers} layers: compiled in {taken:.0f} s; gradients {apart:.1e} from eager, {unsure:.1e} with noise"
    )
    print(f"  step: eager {1000 * eager_step:.1f} ms, compiled {1000 * compiled_step:.1f} ms, ratio {ratio:.2f}")
    turn = taken / max(1e-9, eager_step - compiled_step)
    print(f"  compiling pays from {turn:,.0f} steps")
    worst = 0.0
    for n in LENGTHS:
        is_compiled = compile_pays(architecture, RECIPE, steps=n)
        whole = taken + n * compiled_step if is_compiled else n * eager_step
        worst = max(worst, whole / (n * eager_step))
        said = "compiled" if is_compiled else "eager"
        print(f"  {n:>7,} steps: eager {n * eager_step:7.0f} s, auto ({said}) {whole:7.0f} s")
    return [
        _row(
            f"{name}: gradients, compiled against eager",
            apart / unsure,
            "x the distance that rounding noise makes",
            3.0,
        ),
        _row(f"{name}: compiled step", ratio, "x eager", TARGET),
        _row(f"{name}: auto, at worst of {len(LENGTHS)} lengths", worst, "x eager, whole training", 1.0),
        {"name": f"{name}: compiling", "value": taken, "unit": f"s for {layers} layers"},
        {"name": f"{name}: steps from which compiling pays", "value": turn, "unit": ""},
    ]


def _row(name: str, value: float, unit: str, most: float) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "target": f"<= {most:g}", "holds": value <= most}


if __name__ == "__main__":
    main()
