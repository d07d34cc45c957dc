"""Trained networks of a run, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from evonas.errors import SelectionError
from evonas.nets.network import Network
from evonas.nets.weights import load_weights
from evonas.run.context import RunContext
from evonas.spaces.genome import from_text
from reports.run_folder.folder import RunFolder


@dataclass(frozen=True)
class Trained:
    """A network as :func:`evonas.workflows.train_picks.train_picks` left it.

    Attributes:
        network: With its weights, in eval mode: pixels within 0 to 1 in, logits out.
        genome: In text form.
        weights: Their path within the run folder; its stem ends in the recipe's hash.
        test_error: As stored in the archive.
    """

    network: Network
    genome: str
    weights: str
    test_error: float


def load_trained(run: RunFolder, context: RunContext, evaluation: int, *, seed: int, recipe: str = "") -> Trained:
    """Load a trained network.

    Args:
        run: The run that trained it.
        context: What it works with.
        evaluation: Its id.
        seed: Of the training.
        recipe: Hash of its recipe, as in the name of its weights; needed if several trainings had this seed.

    Raises:
        SelectionError: It was not trained with this seed and recipe, or with several recipes.
        RunFolderError: The weights have changed.
    """
    row = _found(run, evaluation, seed=seed, recipe=recipe)
    networks = context.network_space
    network = Network([networks.decode(from_text(row["genome"], networks.genes))], generator=torch.Generator())
    again = f"train it again: evonas train {run.path} --pick {evaluation} --seeds {seed + 1}"
    load_weights(network, run.path / row["weights"], expected=row["sha256"], remedy=again)
    return Trained(network.eval(), row["genome"], row["weights"], float(row["test_error"]))


def recipe_of(weights: str) -> str:
    """The recipe's hash in the path of a training's weights."""
    return Path(weights).stem.rpartition("-")[2]


def _found(run: RunFolder, evaluation: int, *, seed: int, recipe: str) -> pd.Series[Any]:
    """The one training that is meant."""
    trainings = run.trainings()
    own = trainings[trainings["evaluation"] == evaluation]
    found = own[own["seed"] == seed]
    if found.empty:
        known = f"network {evaluation} with seed {', '.join(map(str, own['seed'].unique()))}" if len(own) else ""
        known = known or f"networks {', '.join(map(str, trainings['evaluation'].unique()))}" * bool(len(trainings))
        raise SelectionError(
            f"network {evaluation} trained with seed {seed}",
            found=f"trained: {known or 'none yet'}",
            remedy=f"train it first: evonas train {run.path} --pick {evaluation} --seeds {seed + 1}",
        )
    recipes = found["weights"].map(recipe_of)
    if recipe:
        found = found[recipes == recipe]
    if len(found) != 1:
        several = [
            f"{name} ({row.epochs} epochs, test error {row.test_error:.2%})"
            for name, row in zip(recipes, trainings.loc[recipes.index].itertuples(), strict=True)
        ]
        raise SelectionError(
            f"one recipe by which network {evaluation} was trained with seed {seed}",
            found=", ".join(several),
            remedy="say which: --recipe HASH",
        )
    return found.iloc[0]
