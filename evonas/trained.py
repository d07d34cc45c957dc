"""Trained networks of a run, with their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from evonas.config import load_config
from evonas.errors import SelectionError
from evonas.genome import from_text
from evonas.nets.network import Network
from evonas.provenance import check_unchanged
from evonas.setup import open_setup
from evonas.spaces import Space
from evonas.training.data import Data
from evonas.workbench import load_weights
from reports.run_folder import RunFolder


@dataclass(frozen=True)
class Trained:
    """A network as :func:`evonas.retrain.train_picks` left it.

    Attributes:
        network: With its weights, in eval mode: pixels within 0 to 1 in, logits out.
        genome: In text form.
        weights: Their path within the run folder.
        test_error: As the archive has it.
        data: The run's images.
    """

    network: Network
    genome: str
    weights: str
    test_error: float
    data: Data


def load_trained(run: RunFolder, evaluation: int, *, seed: int, space: Space | None = None) -> Trained:
    """Load a trained network.

    Args:
        run: The run that trained it.
        evaluation: Its id.
        seed: Of the training; the newest one if several recipes used it.
        space: The search space, if the run was started with an object.

    Raises:
        SelectionError: It was not trained with this seed.
        RunFolderError: Settings, images or weights are others than they were.
    """
    trainings = run.trainings()
    found = trainings[(trainings["evaluation"] == evaluation) & (trainings["seed"] == seed)]
    if found.empty:
        raise SelectionError(
            f"network {evaluation} trained with seed {seed}",
            found=f"trained: {', '.join(map(str, trainings['evaluation'].unique())) or 'none yet'}",
            remedy=f"train it first: evonas train {run.path} --pick {evaluation}",
        )
    setup = open_setup(load_config(run.path / "run.toml"), space)
    check_unchanged(run, setup.config, setup.data, setup.space)
    networks = setup.network_space
    row = found.iloc[-1]
    network = Network([networks.decode(from_text(row["genome"], networks.genes))], generator=torch.Generator())
    load_weights(network, run.path / row["weights"])
    assert setup.data is not None  # a space of networks has images
    return Trained(network.eval(), row["genome"], row["weights"], float(row["test_error"]), setup.data)
