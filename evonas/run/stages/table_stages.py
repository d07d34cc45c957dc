"""Stages of a table space: values are looked up, nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evonas.evaluation.estimator import EvaluationPolicy
from evonas.evaluation.lookup import TableEstimator
from evonas.progress import Observer
from evonas.run.expansion import Expansion
from evonas.run.problems.table_problem import TableProblem
from evonas.run.stages.search_stage import SearchStage, StageFactory, unlocked
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder


class TableStages(StageFactory[TableProblem]):
    """See :class:`StageFactory`.

    Args:
        run: The folder.
        problem: The run's, as it starts.
        observer: Receives progress updates.
    """

    def __init__(self, run: RunFolder, problem: TableProblem, observer: Observer) -> None:
        del run, observer
        self.problem = problem

    def first(self) -> SearchStage[TableProblem]:
        """See :class:`StageFactory`."""
        return SearchStage(0, self.problem)

    def after(self, stage: SearchStage[TableProblem], expansions: Sequence[Expansion]) -> SearchStage[TableProblem]:
        """See :class:`StageFactory`."""
        return replace(stage, problem=stage.problem.unlocked(unlocked(stage.problem.space, expansions)))

    def estimator(self, stage: SearchStage[TableProblem]) -> TableEstimator:
        """See :class:`StageFactory`."""
        return TableEstimator(stage.problem.space, EvaluationPolicy.of(stage.problem.config))

    def deliver(
        self, stage: SearchStage[TableProblem], origins: Mapping[Origin, int], *, may_go_on: Callable[[], bool]
    ) -> None:
        """See :class:`StageFactory`; a table's errors are what they are."""
        del stage, origins, may_go_on
