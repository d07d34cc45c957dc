"""Claim: scoring a subnet takes at most 1.15x a forward pass of that network in float, recalibration at most 1x more.

The same architectures, once with their precisions inside a supernet and once with every weight and activation in float
as a network of its own, eager, one thread, on the same images. Checked first: a subnet extracted from a supernet gives
its logits bit for bit. Then forward passes, and forward passes after a recalibration, take turns.

    python benchmarks/scoring.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report import write_report

from evonas.config.load import RunConfig
from evonas.nets.network import Network
from evonas.spaces import SPACES, NetworkSpace
from evonas.training.recipe import in_full_precision

CALIBRATION = RunConfig().estimate.calibration_images
SETTINGS: dict[str, dict[str, Any]] = {
    "cells, 8x8 digits": {"kind": "cells", "input_shape": (1, 8, 8), "images": 287},
    "residual, 14x14": {"kind": "residual", "input_shape": (1, 14, 14), "images": 2000},
    "residual, 3x32x32": {"kind": "residual", "input_shape": (3, 32, 32), "images": 500},
}


def seconds(network: Network, images: torch.Tensor, calibration: torch.Tensor | None = None) -> float:
    """Time of a forward pass, and of the recalibration before it if there is one."""
    start = time.perf_counter()
    if calibration is not None:
        network.calibrate(calibration)
    with torch.inference_mode():
        for part in torch.split(images, 512):
            network(part)
    return time.perf_counter() - start


def measure(space: NetworkSpace, setting: dict[str, Any], *, networks: int, rounds: int) -> dict[str, float]:
    """Medians over networks of the ratios to the forward pass in float."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(setting["images"], *setting["input_shape"], generator=generator)
    calibration = torch.rand(CALIBRATION, *setting["input_shape"], generator=generator)
    supernet = Network(space.covering(), generator=generator)
    ratios = []
    for genome in space.sample(np.random.default_rng(0), networks):
        architecture = space.decode(genome)
        alone = Network([in_full_precision(architecture)], generator=generator)
        alone.calibrate(calibration)
        supernet.activate(architecture)
        supernet.calibrate(calibration)
        with torch.inference_mode():
            same = torch.equal(supernet(images[:64]), supernet.extract(architecture)(images[:64]))
        assert same, "an extracted subnet must give the supernet's logits bit for bit"
        times = np.array(
            [
                (seconds(alone, images), seconds(supernet, images), seconds(supernet, images, calibration))
                for _ in range(rounds)
            ]
        )
        plain, scored, recalibrated = np.median(times, axis=0)
        ratios.append((scored / plain, (recalibrated - scored) / plain))
    forward, recalibration = np.median(ratios, axis=0)
    return {"forward": float(forward), "recalibration": float(recalibration)}


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few networks, few rounds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for name, setting in SETTINGS.items():
        space = SPACES[setting["kind"]].of(setting["input_shape"], 10)
        size = {"networks": 3, "rounds": 3} if options.quick else {"networks": 12, "rounds": 15}
        found = measure(space, setting, **size)
        for what, target in (("forward", 1.15), ("recalibration", 1.0)):
            print(f"{name}: {what} {found[what]:.2f}x the forward pass in float", flush=True)
            results.append(
                {
                    "name": f"{name}: {what} against the eager forward in float",
                    "value": found[what],
                    "unit": "ratio",
                    "target": f"<= {target}",
                    "holds": found[what] <= target,
                }
            )
    write_report(options.json, __doc__, results=results, quick=options.quick)


if __name__ == "__main__":
    main()
