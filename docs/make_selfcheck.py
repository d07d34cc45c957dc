"""Write the table that ``evonas selfcheck`` searches: ``python docs/make_selfcheck.py``. Takes some ten minutes.

Residual networks on scikit-learn's digits: three weight precisions for each of six layers, three widths for each of the
last two stages, all else at its middle choice. Losses on held-out images are inherited from one supernet.
"""

from __future__ import annotations

import csv
import itertools
import tempfile
from pathlib import Path

import numpy as np

from evonas.config.load import parse_config
from evonas.evaluation.scorers import InheritedWeights
from evonas.evaluation.scoring_context import scoring_context
from evonas.run.context import open_context
from evonas.training.hardware import one_thread
from evonas.training.supernet_training import build_supernet, train_supernet
from evonas.workflows import selfcheck
from evonas.workflows.selfcheck import FREE, OBJECTIVE_NAMES, WEIGHTS, WIDTHS
from objectives import OBJECTIVES

SPACE = {
    "kind": "residual",
    "depth": 8,
    "channels": 8,
    "widths": [float(width) for width in WIDTHS],
    "locked_widths": [],
    "weight_precisions": WEIGHTS,
    "act_precisions": ["4-bit"],
    "stem_precisions": ["8-bit"],
    "classifier_precisions": ["8-bit"],
}


def main() -> None:
    """Train the supernet, score every network, write the file."""
    context = open_context(parse_config({"space": SPACE}, source="make_selfcheck"))
    config, space, data = context.config, context.network_space, context.dataset
    supernet = build_supernet(config, space)
    with one_thread():
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint"
            train_supernet(supernet, data, config, space=space, device="cpu", checkpoint=checkpoint)
        scoring = scoring_context(config, data, supernet)
        rows = []
        for choices in itertools.product(*(range(len(labels)) for labels in FREE.values())):
            chosen = dict(zip(FREE, choices, strict=True))
            genome = np.array([chosen.get(gene.name, len(gene.choices) // 2) for gene in space.genes])
            architecture = space.decode(genome)
            loss = InheritedWeights().score(scoring, architecture).loss
            counted = [OBJECTIVES[name].measure(architecture.layers) for name in OBJECTIVE_NAMES[1:]]
            rows.append(("".join(map(str, choices)), f"{loss:.4f}", *counted))
    with Path(selfcheck.__file__).with_name(selfcheck.TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("genome", *OBJECTIVE_NAMES), *rows])


if __name__ == "__main__":
    main()
