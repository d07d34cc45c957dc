"""How a run estimates errors: which estimator its settings mean, and the correction fitted to brief trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evonas.backends import Workers
from evonas.costs import COSTS
from evonas.estimators import Brief, Corrected, Inherited, NetworkEstimator, Scorer
from evonas.evaluation import Estimator, Evaluator
from evonas.expansion import Expansion
from evonas.operators import Genomes
from evonas.progress import Observer
from evonas.seeding import numpy_rng
from evonas.setup import Setup
from evonas.spread import spread_genomes
from evonas.stage import Stage, Stages, unlocked
from evonas.supernet import grown_supernet, trained_supernet
from evonas.workbench import Checkpoint
from reports.run_folder import Row, RunFolder
from surrogates.correction import Correction, fit_correction

INHERITED = ("inherited", "inherited, tuned")  # origins of what corrections are fitted to


class EstimatedStages(Stages):
    """Those of networks: errors come from a supernet, which grows with the space, or from brief trainings.

    Args:
        run: The folder; checkpoints and the values that corrections are fitted to are kept there.
        setup: The run's, as it starts.
        observer: Hears of the progress.
    """

    def __init__(self, run: RunFolder, setup: Setup, observer: Observer) -> None:
        self.run, self.setup, self.observer = run, setup, observer

    def first(self) -> Stage:
        """See :class:`Stages`; the supernet, if the run works with one, is trained now unless that was done.

        Raises:
            RunFolderError: A checkpoint cannot be gone on from.
            EvaluationError: The supernet does not train.
        """
        has_supernet = self.setup.config.estimate.method == "one-shot"
        return Stage(0, self.setup, trained_supernet(self.run, self.setup, self.observer) if has_supernet else None)

    def after(self, stage: Stage, expansions: Sequence[Expansion]) -> Stage:
        """See :class:`Stages`; the supernet grows and is trained on, unless that was done."""
        setup = replace(stage.setup, space=unlocked(stage.setup.space, expansions))
        if stage.checkpoint is None:
            return replace(stage, setup=setup)
        number, before, smaller = stage.number + 1, stage.setup, stage.checkpoint
        checkpoint = grown_supernet(self.run, setup, self.observer, stage=number, before=before, smaller=smaller)
        return Stage(number, setup, checkpoint)

    def warnings(self) -> list[str]:
        """See :class:`Stages`."""
        numbers = {origin: self.run.meta(f"trainings without a correction of {origin}") for origin in INHERITED}
        return [
            f"errors ({origin}) were not corrected by {n} brief trainings, which do not bear losses out"
            for origin, n in numbers.items()
            if n
        ]

    def estimator(self, stage: Stage) -> Estimator:
        """See :class:`Stages`; brief trainings, or inherited weights, corrected."""
        if stage.checkpoint is None:
            return _estimator(Brief(stage.setup.config.estimate.steps), self.run, stage.setup, checkpoint=None)
        return _inherited(Inherited(), self.run, stage, self.observer, origin=INHERITED[0])

    def tuned_estimator(self, stage: Stage) -> Estimator | None:
        """See :class:`Stages`; after a few updates of each; None if the settings ask for none."""
        settings = stage.setup.config.estimate
        if not settings.tuning_steps or stage.checkpoint is None:
            return None
        return _inherited(Inherited(settings.tuning_steps), self.run, stage, self.observer, origin=INHERITED[1])


def _inherited(scorer: Inherited, run: RunFolder, stage: Stage, observer: Observer, *, origin: str) -> Estimator:
    estimator = _estimator(scorer, run, stage.setup, checkpoint=stage.checkpoint)
    if not stage.setup.config.estimate.correction_networks:
        return estimator
    correction, trained = _correction(estimator, run, stage, observer, origin=origin)
    return estimator if correction is None else Corrected(estimator, correction, trained)


def _correction(
    estimator: Estimator, run: RunFolder, stage: Stage, observer: Observer, *, origin: str
) -> tuple[Correction | None, dict[str, float]]:
    """Score and briefly train a few networks, and learn from them what the score does not tell; None if too few live.

    They are spread over the sizes of the space. The archive keeps their values, so that a resumed run fits the same
    correction.

    Returns:
        The correction, and losses after the brief trainings by genome in text form.
    """
    setup = stage.setup
    genomes = spread_genomes(
        setup.network_space,
        numpy_rng(setup.config.seed, "correction networks"),
        n=setup.config.estimate.correction_networks,
        bounds=setup.measures.bounds,
    )
    brief = _estimator(Brief(setup.config.estimate.steps), run, setup, checkpoint=None)
    trained = _evaluated(brief, run, genomes, origin="brief", observer=observer)
    scored = _evaluated(estimator, run, genomes, origin=origin, observer=observer, stage=stage.number)
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
    run.set_meta(f"correction of {origin}", correction and correction.facts)
    run.set_meta(f"trainings without a correction of {origin}", 0 if correction else len(pairs))
    return correction, {truth.genome: truth.values["loss"] for truth in trained if truth.is_ok}


def _evaluated(
    estimator: Estimator, run: RunFolder, genomes: Genomes, *, origin: str, observer: Observer, stage: int = 0
) -> Sequence[Row]:
    evaluator, rows = Evaluator(estimator, run, origins=(origin,), stage=stage), []
    observer.phase(f"correction: {origin}", total=len(genomes))
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
        workers=Workers.of(setup.config.compute),
        seconds_a_network=setup.config.estimate.seconds_a_network,
        retries=setup.config.estimate.retries,
    )
