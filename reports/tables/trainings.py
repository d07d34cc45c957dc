"""What trained networks reach: on the test set, means over seeds; and class by class."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from objectives import Fidelity
from objectives.held_out import COMPLEMENTS
from reports.run_folder.folder import RunFolder

MOST_CLASSES = 20  # that people are shown at a time: of more, the worst


def training_texts(run: RunFolder) -> pd.DataFrame:
    """The trainings of a run, one row per network and recipe, ready to print.

    Returns:
        Columns ``id``, ``genome``, ``accuracy`` (on the test set, mean and, of several seeds, standard deviation; by
        the run's quality measure, ``balanced accuracy`` or ``macro F1``), ``seeds`` and ``epochs``.
    """
    rows, quality = [], run.quality or "error"
    for (network, _), group in run.trainings().groupby(["evaluation", "recipe"], sort=False):
        accuracy = 100 * (1 - group[f"test_{quality}"])
        spread = f" ± {accuracy.std():.2f}" if len(group) > 1 else ""
        seeds = ", ".join(map(str, group["seed"]))
        rows.append(
            (network, group["genome"].iloc[0], f"{accuracy.mean():.2f}{spread} %", seeds, group["epochs"].iloc[0])
        )
    return pd.DataFrame(rows, columns=["id", "genome", COMPLEMENTS[quality], "seeds", "epochs"])


@dataclass(frozen=True)
class ClassResults:
    """What one trained network took the images of each class for.

    Attributes:
        names: Of the classes.
        confusion: Images of each class (rows) that were taken for each class (columns), ``(n_classes, n_classes)``.
        source: Which images they are, in words.
    """

    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    source: str


def class_results(run: RunFolder, genome: str) -> ClassResults | None:
    """What is known of a network class by class: its newest training on the test set, or that within the search.

    None where it was not trained by the whole recipe.
    """
    tested = run.trainings()
    tested = tested[tested["genome"] == genome]
    within = [
        score.confusion
        for score in run.scores()
        if score.genome == genome and score.fidelity == Fidelity.TRAINED and score.confusion
    ]
    if len(tested):
        last = tested.iloc[-1]
        text, where = str(last["confusion"]), f"test images, seed {last['seed']}, {last['epochs']} epochs"
    elif within:
        text, where = within[-1], "held-out images, by the training within the search"
    else:
        return None
    confusion = np.array(json.loads(text), dtype=np.int64)
    names = json.loads(run.facts().expects.get("classes", "[]")) or range(len(confusion))
    return ClassResults(tuple(map(str, names)), confusion, f"{confusion.sum():,} {where}")


def class_table(found: ClassResults) -> pd.DataFrame:
    """Every class in the order of the data set.

    Returns:
        Columns ``class``, ``images``, ``recall`` (of its images, the share that was recognised), ``precision`` (of what
        was taken for it, the share that was right) and ``f1`` (their harmonic mean), 0–1; NaN where there is nothing
        to take a share of.
    """
    right, images, predicted = found.confusion.diagonal(), found.confusion.sum(axis=1), found.confusion.sum(axis=0)
    return pd.DataFrame(
        {
            "class": found.names,
            "images": images,
            "recall": _share(right, images),
            "precision": _share(right, predicted),
            "f1": _share(2 * right, images + predicted),
        }
    )


def confusion_table(found: ClassResults) -> pd.DataFrame:
    """Images of each class, by row, that were taken for each class, by column."""
    return pd.DataFrame(found.confusion, index=pd.Index(found.names, name="class"), columns=list(found.names))


def class_texts(found: ClassResults) -> pd.DataFrame:
    """The same as people read it; of more than ``MOST_CLASSES``, those with the least F1, the worst first."""
    table = class_table(found)
    if len(table) > MOST_CLASSES:
        table = table.sort_values("f1", kind="stable", na_position="last").head(MOST_CLASSES)
    return pd.DataFrame(
        {
            "class": table["class"],
            "images": [f"{n:,}" for n in table["images"]],
            **{
                title: ["–" if np.isnan(share) else f"{100 * share:.1f} %" for share in table[name]]
                for name, title in (("recall", "recall"), ("precision", "precision"), ("f1", "F1"))
            },
        }
    )


def confusions(found: ClassResults, *, most: int = MOST_CLASSES) -> pd.DataFrame:
    """The most frequent confusions, ready to print: ``class``, ``taken for``, ``images``, ``of the class``."""
    wrong = found.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(row, column) for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    images = found.confusion.sum(axis=1)
    return pd.DataFrame(
        [
            (
                found.names[row],
                found.names[column],
                f"{wrong[row, column]:,}",
                f"{wrong[row, column] / images[row]:.1%}",
            )
            for row, column in pairs
            if wrong[row, column]
        ],
        columns=["class", "taken for", "images", "of the class"],
    )


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
