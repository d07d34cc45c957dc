"""The trainings before a search: a few networks of all sizes, by the whole recipe, that estimates rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evonas.evaluation.estimator import Estimator
from evonas.progress import Observer
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.trainings.knowledge import Knowledge, facts_of
from evonas.run.trainings.scoring import score_all
from evonas.run.trainings.trainer import Trainer
from evonas.seeding import numpy_rng
from evonas.spaces.genome import Genomes, from_text, to_text
from evonas.spaces.sampling import stratified_by_size
from objectives import Fidelity
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation, NetworkScore
from surrogates.ladder.ladder import Ladder


def anchored(
    run: RunFolder,
    first: NetworkProblem,
    problem: NetworkProblem,
    estimators: Sequence[Estimator],
    trainer: Trainer,
    *,
    stage: int,
    observer: Observer,
) -> Ladder:
    """Train and score the anchors of a run, and learn from them what scores are worth.

    They are spread over the sizes of the space. The archive keeps what they showed, so that a resumed run learns the
    same. Without anchors, intervals are wide.

    Args:
        run: The folder.
        first: The problem of the first stage, so that all stages have the same anchors.
        problem: Space, images and settings of this one.
        estimators: Give the scores that estimates will rest on, the cheapest first.
        trainer: Trains by the whole recipe.
        stage: The search stage.
        observer: Receives progress updates.
    """
    names = [to_text(genome) for genome in _genomes(first)]
    scores: list[list[NetworkScore]] = []
    for estimator in estimators:
        of_stage = stage if estimator.fidelity == Fidelity.INHERITED else 0
        title = f"scoring anchors: {estimator.fidelity}"
        scores.append(score_all(run, problem, names, estimator, stage=of_stage, title=title, observer=observer))
    observer.phase("training anchors", total=len(names))
    trained = []
    for score in trainer.train(names):
        trained.append(score)
        observer.advance(len(trained))
    if names:
        _enter(run, problem, scores[0], trained, stage=stage)
    ladder = Knowledge(run, problem, stage=stage, scores=anchor_scores(run)).ladder(taught_by=(Origin.ANCHOR,))
    run.store(estimates=facts_of(ladder))
    return ladder


def anchor_scores(run: RunFolder) -> list[NetworkScore]:
    """What the anchors of a run showed: all that was known before the search."""
    anchors = set(run.evaluations(origin=Origin.ANCHOR, columns=["genome"])["genome"])
    return [score for score in run.scores() if score.genome in anchors]


def _genomes(problem: NetworkProblem) -> Genomes:
    measures = problem.measures
    if not problem.config.estimate.anchors or measures.quality not in {*measures.objectives, *measures.bounds}:
        return np.empty((0, len(problem.space.genes)), dtype=np.int64)
    return stratified_by_size(
        problem.space,
        numpy_rng(problem.config.seed, "anchors"),
        n=problem.config.estimate.anchors,
        bounds=problem.measures.bounds,
        table=problem.measures.table,
    )


def _enter(
    run: RunFolder, problem: NetworkProblem, scored: list[NetworkScore], trained: list[NetworkScore], *, stage: int
) -> None:
    """Store the anchors as evaluations of this stage, each with its measured error."""
    genes, quality = problem.space.genes, problem.measures.quality
    counted = problem.costs(run.scaling).counted(np.stack([from_text(one.genome, genes) for one in trained]))
    for cost, first, whole in zip(counted, scored, trained, strict=True):
        reason = cost.reason or first.reason or whole.reason
        found = {quality: whole.quality, f"scored_{quality}": first.quality, "scored_loss": first.loss}
        values = cost.values | {name: value for name, value in found.items() if value is not None}
        row = Evaluation(Origin.ANCHOR, 0, whole.genome, {}, reason, whole.seconds, stage, Fidelity.TRAINED)
        run.append(row if reason else replace(row, values=values))
