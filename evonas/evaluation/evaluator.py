"""Genomes in, objective values out: each network once, every result stored in the archive as it finishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from evonas.evaluation.costs import Costs
from evonas.evaluation.estimator import Estimator, evaluate
from evonas.evaluation.job import Outcome
from evonas.spaces.genome import Genomes, to_text
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation


class Evaluator:
    """Evaluates genomes and stores each evaluation in the archive as it finishes.

    Evaluations that the archive holds are taken from there: a network is evaluated once, and a resumed run repeats
    nothing.

    Args:
        estimator: Gives the values.
        folder: The run.
        costs: Counts what needs no evaluation.
        origins: Origins under which it stores; an evaluation stored under any of them is reused.
        stage: The search stage; evaluations of other stages are not reused.
    """

    def __init__(
        self, estimator: Estimator, folder: RunFolder, *, costs: Costs, origins: Sequence[str], stage: int = 0
    ) -> None:
        self.estimator, self.folder, self.costs, self.stage = estimator, folder, costs, stage
        self._known: dict[str, Evaluation] = {}
        self._stored: set[tuple[str, str]] = set()
        for row in folder.rows():
            if row.stage == stage and row.origin in origins:
                self._known.setdefault(row.genome, row)
                self._stored.add((row.origin, row.genome))

    def evaluate(
        self,
        genomes: Genomes,
        *,
        origin: str,
        generation: int = 0,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Evaluation]:
        """Evaluate genomes, giving each as soon as it and all before it are stored.

        Args:
            genomes: Repaired, distinct, ``(n, n_genes)``.
            origin: One of ``origins``; stored with each.
            generation: Stored with each.
            may_go_on: Asked before each evaluation that is not in the archive; False ends the iteration.

        Yields:
            One evaluation per genome, in the order given.
        """
        keys = list(map(to_text, genomes))
        is_fresh = np.array([key not in self._known for key in keys], dtype=bool)
        outcomes = evaluate(self.estimator, genomes[is_fresh], costs=self.costs)
        for key in keys:
            if key not in self._known:
                if not may_go_on():
                    return
                self._known[key] = self._evaluation(key, next(outcomes), origin=origin, generation=generation)
            yield self._store(key, origin, generation)

    def store(self, key: str, outcome: Outcome, *, origin: str, generation: int) -> Evaluation:
        """Store an evaluation that was made elsewhere; ``key`` is the genome's text."""
        self._known[key] = self._evaluation(key, outcome, origin=origin, generation=generation)
        return self._store(key, origin, generation)

    def _evaluation(self, key: str, outcome: Outcome, *, origin: str, generation: int) -> Evaluation:
        return Evaluation(origin, generation, key, *outcome, stage=self.stage, fidelity=self.estimator.fidelity)

    def _store(self, key: str, origin: str, generation: int) -> Evaluation:
        row = self._known[key]
        if (row.origin, row.generation) != (origin, generation):
            row = replace(row, origin=origin, generation=generation)
        if (origin, key) not in self._stored:
            self.folder.append(row)
            self._stored.add((origin, key))
        return row
