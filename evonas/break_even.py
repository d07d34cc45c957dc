"""Whether a supernet pays for a run, or brief trainings take less time: both are timed, and the numbers compared."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from evonas.architecture import Architecture
from evonas.errors import EvaluationError
from evonas.estimators import Brief, Inherited, Scorer
from evonas.local_backends import n_workers
from evonas.parallel import one_thread
from evonas.seeding import torch_generator
from evonas.setup import Setup
from evonas.strategies import STRATEGIES
from evonas.training.train import run_batches
from evonas.workbench import Workbench, build_supernet, workbench
from surrogates.one_shot.training import train

NETWORKS = 5  # random ones, of which the median counts, so that a slow first one does no harm
UPDATES = 6  # timed of each; the first ones are left to the caches


@dataclass(frozen=True)
class Times:
    """What the two ways cost on this machine, in seconds.

    Attributes:
        update: One update of the supernet.
        score: Scoring one network with inherited weights.
        brief: One brief training, scored.
    """

    update: float
    score: float
    brief: float


def choose_method(setup: Setup) -> tuple[str, str]:
    """Which method takes less time for the run's budget, and the reason in a sentence.

    The supernet trains in one process, everything else in all workers. The choice depends on the machine; the run file
    that a run writes holds what was chosen.

    Returns:
        ``"one-shot"`` or ``"short-training"``, and why.

    Raises:
        EvaluationError: A training that is timed diverges.
    """
    config = setup.config
    networks = config.search.budget * (1 + config.search.has_baseline)
    try:
        times = _times(setup)
    except FloatingPointError as error:
        raise EvaluationError(
            "networks that train", found=str(error), remedy="lower learning_rate under [supernet] and [training]"
        ) from error
    return compare(
        times,
        networks=networks,
        steps=config.supernet.steps,
        correction_networks=config.estimate.correction_networks,
        workers=n_workers(config.compute.workers),
    )


def compare(times: Times, *, networks: int, steps: int, correction_networks: int, workers: int) -> tuple[str, str]:
    """Choose by times; a pure function.

    Args:
        times: Of this machine.
        networks: To be evaluated, at most.
        steps: Of the supernet's training.
        correction_networks: Trained briefly to correct the supernet's estimate.
        workers: Processes.

    Returns:
        See :func:`choose_method`.
    """
    fixed = steps * times.update + correction_networks * (times.brief + times.score) / workers
    one_shot, brief = fixed + networks * times.score / workers, networks * times.brief / workers
    saved = (times.brief - times.score) / workers
    even = f"from {math.ceil(fixed / saved):,} networks on" if saved > 0 else "for no number of networks"
    method = "one-shot" if one_shot < brief else "short-training"
    reason = (
        f"{method}: {networks:,} networks take about {one_shot:,.0f} s with a supernet and {brief:,.0f} s by brief "
        f"trainings here; a supernet pays {even}"
    )
    return method, reason


def _times(setup: Setup) -> Times:
    config, space, data = setup.config, setup.network_space, setup.data
    assert data is not None
    rng = np.random.default_rng(config.seed)
    networks = [space.decode(genome) for genome in space.sample(rng, NETWORKS)]
    stamps = [time.perf_counter()]
    with one_thread():
        supernet = build_supernet(config, space)
        train(
            supernet,
            STRATEGIES[config.supernet.strategy](space, rng, config.supernet.paths),
            batches=run_batches(
                data.train,
                config,
                batch_size=config.supernet.batch_size,
                generator=torch_generator(config.seed, "timing"),
            ),
            steps=2 * UPDATES,
            learning_rate=config.supernet.learning_rate,
            weight_decay=config.supernet.weight_decay,
            on_step=lambda step, loss: stamps.append(time.perf_counter()),
        )
        bench = workbench(config, data, supernet)
        score = median(_seconds(Inherited(), bench, network) for network in networks)
        short, long = (
            median(_seconds(Brief(updates), bench, network) for network in networks)
            for updates in (UPDATES, 3 * UPDATES)
        )
    update = median(after - before for before, after in zip(stamps[UPDATES:], stamps[UPDATES + 1 :], strict=False))
    per_update = max(0.0, long - short) / (2 * UPDATES)  # a training costs something before its first update, too
    return Times(update, score, max(0.0, short - UPDATES * per_update) + per_update * config.estimate.steps)


def _seconds(scorer: Scorer, bench: Workbench, network: Architecture) -> float:
    start = time.perf_counter()
    scorer.score(bench, network)
    return time.perf_counter() - start
