"""How a run estimates errors: which estimator its settings mean, and the correction fitted to brief trainings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evonas.estimators import Brief, Corrected, Inherited, NetworkEstimator, Scorer
from evonas.evaluation import Estimator, Evaluator, LookUp
from evonas.operators import Genomes
from evonas.progress import Observer
from evonas.seeding import numpy_rng
from evonas.setup import Setup
from evonas.spaces import TableSpace
from evonas.spread import spread_genomes
from evonas.supernet import trained_supernet
from evonas.workbench import Checkpoint
from reports.run_folder import Row, RunFolder
from surrogates.correction import Correction, fit_correction

COSTS = ("model_size", "parameters", "bitops", "macs")  # what a correction looks at beside the loss


def run_estimator(run: RunFolder, setup: Setup, observer: Observer) -> Estimator:
    """What the run's values come from, ready to work: a table; brief trainings; or a supernet, trained and corrected.

    Raises:
        RunFolderError: A checkpoint cannot be gone on from.
        EvaluationError: The supernet does not train.
    """
    if isinstance(setup.space, TableSpace):
        return LookUp(setup.space)
    settings = setup.config.estimate
    if settings.method == "short-training":
        return _estimator(Brief(settings.steps), run, setup, checkpoint=None)
    return _inherited(Inherited(), run, setup, observer, origin="inherited")


def tuned_estimator(run: RunFolder, setup: Setup, observer: Observer) -> Estimator | None:
    """What scores the front's candidates once more, after a few updates of each; None if the settings ask for none."""
    settings = setup.config.estimate
    if not settings.tuning_steps or settings.method == "short-training" or isinstance(setup.space, TableSpace):
        return None
    return _inherited(Inherited(settings.tuning_steps), run, setup, observer, origin="inherited, tuned")


def _inherited(scorer: Inherited, run: RunFolder, setup: Setup, observer: Observer, *, origin: str) -> Estimator:
    estimator = _estimator(scorer, run, setup, checkpoint=trained_supernet(run, setup, observer))
    if not setup.config.estimate.correction_networks:
        return estimator
    correction = _correction(estimator, run, setup, observer, origin=origin)
    return estimator if correction is None else Corrected(estimator, correction)


def _correction(
    estimator: Estimator, run: RunFolder, setup: Setup, observer: Observer, *, origin: str
) -> Correction | None:
    """Score and briefly train a few networks, and learn from them what the score does not tell; None if too few live.

    Their values are kept in the archive, so that a resumed run fits the very same correction.
    """
    config, space = setup.config, setup.network_space
    settings = config.estimate
    genomes = spread_genomes(
        space,
        numpy_rng(config.seed, "correction networks"),
        n=settings.correction_networks,
        bounds=setup.measures.bounds,
    )
    brief = _estimator(Brief(settings.steps), run, setup, checkpoint=None)
    trained = _evaluated(brief, run, genomes, origin="brief", observer=observer, title="brief trainings")
    scored = _evaluated(estimator, run, genomes, origin=origin, observer=observer, title="scoring the same networks")
    pairs = [
        (score.values, truth.values)
        for score, truth in zip(scored, trained, strict=True)
        if score.is_ok and truth.is_ok
    ]
    correction = fit_correction(
        np.array([score["loss"] for score, _ in pairs]),
        np.array([[score[name] for name in COSTS] for score, _ in pairs]).reshape(-1, len(COSTS)),
        names=COSTS,
        true_losses=np.array([truth["loss"] for _, truth in pairs]),
        true_errors=np.array([truth["error"] for _, truth in pairs]),
    )
    if correction is not None:
        run.set_meta(f"correction of {origin}", correction.facts)
    return correction


def _evaluated(
    estimator: Estimator, run: RunFolder, genomes: Genomes, *, origin: str, observer: Observer, title: str
) -> Sequence[Row]:
    evaluator, rows = Evaluator(estimator, run, origins=(origin,)), []
    observer.phase(title, total=len(genomes))
    for row in evaluator.evaluate(genomes, origin=origin):
        rows.append(row)
        observer.advance(len(rows))
    return rows


def _estimator(scorer: Scorer, run: RunFolder, setup: Setup, *, checkpoint: Checkpoint | None) -> NetworkEstimator:
    return NetworkEstimator(
        scorer,
        setup.network_space,
        measures=setup.measures,
        folder=run.path,
        checkpoint=checkpoint,
        workers=setup.config.compute.workers,
    )
