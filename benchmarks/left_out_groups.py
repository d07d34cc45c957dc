"""Claim: networks for groups that were not heard are better chosen by folds over the groups that were.

A search with ``[data] groups`` chooses by one held-out part, a few speakers, say. Here the networks that it trained and
that did best are trained again, once without each of the groups that may be looked at, and tried on that one. The best
mean is trained on all of them with several seeds and tried on the group that was left out from the start, beside the
network that the search chose.

    python benchmarks/left_out_groups.py RUN [RUN …] [--networks 8] [--seeds 3] [--quick] [--json FILE]

One run for each group that is left out, such as those of docs/experiments/signals.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from report import write_report

from evonas.config.load import load_config
from evonas.run.context import open_context
from evonas.spaces.genome import from_text
from evonas.training.datasets.dataset import Split
from evonas.training.datasets.image_batches import Augmentation
from evonas.training.network_training import train_alone
from objectives import Fidelity
from reports.run_folder.folder import RunFolder
from surrogates.one_shot.score import score_network


def chosen_anew(path: Path, *, networks: int, seeds: int) -> dict[str, Any]:
    """Test errors of the network that a run measured as best, and of that which folds over groups find best."""
    config = load_config(path / "run.toml")
    context = open_context(config)
    dataset, space = context.dataset, context.network_space
    known = dataset.train.joined(dataset.heldout)
    assert known.groups is not None
    run = RunFolder(path)
    size = {row.genome: row.values["model_size"] for row in run.rows() if row.is_ok}
    given = config.search.constraints.get("model_size", np.inf)
    bound = np.inf if isinstance(given, str) else given  # shares are of a base network: the run kept to them
    measured = {
        score.genome: score.quality
        for score in run.scores()
        if score.fidelity == Fidelity.TRAINED and score.quality is not None and size[score.genome] <= bound
    }
    best = sorted(measured, key=measured.__getitem__)[:networks]

    def error(genome: str, train: Split, test: Split, seed: int) -> float:
        augmentation = Augmentation(shift=config.data.shift, flip=config.data.flip)
        architecture = space.decode(from_text(genome, space.genes))
        network = train_alone(architecture, train, config.training, augmentation=augmentation, seed=seed)
        return score_network(network, images=test.inputs(), labels=test.labels).error

    def by_folds(genome: str) -> float:
        parts = [known.groups == name for name in np.unique(known.groups)]  # type: ignore[arg-type]
        return statistics.mean(
            error(genome, known.taken(np.flatnonzero(~part)), known.taken(np.flatnonzero(part)), 0) for part in parts
        )

    folds = {genome: by_folds(genome) for genome in best}
    first = min(folds, key=folds.__getitem__)
    found: dict[str, Any] = {"run": path.name, "folds": list(folds.values())}
    for name, genome in (("held-out part", best[0]), ("folds", first)):
        errors = [error(genome, known, dataset.test, seed) for seed in range(seeds)]
        found[name] = {"bytes": size[genome], "errors": errors}
        print(f"{path.name}, by {name}: {size[genome]:,.0f} bytes, {100 - 100 * np.mean(errors):.2f} %", flush=True)
    return found


def main() -> None:
    """Choose anew for every run, print the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="two networks, one seed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    networks, seeds = (2, 1) if options.quick else (options.networks, options.seeds)
    rows = [chosen_anew(path, networks=networks, seeds=seeds) for path in options.runs]
    results = []
    for name in ("held-out part", "folds"):
        accuracy = 100 - 100 * np.mean([np.mean(row[name]["errors"]) for row in rows])
        print(f"chosen by {name}: {accuracy:.2f} % over {len(rows)} groups that were left out")
        results.append({"name": f"chosen by {name}, mean of groups", "value": float(accuracy), "unit": "%"})
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
