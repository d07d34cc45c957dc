"""Claim: cells, precisions and widths in one genome dominate more than each method that varies one of them alone.

Every preset searches with the same number of evaluations for error, model size and BitOPs, each in its own space and
with its own supernet; bounds are lifted. As many networks of each front, those that together dominate most of it by
estimate, one after another, are trained from scratch, by one recipe. Hypervolume of (test error, bytes, BitOPs) of
what was trained, in one box for all: from the cheapest to the most expensive network trained, costs by logarithm, error
from 0 to chance. A seed is a whole search and its trainings; a preset's seeds that FILE holds are not measured again.

    python benchmarks/seeds/joint.py --data DIR [--scale full] [--quick] [--json FILE] [--seeds N] [--workers N]

Scale small: cells of two nodes, residual networks of depth 8 with 8 channels; 5,000 images averaged to half their side,
6 epochs, supernets of 1,000 steps, searches of 240 networks, 8 networks of each front.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from searches import search
from setting import Setting, line, read_options
from trainings import cost, train_all

from evonas.architecture.graph import Architecture
from evonas.config.load import load_config
from evonas.config.presets import preset_names
from evonas.spaces.genome import from_text
from objectives import OBJECTIVES
from objectives.fronts.scaling import Scaling, bounds_of

TOLD = ("error", "model_size", "bitops")
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "cells": {"nodes": 1, "channels": 8, "stem_channels": 4, "cells": ["normal", "reduction"]},
        "residual": {"depth": 8, "channels": 4},
    },
    "digits": {"cells": {"nodes": 2}, "residual": {"depth": 8, "channels": 8}},
    "small": {"cells": {"nodes": 2}, "residual": {"depth": 8, "channels": 8}},
    "full": {"cells": {}, "residual": {}},
}
# There are six searches per seed, so each of them costs less than elsewhere.
LESS: dict[str, dict[str, dict[str, Any]]] = {
    "digits": {
        "supernet": {"steps": 1000},
        "estimate": {"anchors": 8},
        "search": {"budget": 240},
    },
    "small": {"supernet": {"steps": 1000}, "estimate": {"anchors": 8}, "search": {"budget": 240}},
}
TRAINED = {"quick": 2, "digits": 8, "small": 8, "full": 24}


def candidates(setting: Setting, preset: str, seed: int, folder: Path) -> dict[str, Architecture]:
    """Of the front, the networks that one after another add most to the volume that they dominate, by estimate."""
    space = SIZES[setting.scale][load_config(None, preset=preset).space.kind]
    changes = {section: dict(values) for section, values in LESS.get(setting.scale, {}).items()}
    changes["search"] = {**changes.get("search", {}), "objectives": TOLD, "constraints": {}}
    run, networks = search(setting, preset, folder, space=space, seed=seed, **changes)
    front = run.front()
    chosen = front["genome"].iloc[greedy(setting, front, TRAINED[setting.scale])]
    decoded = [networks.decode(from_text(str(genome), networks.genes)) for genome in chosen]
    return {f"{preset} {index}": one for index, one in enumerate(decoded)}


def greedy(setting: Setting, front: pd.DataFrame, n: int) -> list[int]:
    """Rows that one after another add most to the dominated volume."""
    points, scaling = front[list(TOLD)].to_numpy(dtype=float), box(setting, front)
    chosen: list[int] = []
    while len(chosen) < min(n, len(points)):
        left = [row for row in range(len(points)) if row not in chosen]
        chosen.append(max(left, key=lambda row: scaling.hypervolume(points[[*chosen, row]])))
    return chosen


def box(setting: Setting, table: pd.DataFrame) -> Scaling:
    """From the cheapest to the most expensive network, costs by logarithm, error from 0 to chance."""
    bounds = bounds_of({key: table[key].tolist() for key in TOLD[1:]})
    chance = 1 - 1 / setting.images_given[1]
    return Scaling(tuple(OBJECTIVES[key] for key in TOLD), {"error": (0.0, chance), **bounds})


def known_rows(setting: Setting) -> list[dict[str, Any]]:
    """What an earlier call measured with fewer seeds and the same settings: a seed takes half an hour."""
    if setting.json_file is None or not setting.json_file.is_file():
        return []
    before = json.loads(setting.json_file.read_text(encoding="utf-8"))
    wanted = {"scale": setting.scale, "settings": dict(setting.raw), "whole": setting.whole}
    is_same = all(before[key] == value for key, value in wanted.items())
    return [row for row in before["rows"] if row["seed"] < setting.seeds] if is_same else []


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting = read_options(__doc__)
    rows = known_rows(setting)
    known = {(row["preset"], row["seed"]) for row in rows}
    for seed in range(setting.seeds):
        contenders: dict[str, Architecture] = {}
        with setting.folder() as folder:
            for preset in preset_names():
                if (preset, seed) not in known:
                    contenders |= candidates(setting, preset, seed, folder / preset)
        if not contenders:
            continue
        trained = train_all(setting, contenders, seeds=(seed,))
        for name, accuracy in zip(trained["name"], trained["accuracy"], strict=True):
            costs = {key: cost(contenders[name], key) for key in TOLD[1:]}
            rows.append({"preset": name.split()[0], "seed": seed, "error": 1 - accuracy / 100, **costs})
    table = pd.DataFrame(rows)
    scaling = box(setting, table)
    volumes = {
        preset: [
            scaling.hypervolume(part[list(TOLD)].to_numpy(dtype=float))
            for _, part in table[table["preset"] == preset].groupby("seed")
        ]
        for preset in preset_names()
    }
    results = []
    print(f"hypervolume of (error, bytes, BitOPs) after training, {setting.seeds} seeds")
    for preset, found in volumes.items():
        print(f"{preset:<7} {np.mean(found):.4f} ± {np.std(found, ddof=1):.4f}")
        if preset != "joint":
            difference = np.array(volumes["joint"]) - np.array(found)
            error = float(difference.std(ddof=1) / len(difference) ** 0.5)
            holds = difference.mean() > error
            target = f"> se {error:.4f}"
            results.append(line(f"joint minus {preset}", difference.mean(), "hypervolume", target=target, holds=holds))
    setting.report(__doc__, results, volumes=volumes, rows=rows)


if __name__ == "__main__":
    main()
