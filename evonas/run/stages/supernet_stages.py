"""Search stages of a network space. Errors come from a supernet or from short training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evonas.evaluation.corrected import Corrected
from evonas.evaluation.costs import COSTS
from evonas.evaluation.estimator import Estimator, EvaluationPolicy
from evonas.evaluation.evaluator import Evaluator
from evonas.evaluation.network_estimator import NetworkEstimator
from evonas.evaluation.scorers import InheritedWeights, Scorer, ShortTraining
from evonas.progress import Observer
from evonas.run.expansion import Expansion
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.stages.search_stage import SearchStage, StageFactory, unlocked
from evonas.run.stages.supernet_store import SupernetStore, checkpoint_of
from evonas.run.torchrun import release
from evonas.seeding import numpy_rng
from evonas.spaces.genome import Genomes
from evonas.spaces.sampling import stratified_by_size
from reports.run_folder.facts import CorrectionFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation
from surrogates.correction import Correction, fit_correction

Stage = SearchStage[NetworkProblem]


class SupernetStages(StageFactory[NetworkProblem]):
    """See :class:`StageFactory`; the supernet grows with the space.

    Args:
        run: The folder; checkpoints and the values that corrections are fitted to are kept there.
        problem: The run's, as it starts.
        observer: Receives progress updates.
    """

    def __init__(self, run: RunFolder, problem: NetworkProblem, observer: Observer) -> None:
        self.run, self.problem, self.observer = run, problem, observer
        self.store = SupernetStore(run, observer)

    def first(self) -> Stage:
        """See :class:`StageFactory`; the supernet, if the run works with one, is trained now unless it exists.

        Raises:
            RunFolderError: Training cannot be resumed from a checkpoint.
            EvaluationError: The supernet does not train.
        """
        has_supernet = self.problem.config.estimate.method == "one-shot"
        supernet = self.store.trained(self.problem) if has_supernet else None
        release()
        return SearchStage(0, self.problem, supernet)

    def after(self, stage: Stage, expansions: Sequence[Expansion]) -> Stage:
        """See :class:`StageFactory`; the supernet grows and is trained further, unless it exists."""
        before = stage.problem
        problem = before.unlocked(unlocked(before.space, expansions))
        if stage.supernet is None:
            return replace(stage, problem=problem)
        number, smaller = stage.number + 1, checkpoint_of(stage.number, stage.supernet)
        supernet = self.store.grown(problem, stage=number, before=before, smaller=smaller)
        return SearchStage(number, problem, supernet)

    def estimator(self, stage: Stage) -> Estimator:
        """See :class:`StageFactory`; short training runs, or inherited weights, corrected."""
        if stage.supernet is None:
            return self._estimator(ShortTraining(stage.problem.config.estimate.steps), replace(stage, supernet=None))
        return self._inherited(InheritedWeights(), stage, origin=Origin.INHERITED)

    def tuned_estimator(self, stage: Stage) -> Estimator | None:
        """See :class:`StageFactory`; after a few steps of each; None if the settings ask for none."""
        steps = stage.problem.config.estimate.tuning_steps
        if not steps or stage.supernet is None:
            return None
        return self._inherited(InheritedWeights(steps), stage, origin=Origin.INHERITED_TUNED)

    def warnings(self) -> list[str]:
        """See :class:`StageFactory`."""
        return [
            f"errors ({origin}) were not corrected by {found.n} short training runs, which do not confirm their losses"
            for origin, found in self.run.facts().corrections.items()
            if found.n and not found.is_used
        ]

    def _inherited(self, scorer: InheritedWeights, stage: Stage, *, origin: Origin) -> Estimator:
        estimator = self._estimator(scorer, stage)
        if not stage.problem.config.estimate.correction_networks:
            return estimator
        correction, trained = self._correction(estimator, stage, origin=origin)
        return estimator if correction is None else Corrected(estimator, correction, trained)

    def _correction(
        self, estimator: Estimator, stage: Stage, *, origin: Origin
    ) -> tuple[Correction | None, dict[str, float]]:
        """Score a few networks, train them for a short while, and fit a correction of the scores.

        They are spread over the sizes of the space. The archive keeps their values, so that a resumed run fits the same
        correction.

        Returns:
            The correction, None if too few networks live; and losses after short training runs by genome as text.
        """
        problem = stage.problem
        genomes = stratified_by_size(
            problem.space,
            numpy_rng(problem.config.seed, "correction networks"),
            n=problem.config.estimate.correction_networks,
            bounds=problem.measures.bounds,
        )
        short = self._estimator(ShortTraining(problem.config.estimate.steps), replace(stage, supernet=None))
        trained = self._evaluated(short, stage.problem, genomes, origin=Origin.SHORT_TRAINING)
        scored = self._evaluated(estimator, stage.problem, genomes, origin=origin, stage=stage.number)
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
        found = {"n": len(pairs)} if correction is None else correction.facts
        known = self.run.facts().corrections
        self.run.store(corrections={**known, origin: CorrectionFacts(**found, is_used=correction is not None)})
        return correction, {truth.genome: truth.values["loss"] for truth in trained if truth.is_ok}

    def _evaluated(
        self, estimator: Estimator, problem: NetworkProblem, genomes: Genomes, *, origin: Origin, stage: int = 0
    ) -> list[Evaluation]:
        costs = problem.costs(self.run.scaling)
        evaluator = Evaluator(estimator, self.run, costs=costs, origins=(origin,), stage=stage)
        self.observer.phase(f"correction: {origin.replace('_', ' ')}", total=len(genomes))
        found = []
        for row in evaluator.evaluate(genomes, origin=origin):
            found.append(row)
            self.observer.advance(len(found))
        return found

    def _estimator(self, scorer: Scorer, stage: Stage) -> NetworkEstimator:
        return NetworkEstimator(
            scorer,
            stage.problem.space,
            folder=self.run.path,
            checkpoint=None if stage.supernet is None else checkpoint_of(stage.number, stage.supernet),
            policy=EvaluationPolicy.of(stage.problem.config),
            has_latency="latency" in stage.problem.measures.table,
        )
