"""Does a correction that learns on from the front find better networks than one that learns as much beforehand?

Two searches on digits from one seed, each with 64 brief trainings: all of networks spread over the space before it
begins (``at first``), or 32 of those and twice 16 of the front (``in rounds``). Each front is cut by model
size into eight groups, and the network of the smallest estimated error of each is trained from scratch. Told are the
hypervolume of (test error, bytes, BitOPs) of what was trained, in one box for both, and how the estimates ranked what
they chose.

    python benchmarks/correction_rounds.py [--preset lpnas] [--seeds 3] [--quick] [--json FILE] [--runs DIR]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

sys.path.append(str(Path(__file__).parent / "seeds"))
from searches import best_of_each_size, search
from setting import SCALES, Setting, line
from trainings import Contender, cost, train_all

from evonas.presets import preset_names
from objectives import OBJECTIVES
from objectives.scaling import Scaling, bounds_of

TOLD = ("error", "model_size", "bitops")
ARMS = {
    "at first": {"correction_networks": 64, "correction_rounds": 0},
    "in rounds": {"correction_networks": 32, "correction_rounds": 2},
}
TRAINED = 8
SIZES: dict[str, dict[str, Any]] = {"lpnas": {"depth": 8, "channels": 8}, "joint": {"nodes": 2}, "tas": {"nodes": 2}}


def chosen(setting: Setting, preset: str, arm: str, seed: int, folder: Path) -> dict[str, tuple[float, Contender]]:
    """Estimated error and network, by name, of what one front is judged by."""
    changes: dict[str, Any] = {"search": {"objectives": TOLD, "constraints": {}}}
    if setting.scale == "digits":
        changes["supernet"] = {"steps": 1000}
        changes["search"] |= {"budget": 300}
    changes["estimate"] = {**ARMS[arm], "steps": 150 if setting.scale == "digits" else 1}
    run, space = search(setting, preset, folder, space=SIZES.get(preset, {}), seed=seed, **changes)
    best = best_of_each_size(run, space, TRAINED)
    return {f"{arm} {place}": (error, Contender(one)) for place, (error, one) in enumerate(best)}


def main() -> None:
    """Search, train, compare, write the JSON."""
    setting, preset = read_arguments()
    rows: list[dict[str, Any]] = []
    for seed in range(setting.seeds):
        networks: dict[str, tuple[float, Contender]] = {}
        with setting.folder() as folder:
            for arm in ARMS:
                networks |= chosen(setting, preset, arm, seed, folder / f"{preset} {arm}")
        trained = train_all(setting, {name: one for name, (_, one) in networks.items()}, seeds=(seed,))
        for name, accuracy in zip(trained["name"].tolist(), trained["accuracy"].tolist(), strict=True):
            estimate, contender = networks[name]
            costs = {key: cost(contender.architecture, key) for key in TOLD[1:]}
            told = {"arm": name.rpartition(" ")[0], "seed": seed, "estimate": estimate}
            rows.append({**told, "error": 1 - accuracy / 100, **costs})
    table = pd.DataFrame(rows)
    bounds = bounds_of({key: table[key].tolist() for key in TOLD[1:]})
    scaling = Scaling(tuple(OBJECTIVES[key] for key in TOLD), {"error": (0.0, 0.9), **bounds})
    volumes: dict[str, list[float]] = {}
    for arm in ARMS:
        parts = [part for _, part in table[table["arm"] == arm].groupby("seed")]
        found = volumes[arm] = [scaling.hypervolume(part[list(TOLD)].to_numpy(dtype=float)) for part in parts]
        ranks = [kendalltau(part["estimate"], part["error"]).statistic for part in parts]
        off = [float((part["error"] - part["estimate"]).mean()) for part in parts]
        ranking = f"tau {np.mean(ranks):.2f}, error - estimate {np.mean(off):.3f}"
        print(f"{arm}: hypervolume {np.mean(found):.4f}, {ranking}")
    difference = np.array(volumes["in rounds"]) - np.array(volumes["at first"])
    se = float(difference.std(ddof=1) / len(difference) ** 0.5)
    result = line("in rounds minus at first", difference.mean(), "hypervolume", se=se)
    setting.report(__doc__, [result], preset=preset, volumes=volumes, rows=rows)


def read_arguments() -> tuple[Setting, str]:
    """The setting, and the preset that is searched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=preset_names(), default="lpnas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one epoch, tiny searches: does it run?")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=Path, help="folder that keeps searches, so that a second call goes on with them")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("at least two seeds, for a standard error")
    scale = "quick" if options.quick else "digits"
    raw = {section: dict(values) for section, values in SCALES[scale].items()}
    return Setting(scale, raw, options.seeds, 1, options.json, options.runs), options.preset


if __name__ == "__main__":
    main()
