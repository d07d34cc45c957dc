"""Genomes in, objective values out: in parallel, each network once, every result kept as it finishes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from evonas.backends import ALONE, Workers
from evonas.genome import Genome, to_text
from evonas.measures import LOST_WORKER, OUT_OF_TIME, PASSING, Outcome, looked_up
from evonas.operators import Genomes
from evonas.parallel import Crew, TimeIsUpError, in_order, time_limit
from evonas.spaces import TableSpace
from reports.run_folder import Row, RunFolder


class Estimator(ABC):
    """Gives every genome its values; a pure function of the genome, save for measured times."""

    @abstractmethod
    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """Outcomes in the order of the genomes, each as soon as it and all before it are there."""

    @abstractmethod
    def crew(self) -> Crew[Outcome]:
        """Workers that take the jobs of genomes at any time; for a search that waits for no generation."""

    @abstractmethod
    def job(self, genome: Genome) -> tuple[Any, ...]:
        """What a worker of the :meth:`crew` gets."""

    @abstractmethod
    def finished(self, genome: Genome, outcome: Outcome) -> Outcome:
        """The whole outcome, from what a worker of the :meth:`crew` found."""


class LookUp(Estimator):
    """Looks values up in a space that is a table of results, or asks a formula of the user's.

    Args:
        space: The table.
        workers: Who evaluates a formula that is slow.
        seconds_a_network: After which an evaluation has failed; 0: no limit.
        retries: Further tries of what failed for a reason that may pass.
    """

    def __init__(
        self, space: TableSpace, *, workers: Workers = ALONE, seconds_a_network: float = 0.0, retries: int = 0
    ) -> None:
        self.space, self.workers = space, workers if space.is_slow else ALONE
        self.seconds_a_network, self.retries = seconds_a_network, retries

    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """See :class:`Estimator`."""
        for genome, outcome in zip(genomes, self._outcomes(genomes), strict=True):
            yield self.finished(genome, outcome)

    def crew(self) -> Crew[Outcome]:
        """See :class:`Estimator`."""
        return Crew(_timed_look_up, self.workers, on_loss=lost)

    def job(self, genome: Genome) -> tuple[Any, ...]:
        """See :class:`Estimator`."""
        return self.space, genome, self.seconds_a_network

    def finished(self, genome: Genome, outcome: Outcome) -> Outcome:
        """See :class:`Estimator`."""
        return retried(outcome, partial(self._again, genome), retries=self.retries)

    def _again(self, genome: Genome) -> Outcome:
        return next(self._outcomes([genome]))

    def _outcomes(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        jobs = list(map(self.job, genomes))
        return in_order(_timed_look_up, jobs, workers=self.workers, on_loss=lost)


def _timed_look_up(space: TableSpace, genome: Genome, seconds: float) -> Outcome:
    start = time.perf_counter()
    try:
        with time_limit(seconds):
            outcome = looked_up(space, genome)
    except TimeIsUpError:
        outcome = Outcome({}, OUT_OF_TIME)
    return outcome._replace(seconds=time.perf_counter() - start)


def retried(outcome: Outcome, again: Callable[[], Outcome], *, retries: int) -> Outcome:
    """Try again what failed for a reason that may pass; what failed for another would fail again."""
    for _ in range(retries):
        if outcome.reason.startswith(PASSING):
            outcome = again()
    return outcome


def lost() -> Outcome:
    """The outcome of a network that cost its worker its life."""
    return Outcome({}, LOST_WORKER)


class Evaluator:
    """Evaluates genomes and stores each evaluation in the archive as it finishes.

    What the archive holds already is answered from there: a network is evaluated once, and a resumed run repeats
    nothing.

    Args:
        estimator: Gives the values.
        folder: The run.
        origins: Names under which it stores; evaluations of one answer for another.
        stage: Evaluations of other stages do not answer for this one.
    """

    def __init__(self, estimator: Estimator, folder: RunFolder, *, origins: Sequence[str], stage: int = 0) -> None:
        self.estimator, self.folder, self.stage = estimator, folder, stage
        self._known: dict[str, Row] = {}
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
    ) -> Iterator[Row]:
        """Evaluate genomes, giving each as soon as it and all before it are stored.

        Args:
            genomes: Repaired, distinct, ``(n, n_genes)``.
            origin: One of ``origins``; stored with each.
            generation: Stored with each.
            may_go_on: Asked before each evaluation that the archive does not answer; ends the iteration if not.

        Yields:
            One row a genome, in the order given.
        """
        keys = list(map(to_text, genomes))
        fresh = [genome for genome, key in zip(genomes, keys, strict=True) if key not in self._known]
        outcomes = self.estimator.evaluate(fresh)
        for key in keys:
            if key not in self._known:
                if not may_go_on():
                    return
                self._known[key] = Row(origin, generation, key, *next(outcomes), stage=self.stage)
            yield self._stored_row(key, origin, generation)

    def take(self, key: str, outcome: Outcome, *, origin: str, generation: int) -> Row:
        """Store an evaluation that was made elsewhere; ``key`` is the genome's text."""
        self._known[key] = Row(origin, generation, key, *outcome, stage=self.stage)
        return self._stored_row(key, origin, generation)

    def _stored_row(self, key: str, origin: str, generation: int) -> Row:
        row = self._known[key]
        if (row.origin, row.generation) != (origin, generation):
            row = replace(row, origin=origin, generation=generation)
        if (origin, key) not in self._stored:
            self.folder.append(row)
            self._stored.add((origin, key))
        return row
