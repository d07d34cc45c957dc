"""Scores of some networks by one fidelity, kept in the archive; those that it holds are not made again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evonas.evaluation.estimator import Estimator, evaluate
from evonas.progress import Observer
from evonas.run.problems.network_problem import NetworkProblem
from evonas.spaces.genome import from_text
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import NetworkScore


def score_all(
    run: RunFolder,
    problem: NetworkProblem,
    genomes: Sequence[str],
    estimator: Estimator,
    *,
    stage: int,
    title: str,
    observer: Observer,
) -> list[NetworkScore]:
    """Score networks.

    Args:
        run: Where scores are kept.
        problem: Counts what cannot be scored.
        genomes: In text form.
        estimator: Gives the scores.
        stage: Whose supernet they come from; 0 where there is none.
        title: Of the phase, for people.
        observer: Receives progress updates.

    Returns:
        In the order given.
    """
    known = {one.genome: one for one in run.scores() if one.fidelity == estimator.fidelity and one.stage == stage}
    fresh = [genome for genome in dict.fromkeys(genomes) if genome not in known]
    observer.phase(title, total=len(fresh))
    if fresh:
        vectors = np.stack([from_text(genome, problem.space.genes) for genome in fresh])
        outcomes = evaluate(estimator, vectors, costs=problem.costs(run.scaling))
        for done, (genome, outcome) in enumerate(zip(fresh, outcomes, strict=True), start=1):
            values = outcome.values
            known[genome] = NetworkScore(
                genome,
                estimator.fidelity,
                stage,
                0,
                quality=values.get(f"scored_{problem.measures.quality}"),
                loss=values.get("scored_loss"),
                reason=outcome.reason,
                seconds=outcome.seconds,
            )
            run.append_score(known[genome])
            observer.advance(done)
    return [known[genome] for genome in genomes]
