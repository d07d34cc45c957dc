"""When a supernet's training may end early: fixed random networks of the space are scored every now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from evonas.config.load import RunConfig
from evonas.nets.network import Network
from evonas.seeding import numpy_rng
from evonas.spaces import NetworkSpace
from evonas.spaces.sampling import random_genomes
from evonas.training.datasets.balance import calibration_inputs
from evonas.training.datasets.dataset import Dataset
from evonas.training.schedule import Schedule, warm_up
from surrogates.one_shot.score import score_subnet
from surrogates.one_shot.settling import Probe, settled_at

INTERVAL = 0.05  # share of the steps between probes


def _ignore(probes: Sequence[Probe]) -> None:
    del probes


@dataclass(frozen=True)
class EarlyStop:
    """A rule to end a training early.

    Attributes:
        probe: Losses of the fixed networks with the current weights. May leave the supernet in eval mode and its
            batch-norm statistics changed; must not draw from the generators of batches and paths.
        interval: Steps between probes; there are none in the warm-up and the decay.
        settled_tau: Kendall's tau from which on two probes agree.
        patience: Agreements in a row that make the order settled.
        decay_share: Length of the decay, as a share of the steps before it.
        on_probe: Called after each probe with all probes so far, those before an interruption too.
    """

    probe: Callable[[], Sequence[float]]
    interval: int
    settled_tau: float = 0.7
    patience: int = 3
    decay_share: float = 0.25
    on_probe: Callable[[Sequence[Probe]], None] = _ignore

    def schedule(self, steps: int, *, warmup: float, probes: Sequence[Probe]) -> Schedule:
        """The schedule of the training that follows from the probes so far: a pure function.

        Args:
            steps: Steps if the order never settles; the last of them are the decay, a fifth if ``decay_share`` is
                0.25.
            warmup: Share of ``steps`` with a rising learning rate.
            probes: So far.
        """
        warm = warm_up(steps, warmup)
        settled = settled_at(probes, tau=self.settled_tau, patience=self.patience)
        if settled is None:
            return Schedule(warm, max(warm, round(steps / (1 + self.decay_share))), steps)
        return Schedule(warm, settled, min(steps, settled + max(1, round(self.decay_share * settled))))

    def is_due(self, step: int, schedule: Schedule) -> bool:
        """Whether to probe after ``step`` steps."""
        return step % self.interval == 0 and schedule.warm <= step < schedule.turn


def early_stop_rule(
    config: RunConfig,
    *,
    dataset: Dataset,
    space: NetworkSpace,
    supernet: Network,
    on_probe: Callable[[Sequence[Probe]], None],
) -> EarlyStop | None:
    """The rule that a run file asks for; None if training goes its full length.

    Networks are scored as the search will score them, by the loss: the error of few held-out images has many ties.

    Args:
        config: The run file.
        dataset: Training images for the batch-norm statistics, held-out images for the losses.
        space: Where the random networks come from.
        supernet: The one in training.
        on_probe: See :class:`EarlyStop`.
    """
    settings, estimate = config.supernet, config.estimate
    if not settings.early_stop:
        return None
    genomes = random_genomes(space, numpy_rng(config.seed, "probe networks"), n=settings.probes)
    networks = [space.decode(genome) for genome in genomes]
    device = next(supernet.parameters()).device
    calibration = calibration_inputs(dataset.train, estimate.calibration_images, config.training).to(device)
    images = dataset.heldout.inputs(estimate.scoring_images).to(device)
    labels = dataset.heldout.labels[: estimate.scoring_images].to(device)

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
        on_probe=on_probe,
    )
