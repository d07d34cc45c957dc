"""Data sets and settings of the comparison, and the boxes that hypervolumes are taken in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evonas.config.load import RunConfig, laid_over, parse_config
from evonas.run.context import open_context
from evonas.run.problems.network_problem import NetworkProblem

TOLD = ("error", "model_size", "bitops")  # what everyone minimises
SMALL_IMAGES = {"pool": 2, "limit": 20_000}
QUICK: dict[str, Any] = {
    "supernet": {"steps": 30},
    "estimate": {"anchors": 4, "calibration_images": 64, "scoring_images": 100},
    "search": {"budget": 24, "population": 8, "trainings": 4},
    "training": {"epochs": 1},
}


@dataclass(frozen=True)
class Task:
    """A data set, and how networks for it are searched and judged.

    Attributes:
        name: Of the data set.
        run_file: Keys that differ from the defaults; everyone has the same.
        worst: The error up to which a network is of use: where the box ends.
        bytes_within: Where the box begins and ends in model size.
        bitops_within: The same in BitOPs.
        is_quick: Whether everything is as small as can be.
    """

    name: str
    run_file: Mapping[str, Any]
    worst: float
    bytes_within: tuple[float, float]
    bitops_within: tuple[float, float]
    is_quick: bool = False
    compute: Mapping[str, Any] = field(default_factory=lambda: {"workers": 1, "device": "cpu"})

    def config(self, seed: int, **search: Any) -> RunConfig:
        """The run file of a seed.

        Args:
            seed: Of the search, and of every training in it.
            search: Keys of ``[search]`` that differ.
        """
        more = {"seed": seed, "compute": dict(self.compute), "search": {"has_baseline": False, **search}}
        return parse_config(dict(self.run_file), more, source="this benchmark")

    def problem(self, seed: int) -> NetworkProblem:
        """Images, search space and measures."""
        return open_context(self.config(seed)).networks

    def folder(self, state: Path, seed: int) -> Path:
        """Where a seed's trainings are kept; other settings have another folder."""
        settings = json.dumps(self.run_file, sort_keys=True)
        return state / f"{self.name}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}" / f"seed{seed}"

    @property
    def facts(self) -> dict[str, Any]:
        """What a report says of it; not where the images lie."""
        data = {key: value for key, value in self.run_file.get("data", {}).items() if key != "source"}
        box = {"error": self.worst, "model_size": self.bytes_within, "bitops": self.bitops_within}
        return {"data": self.name, "settings": {**self.run_file, "data": data}, "box": box}


def task_of(name: str, *, data: str, epochs: int, is_quick: bool) -> Task:
    """A task by name.

    Args:
        name: digits, fashion or mnist.
        data: Where the images lie; digits come along.
        epochs: Of a whole training; 0 for the default.
        is_quick: Whether to make everything as small as can be.
    """
    run_file: dict[str, Any] = {}
    if name != "digits":
        run_file = {"data": {"source": str(Path(data).expanduser().resolve()), **SMALL_IMAGES}}
        run_file["training"] = {"epochs": epochs or 20}
    elif epochs:
        run_file["training"] = {"epochs": epochs}
    if is_quick:
        run_file = laid_over(run_file, QUICK)
    worst, within_bytes, within_bitops = BOXES[name]
    return Task(name, run_file, 0.9 if is_quick else worst, within_bytes, within_bitops, is_quick)


# The largest error, bytes and BitOPs: from what the smallest networks of all spaces take to what more of adds nothing.
BOXES: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "digits": (0.1, (256.0, 16_384.0), (3e4, 5e7)),
    "fashion": (0.3, (256.0, 65_536.0), (1e5, 3e8)),
    "mnist": (0.1, (256.0, 65_536.0), (1e5, 3e8)),
}
