"""Search stages of a network space: supernets that grow with it, estimates, and the trainings that they rest on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evonas.evaluation.estimated import Estimated
from evonas.evaluation.estimator import Estimator, EvaluationPolicy
from evonas.evaluation.network_estimator import NetworkEstimator
from evonas.evaluation.scorers import InheritedWeights, Scorer, ShortTraining
from evonas.evaluation.scoring_context import Checkpoint
from evonas.progress import Observer
from evonas.run.expansion import Expansion
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.stages.search_stage import SearchStage, StageFactory, unlocked
from evonas.run.stages.supernet_store import SupernetStore, checkpoint_of
from evonas.run.torchrun import release
from evonas.run.trainings.anchors import anchored
from evonas.run.trainings.knowledge import Knowledge, store_beliefs
from evonas.run.trainings.last_part import Brief, LastPart
from evonas.run.trainings.trainer import Trainer
from evonas.training.network_training import brief_steps
from objectives import QUALITIES, Fidelity
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder

Stage = SearchStage[NetworkProblem]
STARVED = 2 / 3  # of chance: the median error by inherited weights from which on a supernet counts as hardly trained


class SupernetStages(StageFactory[NetworkProblem]):
    """See :class:`StageFactory`; the supernet grows with the space.

    Args:
        run: The folder; checkpoints, and what trainings showed, are kept there.
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
        """See :class:`StageFactory`; inherited weights, or short training runs, and what anchors say of them."""
        brief = self._brief(stage)
        scored = brief if stage.supernet is None else self._scoring(InheritedWeights(), stage)
        looks = [brief] if self._has_brief(stage) and stage.problem.config.search.trainings else []
        ladder = anchored(
            self.run,
            self.problem,
            stage.problem,
            [scored, *looks],
            self._trainer(stage),
            stage=stage.number,
            observer=self.observer,
        )
        return Estimated(scored, ladder, quality=stage.problem.measures.quality)

    def deliver(self, stage: Stage, origins: Mapping[Origin, int], *, may_go_on: Callable[[], bool]) -> None:
        """See :class:`StageFactory`; by the whole recipe."""
        trainer = self._trainer(stage)
        share = brief_steps(stage.problem.config, len(stage.problem.dataset.train)) / trainer.steps
        part = LastPart(
            self.run,
            stage.problem,
            Brief(self._brief(stage), share) if self._has_brief(stage) else None,
            trainer,
            stage=stage.number,
            may_go_on=may_go_on,
            observer=self.observer,
        )
        self.run.store(heldout_images=stage.problem.heldout_images)
        done = dict.fromkeys(origins, 0)
        for origin, n in origins.items():
            done[origin] = part.train(origin, min(n, done.get(Origin.SEARCH, n) if origin != Origin.SEARCH else n))
        if any(done.values()):
            scores = self.run.scores()
            store_beliefs(self.run, Knowledge(self.run, stage.problem, stage=stage.number, scores=scores))

    def warnings(self) -> list[str]:
        """See :class:`StageFactory`."""
        trained = [one for one in self.run.scores() if one.fidelity == Fidelity.TRAINED]
        failed = [one.reason for one in trained if one.reason]
        told = [f"{len(failed)} of {len(trained)} whole trainings failed: {failed[0]}"] if failed else []
        odd = [warnings[0] for one in trained if (warnings := json.loads(one.warnings))]
        told += [f"quantizers of {len(odd)} of {len(trained)} trained networks look unhealthy: {odd[0]}"] if odd else []
        silent = [
            f"what networks score ({fidelity}) says nothing of what {found.n} trainings reached; errors that were not "
            "measured are guesses from costs alone"
            for fidelity, found in self.run.facts().estimates.items()
            if found.n and not found.is_used
        ]
        return [*told, *self._starved(), *silent]

    def _starved(self) -> list[str]:
        """Whether the supernet's weights are hardly better than guessing."""
        quality = self.problem.measures.quality
        chance, column = self.run.facts().bounds[quality][1], f"scored_{quality}"
        rows = self.run.evaluations(origin=Origin.SEARCH, columns=[column, "fidelity"], as_searched=True)
        scored = rows.loc[rows["fidelity"] == Fidelity.INHERITED, column].dropna()
        if scored.empty or scored.median() < STARVED * chance:
            return []
        if quality != "error":
            title = QUALITIES[quality].title
            return [
                f"the supernet was hardly trained: with its weights, half of the networks have a {title} of "
                f"{scored.median():.0%} and more, where guessing has {chance:.0%}; raise steps under [supernet]"
            ]
        return [
            "the supernet was hardly trained: with its weights, half of the networks are wrong on "
            f"{scored.median():.0%} of the held-out images and more, where guessing is on {chance:.0%}; raise steps "
            "under [supernet]"
        ]

    @staticmethod
    def _has_brief(stage: Stage) -> bool:
        """Whether networks may be trained for a short while before it is decided which are trained to the end."""
        wanted = stage.problem.config.search.has_brief_trainings
        assert wanted != "auto", "a run's own file says what was chosen"
        return wanted and stage.supernet is not None

    def _brief(self, stage: Stage) -> NetworkEstimator:
        """Trainings from scratch for a short while: a quarter of the whole recipe, if the run file says nothing."""
        steps = brief_steps(stage.problem.config, len(stage.problem.dataset.train))
        return self._scoring(ShortTraining(steps), replace(stage, supernet=None))

    def _trainer(self, stage: Stage) -> Trainer:
        return Trainer(self.run, stage.problem, supernet=self._checkpoint(stage), stage=stage.number)

    def _scoring(self, scorer: Scorer, stage: Stage) -> NetworkEstimator:
        return NetworkEstimator(
            scorer,
            stage.problem.space,
            folder=self.run.path,
            checkpoint=self._checkpoint(stage),
            policy=EvaluationPolicy.of(stage.problem.config),
            quality=stage.problem.measures.quality,
            has_latency="latency" in stage.problem.measures.table,
        )

    @staticmethod
    def _checkpoint(stage: Stage) -> Checkpoint | None:
        return None if stage.supernet is None else checkpoint_of(stage.number, stage.supernet)
