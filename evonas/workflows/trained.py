"""Trained networks of a run, with their weights: by ``evonas train``, or by the search itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
import torch

from evonas.errors import SelectionError
from evonas.nets.network import Network
from evonas.nets.weights import load_weights
from evonas.run.context import RunContext
from evonas.spaces.genome import from_text
from objectives import Fidelity
from reports.run_folder.folder import RunFolder

SEARCH = "search"  # in the place of a recipe's hash: the training within the search, on the training images alone


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: With its weights, in eval mode: pixels within 0 to 1 in, logits out.
        genome: In text form.
        weights: Their path within the run folder.
        recipe: The recipe's hash; ``"search"`` if the search itself trained it.
        facts: What was measured of it, by name, as text.
    """

    network: Network
    genome: str
    weights: str
    recipe: str
    facts: dict[str, str]


def load_trained(run: RunFolder, context: RunContext, evaluation: int, *, seed: int, recipe: str = "") -> Trained:
    """Load a trained network.

    Args:
        run: The run that trained it.
        context: What it works with.
        evaluation: Its id.
        seed: Of the training.
        recipe: Hash of its recipe, as in the name of its weights, needed if several trainings had this seed; or
            ``"search"`` for the training within the search, which is taken anyway where there is no other.

    Raises:
        SelectionError: It was not trained with this seed and recipe, or with several recipes.
        RunFolderError: The weights have changed.
    """
    genome = str(run.evaluations_of([evaluation])["genome"].iloc[0])
    trainings = run.trainings()
    own = trainings[trainings["genome"] == genome]  # whichever id it was trained under
    facts: dict[str, str] = {}
    weights = sha256 = ""
    if recipe == SEARCH or (own.empty and seed == 0 and not recipe):
        weights, sha256, facts = _of_search(run, genome)
    if weights:
        recipe, again = SEARCH, f"train it again: evonas train {quote(str(run.path))} --pick {evaluation}"
    else:
        row = _found(run, evaluation, own, seed=seed, recipe=recipe)
        weights, sha256, facts = row["weights"], row["sha256"], _tested(run, row)
        recipe = recipe_of(weights)
        again = f"train it again: evonas train {quote(str(run.path))} --pick {evaluation} --seeds {seed + 1}"
    space = context.network_space
    network = Network([space.decode(from_text(genome, space.genes))], generator=torch.Generator())
    load_weights(network, run.path / weights, expected=sha256, remedy=again)
    return Trained(network.eval(), genome, weights, recipe, facts)


def _tested(run: RunFolder, row: pd.Series[Any]) -> dict[str, str]:
    """What a training reaches on the test set: the run's quality measure, and the error in any case."""
    names = dict.fromkeys(("test_error", f"test_{run.quality or 'error'}"))
    return {name: repr(float(row[name])) for name in names}


def recipe_of(weights: str) -> str:
    """The recipe's hash in the path of a training's weights; ``"search"`` if the search itself trained them."""
    path = Path(weights)
    return SEARCH if path.parent.name == SEARCH else path.stem.rpartition("-")[2]


def _of_search(run: RunFolder, genome: str) -> tuple[str, str, dict[str, str]]:
    """Weights, their hash, and what they reach; nothing if the search did not train this network."""
    for score in reversed(run.scores()):  # with several supernets, the last training counts
        if score.genome == genome and score.fidelity == Fidelity.TRAINED and score.weights:
            return score.weights, score.sha256, {f"heldout_{run.quality}": repr(score.quality)}
    return "", "", {}


def _found(run: RunFolder, evaluation: int, own: pd.DataFrame, *, seed: int, recipe: str) -> pd.Series[Any]:
    """The one training that is meant, of those of this network."""
    found = own[own["seed"] == seed]
    if found.empty:
        trained = run.trainings()["evaluation"].unique()
        known = f"network {evaluation} with seed {', '.join(map(str, own['seed'].unique()))}" if len(own) else ""
        known = known or f"networks {', '.join(map(str, trained))}" * bool(len(trained))
        raise SelectionError(
            f"network {evaluation} trained with seed {seed}",
            found=f"trained: {known or 'none yet'}",
            remedy=f"train it first: evonas train {quote(str(run.path))} --pick {evaluation} --seeds {seed + 1}",
        )
    recipes = found["weights"].map(recipe_of)
    if recipe:
        found = found[recipes == recipe]
    if len(found) != 1:
        quality = run.quality or "error"
        title = f"test {quality.replace('_', ' ')}"
        several = [
            f"{name} ({row['epochs']} epochs, {title} {row[f'test_{quality}']:.2%})"
            for name, row in zip(recipes, own.loc[recipes.index].to_dict("records"), strict=True)
        ]
        raise SelectionError(
            f"one recipe by which network {evaluation} was trained with seed {seed}",
            found=", ".join(several),
            remedy="say which: --recipe HASH",
        )
    return found.iloc[0]
