"""What networks reach on the test set, trained from scratch: means over seeds."""

from __future__ import annotations

import pandas as pd

from reports.run_folder.folder import RunFolder


def training_texts(run: RunFolder) -> pd.DataFrame:
    """The trainings of a run, one row per network and recipe, ready to print.

    Returns:
        Columns ``id``, ``genome``, ``accuracy`` (on the test set, mean and, of several seeds, standard deviation),
        ``seeds`` and ``epochs``.
    """
    rows = []
    for (network, _), group in run.trainings().groupby(["evaluation", "recipe"], sort=False):
        accuracy = 100 * (1 - group["test_error"])
        spread = f" ± {accuracy.std():.2f}" if len(group) > 1 else ""
        seeds = ", ".join(map(str, group["seed"]))
        rows.append(
            (network, group["genome"].iloc[0], f"{accuracy.mean():.2f}{spread} %", seeds, group["epochs"].iloc[0])
        )
    return pd.DataFrame(rows, columns=["id", "genome", "accuracy", "seeds", "epochs"])
