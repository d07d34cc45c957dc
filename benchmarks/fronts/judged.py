"""Hypervolumes of fronts, and by how much evonas is ahead, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fronts.contenders import EVONAS, HALF, TITLES
from fronts.ledger import Row
from fronts.measured import front_of, points_of
from fronts.tasks import TOLD, Task
from objectives.fronts.pareto import hypervolume

SIZES = (700, 4000)  # bytes within which the best network is told
SPLITS = {"error": "held-out errors", "test_error": "test errors"}


def boxes(task: Task, *, n_test: int, n_classes: int) -> dict[str, dict[str, tuple[float, float]]]:
    """What hypervolumes are taken in, by name: from one wrong test image and the smallest network to the reference."""
    within = {"model_size": task.bytes_within, "bitops": task.bitops_within}
    plain = {"error": (1 / n_test, task.worst), "model_size": within["model_size"]}
    return {
        "error, bytes": plain,
        "error, bytes, up to chance": {**plain, "error": (1 / n_test, 1 - 1 / n_classes)},
        "error, bytes, BitOPs": {**plain, "bitops": within["bitops"]},
    }


def volume(networks: Sequence[Row], box: Mapping[str, tuple[float, float]], *, split: str) -> float:
    """Share of a box that a front dominates, all by logarithm; the held-out images say which networks are on it.

    No error counts less than the box's least, so that none wrong and one wrong are the same.
    """
    front = front_of(networks, tuple(box))
    if not front:
        return 0.0
    points = points_of(front, [split, *tuple(box)[1:]])
    points[:, 0] = np.maximum(points[:, 0], box["error"][0])
    low, high = np.log(np.array(list(box.values()))).T
    return hypervolume((np.log(points) - low) / (high - low), reference_point=np.ones(len(box)))


def judged(networks: Sequence[Row], task: Task, *, n_test: int, n_classes: int) -> dict[str, Any]:
    """All numbers of one contender and seed."""
    found: dict[str, Any] = {"front": len(front_of(networks, TOLD))}
    for box_name, box in boxes(task, n_test=n_test, n_classes=n_classes).items():
        for split, told in SPLITS.items():
            found[f"{box_name}; {told}"] = volume(networks, box, split=split)
    for size in SIZES:
        fitting = [row for row in networks if row["model_size"] <= size]
        best = min(fitting, key=lambda row: (row["error"], row["model_size"]), default=None)
        found[f"least error within {size} bytes"] = None if best is None else best["error"]
    front = front_of(networks, TOLD)
    within = {"model_size": task.bytes_within, "bitops": task.bitops_within, "error": (0.0, task.worst)}
    beyond = [any(not low <= row[key] <= high for key, (low, high) in within.items()) for row in front]
    found["share of the front beyond the box"] = float(np.mean(beyond)) if front else 0.0
    return found


def volume_names(task: Task) -> list[str]:
    """Names of the hypervolumes in :func:`judged`, the claim's first."""
    names = boxes(task, n_test=1, n_classes=2)
    return [f"{box_name}; {told}" for box_name in names for told in reversed(SPLITS.values())]


def lines(table: pd.DataFrame, task: Task) -> list[dict[str, Any]]:
    """One line a claim: by how much evonas is ahead of a rival, and its standard error over seeds."""
    results = []
    for name in volume_names(task):
        by_seed = table.pivot_table(index="seed", columns="contender", values=name)
        about = f"{task.name}: hypervolume of {name}"
        for rival in [one for one in TITLES if one in by_seed and one not in (EVONAS, HALF)]:
            gains = (by_seed[EVONAS] - by_seed[rival]).dropna()
            line = _line(f"{about}: evonas minus {TITLES[rival]}", gains, target="> 2 standard errors")
            holds = line["standard error"] is not None and bool(line["value"] > 2 * line["standard error"])
            results.append({**line, "holds": holds})
        if HALF in by_seed:
            gains = (by_seed[HALF] - by_seed[EVONAS]).dropna()
            line = _line(f"{about}: {TITLES[HALF]}, minus evonas", gains, target=">= 0 within a standard error")
            holds = line["standard error"] is not None and bool(line["value"] >= -line["standard error"])
            results.append({**line, "holds": holds})
    return results


def _line(name: str, gains: pd.Series, *, target: str) -> dict[str, Any]:
    error = float(gains.std() / len(gains) ** 0.5) if len(gains) > 1 else None
    facts = {"unit": "of the box", "target": target, "standard error": error}
    return {"name": f"{name}, {len(gains)} seeds", "value": float(gains.mean()), **facts}


def print_table(table: pd.DataFrame, task: Task) -> None:
    """Mean ± sd over seeds of every number, a line a contender."""
    numbers = ["trainings", "front", "seconds", "wall", *volume_names(task)]
    numbers += [f"least error within {size} bytes" for size in SIZES]
    print(f"{task.name}: {table['seed'].nunique()} seeds, mean ± sd; hypervolumes as shares of {task.facts['box']}")
    for number in numbers:
        print(number)
        for name, part in table.groupby("contender", sort=False)[number]:
            values = part.dropna().astype(float)
            print(f"  {TITLES[str(name)]:<33}{values.mean():10.4f} ± {values.std():.4f}  ({len(values)})")
