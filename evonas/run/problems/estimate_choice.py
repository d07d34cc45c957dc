"""Whether a supernet pays for a run, or short training runs take less time: both are timed and compared."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.errors import EvaluationError
from evonas.evaluation.scorers import InheritedWeights, Scorer, ShortTraining
from evonas.evaluation.scoring_context import ScoringContext, scoring_context
from evonas.evaluation.workers.local import n_workers
from evonas.spaces import NetworkSpace
from evonas.training.datasets.dataset import Dataset
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.generator import torch_generator
from evonas.training.hardware import one_thread
from evonas.training.loop import TrainingPlan, train
from evonas.training.network_training import brief_steps
from evonas.training.strategies import STRATEGIES
from evonas.training.supernet_training import build_supernet

NETWORKS = 5  # random ones, of which the median counts, so that a slow first one does no harm
STEPS = 6  # timed for each network; the first ones only fill caches


@dataclass(frozen=True)
class Times:
    """What the two ways cost on this machine, in seconds.

    Attributes:
        step: One step of the supernet's training.
        score: Scoring one network with inherited weights.
        short: One short training, scored.
    """

    step: float
    score: float
    short: float


def choose_method(config: RunConfig, space: NetworkSpace, dataset: Dataset) -> tuple[str, str]:
    """Which method takes less time for the run's budget, and the reason in a sentence.

    The supernet trains in one process, everything else in all workers. The choice depends on the machine; the run file
    that a run writes holds what was chosen.

    Returns:
        ``"one-shot"`` or ``"short-training"``, and why.

    Raises:
        EvaluationError: A training that is timed diverges.
    """
    networks = config.search.budget * (1 + config.search.has_baseline)
    try:
        times = _times(config, space, dataset)
    except FloatingPointError as error:
        raise EvaluationError(
            "networks that train", found=str(error), remedy="lower learning_rate under [supernet] and [training]"
        ) from error
    return compare(
        times,
        networks=networks,
        steps=config.supernet.steps,
        workers=n_workers(config.compute.workers),
    )


def compare(times: Times, *, networks: int, steps: int, workers: int) -> tuple[str, str]:
    """Choose by times; a pure function.

    Args:
        times: Of this machine.
        networks: How many are evaluated, at most.
        steps: Steps of the supernet's training.
        workers: Number of processes.

    Returns:
        See :func:`choose_method`.
    """
    fixed = steps * times.step
    one_shot, short = fixed + networks * times.score / workers, networks * times.short / workers
    saved = (times.short - times.score) / workers
    even = f"from {math.ceil(fixed / saved):,} networks on" if saved > 0 else "for no number of networks"
    method = "one-shot" if one_shot < short else "short-training"
    reason = (
        f"{method}: {networks:,} networks take about {one_shot:,.0f} s with a supernet and {short:,.0f} s by short "
        f"trainings here; a supernet pays {even}"
    )
    return method, reason


def _times(config: RunConfig, space: NetworkSpace, dataset: Dataset) -> Times:
    rng = np.random.default_rng(config.seed)
    networks = [space.decode(genome) for genome in space.sample(rng, NETWORKS)]
    settings, stamps = config.supernet, [time.perf_counter()]
    with one_thread():
        supernet = build_supernet(config, space)
        batches = image_batches(
            dataset.train,
            Augmentation.of(config.data),
            batch_size=settings.batch_size,
            generator=torch_generator(config.seed, "timing"),
            is_balanced=config.training.balance == "sampling",
        )
        train(
            supernet,
            STRATEGIES[settings.strategy](space, rng, settings.paths),
            batches,
            plan=TrainingPlan(2 * STEPS, settings.learning_rate, settings.weight_decay),
            on_step=lambda step, loss: stamps.append(time.perf_counter()),
        )
        context = scoring_context(config, dataset, supernet)
        score = median(_seconds(InheritedWeights(), context, network) for network in networks)
        short, long = (
            median(_seconds(ShortTraining(steps), context, network) for network in networks)
            for steps in (STEPS, 3 * STEPS)
        )
    step = median(after - before for before, after in zip(stamps[STEPS:], stamps[STEPS + 1 :], strict=False))
    per_step = max(0.0, long - short) / (2 * STEPS)  # a training costs something before its first step, too
    return Times(step, score, max(0.0, short - STEPS * per_step) + per_step * brief_steps(config, len(dataset.train)))


def _seconds(scorer: Scorer, context: ScoringContext, network: Architecture) -> float:
    start = time.perf_counter()
    scorer.score(context, network)
    return time.perf_counter() - start
