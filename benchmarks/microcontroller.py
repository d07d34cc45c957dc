"""Claim: on microcontrollers C gives the exact network's logits to the bit, in fewer instructions the fewer the bits.

Random networks of all precisions, of weights, activations and tensors, and of the spaces with convolutions, with random
weights and norms calibrated on random images, are compiled for every simulated target at every optimization, and run in
QEMU. Logits must be equal to the bit. A residual network of 5.2 M multiply-accumulates (28x28 pixels, 12, 24 and 48
channels, 8 layers; first and last layer of 8 bits) in several precisions gives instructions a multiply-accumulate,
flash, RAM and stack, with tensors of floats and of 8 bits. Instructions are no cycles: flash wait states and stalls are
not in them.

    python benchmarks/microcontroller.py [--networks 40] [--rows FILE] [--quick] [--json FILE]

It needs the compilers and simulators that ``evonas verify --target`` names. Rows are kept in --rows as they come; a run
that was ended goes on from there.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from device.networks import with_weights
from numpy.typing import NDArray
from report import write_report

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import STREAMS, precision
from evonas.architecture.scheme import Scheme
from evonas.export.c.targets.simulate import simulate
from evonas.export.c.targets.target import TARGETS
from evonas.nets.frozen import FrozenNetwork
from evonas.spaces import CellSpace, InvertedResidualSpace, NetworkSpace, ResidualSpace

OPTIMIZATIONS = ("-Os", "-O2", "-O3")
LOW_BITS = ("binary", "ternary", "2-bit", "3-bit", "4-bit", "8-bit")
SPACES: dict[str, NetworkSpace] = {
    "residual": ResidualSpace.of(
        (3, 9, 9), 4, depth=8, channels=5, weight_precisions=LOW_BITS, act_precisions=LOW_BITS
    ),
    "wide": ResidualSpace.of((1, 20, 11), 4, depth=8, channels=8, weight_precisions=LOW_BITS, act_precisions=LOW_BITS),
    "inverted": InvertedResidualSpace.of(
        (3, 9, 9), 4, stem_channels=5, stages=((6, 1, 2), (9, 1, 1)),
        weight_precisions=LOW_BITS, act_precisions=LOW_BITS,
    ),
    "cells": CellSpace.of(
        (1, 8, 8), 3, cells=("normal", "reduction"), channels=6, nodes=2,
        weight_precisions=LOW_BITS, act_precisions=LOW_BITS,
    ),
}  # fmt: skip
SCHEMES = {
    "usual": Scheme(),
    "signed": Scheme(ternary_weight="ttq", ternary_act="ternary", multibit_act="lsq_signed"),
    "planes": Scheme(ternary_weight="tga_x2", ternary_act="ternary_per_image", multibit_act="pact"),
}
# weights, activations, and the most instructions a multiply-accumulate that were wanted at each optimization
WANTED: dict[tuple[str, str], tuple[float, ...]] = {
    ("binary", "binary"): (2.0, 1.6, 1.2),
    ("ternary", "ternary"): (2.2, 1.8, 1.4),
    ("ternary", "2-bit"): (2.2, 1.8, 1.4),
    ("2-bit", "2-bit"): (),
    ("binary", "4-bit"): (),
    ("ternary", "4-bit"): (),
    ("4-bit", "4-bit"): (4.0, 3.4, 2.7),
    ("8-bit", "8-bit"): (4.0, 3.4, 2.7),
}
MOST_RAM = 30_000  # bytes of its tensors that were wanted


class Case(NamedTuple):
    """A network and how it is compiled."""

    name: str
    target: str
    optimization: str


def random_network(i: int) -> tuple[FrozenNetwork, NDArray[np.uint8]]:
    """The i-th: spaces take turns, and so do schemes."""
    space = list(SPACES.values())[i % len(SPACES)]
    architecture = space.decode(space.sample(np.random.default_rng(i), 1)[0])
    scheme = list(SCHEMES.values())[i // len(SPACES) % len(SCHEMES)]
    stream = list(STREAMS.values())[i % len(STREAMS)]
    architecture = replace(architecture, scheme=scheme, stream=stream)
    return with_weights(architecture, i, spread=1 / 4, has_rising_slopes=False)


def uniform_network(weight: str, act: str, stream: str) -> tuple[FrozenNetwork, NDArray[np.uint8]]:
    """The network of one precision inside, of full width."""
    channels, space = 12, ResidualSpace.of((1, 28, 28), 10, depth=8, channels=12)
    ops, made = [], {"input": 1}
    for original in space.decode(space.sample(np.random.default_rng(0), 1)[0]).ops:
        stage = re.match(r"stage(\d)", original.name)
        width = original.channels if original.name == "classifier" else channels << int(stage[1]) if stage else channels
        width = made[original.inputs[0]] if original.kind == "avg_pool" else width
        named = (weight, act) if stage else ("8-bit", "8-bit")
        op = replace(original, channels=width)
        if op.kind == "conv":
            op = replace(op, weight=precision(named[0]), act=precision(named[1]))
        ops.append(op)
        made[op.name] = width
    architecture = Architecture((1, 28, 28), tuple(ops), stream=STREAMS[stream])
    return with_weights(architecture, 0, spread=1 / 4, has_rising_slopes=False)


def cases(networks: int, *, quick: bool) -> Iterator[Case]:
    """All that is to be run."""
    for (weight, act), stream in product(WANTED, ("float", "8-bit")):
        for target in TARGETS if not quick else ("cortex-m4",):
            for optimization in OPTIMIZATIONS if target == "cortex-m4" and not quick else ("-O2",):
                yield Case(f"{weight} x {act} x {stream}", target, optimization)
    for i in range(networks):
        for target in TARGETS:
            for optimization in OPTIMIZATIONS if not quick else ("-O2",):
                yield Case(f"{i}", target, optimization)


def measured(case: Case) -> dict[str, Any]:
    """One row."""
    is_uniform = " x " in case.name
    frozen, images = uniform_network(*case.name.split(" x ")) if is_uniform else random_network(int(case.name))
    found = simulate(frozen, case.target, images[: 2 if is_uniform else 4], optimization=case.optimization)
    return case._asdict() | {
        "images": found.images,
        "difference": found.difference,
        "is_exact": found.is_exact,
        "is_sound": found.is_sound,
        "instructions": found.instructions,
        "per_mac": found.instructions / found.macs,
        "code": found.sizes.code,
        "constants": found.sizes.constants,
        "helpers": found.sizes.helpers,
        "arena": found.arena_bytes,
        "stack": found.stack_bytes,
        "compiler": found.compiler,
    }


def results_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of the report."""
    drawn = table[~table["name"].str.contains(" x ")]
    wrong = int((~drawn["is_sound"]).sum())
    results = [
        {"name": "random networks", "value": int(drawn["name"].nunique()), "unit": "", "target": ">= 40",
         "holds": bool(drawn["name"].nunique() >= 40)},
        {"name": "builds whose logits are not exact", "value": wrong, "unit": "of " + str(len(drawn)), "target": "0",
         "holds": wrong == 0},
    ]  # fmt: skip
    for (weight, act), bars in WANTED.items():
        rows, few = (
            table[(table["name"] == f"{weight} x {act} x {stream}") & (table["target"] == "cortex-m4")]
            for stream in ("float", "8-bit")
        )
        for optimization, value in zip(rows["optimization"], rows["per_mac"], strict=True):
            line = {"name": f"{weight} x {act}, {optimization}", "value": round(value, 2), "unit": "instructions a MAC"}
            if bars:
                bar = bars[OPTIMIZATIONS.index(optimization)]
                line |= {"target": f"<= {bar}", "holds": bool(value <= bar)}
            results.append(line)
        name = f"{weight} x {act}, tensors of 8 bits, arena"
        arena = int(few["arena"].max())
        line = {"name": name, "value": arena, "unit": "bytes", "target": f"<= {MOST_RAM}", "holds": arena <= MOST_RAM}
        results.append(line)
    return results


def main() -> None:
    """Run what has not been run, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=40, help="random ones")
    parser.add_argument("--rows", type=Path, help="a file of rows that grows, JSON lines")
    parser.add_argument("--quick", action="store_true", help="four networks, -O2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = options.rows.read_text(encoding="utf-8").splitlines() if options.rows and options.rows.exists() else []
    done = {Case(*(row[key] for key in Case._fields)): row for row in map(json.loads, known)}
    for case in cases(4 if options.quick else options.networks, quick=options.quick):
        if case not in done:
            done[case] = measured(case)
            print(*case, f"{done[case]['per_mac']:.2f}", "sound" if done[case]["is_sound"] else "WRONG", flush=True)
            if options.rows:
                with options.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[case]) + "\n")
    table = pd.DataFrame(done.values())
    uniform = table[table["name"].str.contains(" x ")]
    columns = ["name", "target", "optimization", "per_mac", "code", "constants", "helpers", "arena", "stack"]
    print(uniform[columns].round(2).to_string(index=False))
    results = results_of(table)
    for line in results:
        print(line)
    write_report(options.json, __doc__, results=results, quick=options.quick, networks=table.to_dict("records"))


if __name__ == "__main__":
    main()
