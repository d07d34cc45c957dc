"""What random networks take on simulated microcontrollers: rows that are kept as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from device.networks import random_network
from evonas.architecture.input_codes import InputCodes
from evonas.export.c.targets.simulate import linked_sizes, simulate

FAST, SMALL = "-O2", "-Os"  # instructions are counted at the one, bytes of flash at the other

Row = dict[str, Any]


def rows_of(seeds: Iterable[int], targets: Iterable[str], path: Path | None) -> list[Row]:
    """A row for each network on each target; those in the file are not measured again.

    Args:
        seeds: Of :func:`device.networks.random_network`.
        targets: Names of :data:`evonas.export.c.targets.target.TARGETS`.
        path: A file of rows that grows, JSON lines.
    """
    known = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
    done = {(row["seed"], row["target"]): row for row in map(json.loads, known)}
    wanted = [(seed, target) for seed in seeds for target in targets]
    for seed, target in wanted:
        if (seed, target) in done:
            continue
        row = done[seed, target] = _measured(seed, target)
        print(f"{seed} {target} {row['instructions']:,.0f} instructions, {row['flash']:,} bytes", flush=True)
        if path:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    return [done[key] for key in wanted]


def encode_bytes(target: str) -> int:
    """Code that makes codes of numbers, which networks of numbers have and networks of pixels do not."""
    pixels, _ = random_network(0)
    centre, density = (np.full((pixels.architecture.input_shape[0], 1, 1), one, np.float32) for one in (0.5, 40))
    codes = InputCodes(-127, 127, 32, centre, density)
    convs = {name: conv if conv.image is None else replace(conv, image=codes) for name, conv in pixels.convs.items()}
    sizes = [
        linked_sizes(one, target, optimization=SMALL) for one in (pixels, replace(pixels, convs=convs, codes=codes))
    ]
    before, behind = (one.code + one.helpers for one in sizes)
    return behind - before


def _measured(seed: int, target: str) -> Row:
    frozen, images = random_network(seed)
    found = simulate(frozen, target, images[:1], optimization=FAST)
    sizes = linked_sizes(frozen, target, optimization=SMALL)
    return {
        "seed": seed,
        "target": target,
        "compiler": found.compiler,
        "flags": found.flags,
        "is_sound": found.is_sound,
        "instructions": found.instructions,
        "layers": found.layers,
        "flash": sizes.code + sizes.constants + sizes.helpers,
        "code": sizes.code,
        "constants": sizes.constants,
        "helpers": sizes.helpers,
        "arena": found.arena_bytes,
        "stack": found.stack_bytes,
    }
