"""The trainings before a search: a few networks of all sizes, by the whole recipe, that estimates rest on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.evaluation.estimator import Estimator, evaluate
from evonas.progress import Observer
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.trainings.knowledge import Knowledge, facts_of
from evonas.run.trainings.trainer import Trainer
from evonas.seeding import numpy_rng
from evonas.spaces.genome import Genomes, to_text
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
    estimator: Estimator,
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
        estimator: Gives the scores that estimates will rest on.
        trainer: Trains by the whole recipe.
        stage: The search stage.
        observer: Receives progress updates.
    """
    genomes = _genomes(first)
    names = [to_text(genome) for genome in genomes]
    scores = _scored(run, problem, genomes, estimator, stage=stage, observer=observer)
    observer.phase("training anchors", total=len(genomes))
    for done, score in enumerate(trainer.train(names), start=1):
        scores.append(score)
        observer.advance(done)
    _enter(run, problem, genomes, scores, stage=stage)
    of_anchors = [score for score in run.scores() if score.genome in set(names) and score.reason == ""]
    ladder = Knowledge(run, problem, stage=stage, scores=of_anchors).ladder(taught_by=(Origin.ANCHOR,))
    run.store(estimates=facts_of(ladder))
    return ladder


def anchor_scores(run: RunFolder) -> list[NetworkScore]:
    """What the anchors of a run showed: all that was known before the search."""
    anchors = set(run.evaluations(origin=Origin.ANCHOR, columns=["genome"])["genome"])
    return [score for score in run.scores() if score.genome in anchors]


def _genomes(problem: NetworkProblem) -> Genomes:
    if not problem.config.estimate.anchors:
        return np.empty((0, len(problem.space.genes)), dtype=np.int64)
    return stratified_by_size(
        problem.space,
        numpy_rng(problem.config.seed, "anchors"),
        n=problem.config.estimate.anchors,
        bounds=problem.measures.bounds,
    )


def _scored(
    run: RunFolder, problem: NetworkProblem, genomes: Genomes, estimator: Estimator, *, stage: int, observer: Observer
) -> list[NetworkScore]:
    """Scores of the anchors by the estimator's fidelity; those that the run holds are not made again."""
    known = {one.genome: one for one in run.scores() if one.fidelity == estimator.fidelity and one.stage == stage}
    fresh = [genome for genome in genomes if to_text(genome) not in known]
    observer.phase(f"scoring anchors ({estimator.fidelity})", total=len(fresh))
    if fresh:
        outcomes = evaluate(estimator, _stack(fresh), costs=problem.costs(run.scaling))
        for done, (genome, outcome) in enumerate(zip(fresh, outcomes, strict=True), start=1):
            values = outcome.values
            score = NetworkScore(
                to_text(genome),
                estimator.fidelity,
                stage,
                0,
                error=values.get("scored_error"),
                loss=values.get("scored_loss"),
                reason=outcome.reason,
                seconds=outcome.seconds,
            )
            run.append_score(score)
            known[score.genome] = score
            observer.advance(done)
    return [known[to_text(genome)] for genome in genomes]


def _enter(
    run: RunFolder, problem: NetworkProblem, genomes: Genomes, scores: list[NetworkScore], *, stage: int
) -> None:
    """Store the anchors as evaluations of this stage, each with its measured error."""
    counted = problem.costs(run.scaling).counted(genomes)
    trained = {one.genome: one for one in scores if one.fidelity == Fidelity.TRAINED}
    scored = {one.genome: one for one in scores if one.fidelity != Fidelity.TRAINED}
    for genome, cost in zip(genomes, counted, strict=True):
        whole, first = trained[to_text(genome)], scored[to_text(genome)]
        reason = cost.reason or first.reason or whole.reason
        found = {"error": whole.error, "scored_error": first.error, "scored_loss": first.loss}
        values = cost.values | {name: value for name, value in found.items() if value is not None}
        row = Evaluation(Origin.ANCHOR, 0, whole.genome, {}, reason, whole.seconds, stage, Fidelity.TRAINED)
        run.append(row if reason else replace(row, values=values))


def _stack(genomes: list[np.ndarray]) -> Genomes:
    return np.stack(genomes)
