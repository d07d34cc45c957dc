"""When a run's supernet training may end early: fixed random networks of the space, scored every now and then."""

from __future__ import annotations

import torch

from evonas.config import RunConfig
from evonas.nets.network import Network
from evonas.operators import random_genomes
from evonas.seeding import numpy_rng
from evonas.spaces import NetworkSpace
from evonas.training.data import Data
from evonas.workbench import workbench
from reports.run_folder import RunFolder
from surrogates.one_shot.score import score_subnet
from surrogates.one_shot.settling import EarlyStop, taus

INTERVAL = 0.05  # share of the steps between probes


def early_stop(
    run: RunFolder, config: RunConfig, *, data: Data, space: NetworkSpace, supernet: Network
) -> EarlyStop | None:
    """The rule that a run file asks for; None if training goes its full length.

    Networks are scored as the search will score them, by the loss: the error of few held-out images has many ties.

    Args:
        run: Gets the agreement of probes as ``probe_taus``, pairs of updates done and Kendall's tau.
        config: The run file.
        data: Training images for the batch-norm statistics, held-out images for the losses.
        space: Which random networks there are.
        supernet: The one in training.
    """
    settings = config.supernet
    if not settings.early_stop:
        return None
    genomes = random_genomes(space, numpy_rng(config.seed, "probe networks"), n=settings.probes)
    networks = [space.decode(genome) for genome in genomes]
    bench = workbench(config, data, supernet)
    device = next(supernet.parameters()).device
    calibration, images, labels = (one.to(device) for one in (bench.calibration, bench.images, bench.labels))

    def probe() -> list[float]:
        with torch.autocast(device.type, enabled=False):  # whatever format it is trained in
            scores = [
                score_subnet(supernet, network, calibration=calibration, images=images, labels=labels)
                for network in networks
            ]
        return [score.loss for score in scores]

    return EarlyStop(
        probe,
        max(1, round(INTERVAL * settings.steps)),
        settled_tau=settings.settled_tau,
        patience=settings.patience,
        on_probe=lambda probes: run.set_meta("probe_taus", taus(probes)),
    )
