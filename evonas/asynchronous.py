"""A search without generations: whoever comes free gets the next network, and what is known by then decides which."""

from __future__ import annotations

from collections import deque

import numpy as np

from evonas.costs import Costs
from evonas.errors import RunFolderError
from evonas.expansion import Expansion
from evonas.exploration import Exploration, check_alive
from evonas.genome import Genome, from_text, to_text
from evonas.measures import Outcome
from evonas.operators import Genomes, random_genomes
from evonas.parallel import Crew
from evonas.seeding import numpy_rng
from evonas.stopping import StopReason
from reports.run_folder import Row

IN_FLIGHT = "in_flight"
"""The run's fact of how many networks were out at a time: pairs of evaluations known by then, and that number."""


class Asynchronous(Exploration):
    """Keeps every worker busy: the algorithm is asked anew as soon as its last genome is handed out.

    It is told then of all that came back meanwhile. Which networks it asks for depends on the order in which results
    come in, and on how many are out at a time. The archive holds the one, and the run's facts the other; so a resumed
    run asks its questions again in that order, and hands out what was being evaluated when it stopped.
    """

    def search(self) -> StopReason:
        """Search until the run file says stop."""
        self._queue: deque[Genome] = deque()
        self._handed: set[str] = set()
        self._news: list[Row] = []  # that the algorithm has not heard of
        self._refused: Genomes = np.empty((0, len(self.costs.space.genes)), dtype=np.int64)
        self._asks, self._n_asked = 0, 0
        self._n_alive = 0
        self._filler = numpy_rng(self.stage.setup.config.seed, "asynchronous search, to begin with")
        self._in_flight: list[list[int]] = self.run.meta(IN_FLIGHT) or []
        self._announce()
        while True:
            end = self._searched()
            if isinstance(end, StopReason):
                if end is StopReason.TIME_SPENT or len(self.rows) == self._ended_after:
                    self.run.set_meta("time_spent_after", len(self.rows))
                    return StopReason.TIME_SPENT
                return end
            self._enter(end, self._asks)

    def _searched(self) -> StopReason | tuple[Expansion, ...]:
        """Search until the end, or until a stage ends, which nothing may be out for."""
        stage = self.stage.number
        stored = [row for row in self.run.rows() if row.origin == "search" and row.stage == stage]
        known = {row.genome for row in self.rows if row.stage == stage}  # scored anew as the stage began
        replay = deque(row for row in stored if row.genome not in known)
        answered = {row.genome for row in replay}
        estimator = self.evaluator.estimator
        out: dict[str, int] = {}  # genomes by text, and the question that they answer
        end: StopReason | tuple[Expansion, ...] | None = None
        with estimator.crew() as crew:
            sent: dict[int, Genome] = {}
            while True:
                while end is None and len(out) < self._target(crew, is_replay=bool(replay)):
                    is_spent = len(self._handed) >= (self._ended_after or self.settings.budget)
                    if is_spent and not self._was_entered:
                        end = StopReason.BUDGET_SPENT
                    elif (end := self._ask()) is None:
                        genome = self._queue[0]
                        key = to_text(genome)
                        if key not in answered and not self._may_go_on():
                            end = StopReason.TIME_SPENT
                            break
                        self._queue.popleft()
                        self._handed.add(key)
                        out[key] = self._asks
                        if key not in answered:
                            sent[crew.submit(*estimator.job(genome))] = genome
                if not out:
                    assert end is not None
                    self._hear()
                    return end
                if replay:
                    self._take(self._replayed(replay.popleft(), out))
                else:
                    number, outcome = crew.next_done()
                    genome = sent.pop(number)
                    self._take(self._stored(genome, estimator.finished(genome, outcome), out))

    def _target(self, crew: Crew[Outcome], *, is_replay: bool) -> int:
        """How many networks shall be out at a time: as many as there are workers, now or when this was first done."""
        known = len(self.rows)
        if not is_replay:
            n = crew.backend.capacity
            after, before = self._in_flight[-1] if self._in_flight else (-1, 0)
            # fewer count from the next result on: as many as before may be out by now
            if (after < known and n != before) or n > before:
                self._in_flight = [entry for entry in self._in_flight if entry[0] < known] + [[known, n]]
                self.run.set_meta(IN_FLIGHT, self._in_flight)
        return [n for after, n in self._in_flight if after <= known][-1]

    def _ask(self) -> StopReason | tuple[Expansion, ...] | None:
        """Have a genome in the queue; or why there is none."""
        while not self._queue:
            self._hear()
            counts = {"n": len(self.rows), "n_new": self._n_asked if self._asks else 1, "stage": self.stage.number}
            reason = self.stopping.after(self._asks - 1, **counts, volume=self.found.volume)
            if reason is not None:
                return reason
            if expansions := self._earned():
                return expansions
            needs_more = self._asks and self._n_alive < self.algorithm.least_told
            asked = self._random() if needs_more else self.algorithm.ask()
            if len(asked) == 0:
                return StopReason.SPACE_EXHAUSTED
            self._asks += 1
            is_within = self.costs.within_bounds(self.costs.told(asked)[1])
            self._refused = np.concatenate([self._refused, asked[~is_within]])
            fresh = [genome for genome in asked[is_within] if to_text(genome) not in self._handed]
            self._queue.extend(fresh)
            self._n_asked = len(fresh)
        return None

    def _random(self) -> Genomes:
        """Genomes to begin with, where workers come free before the algorithm has heard enough to ask again."""
        space: Costs = self.costs
        return random_genomes(space.space, self._filler, n=self.settings.population, known=self._handed)

    def _hear(self) -> None:
        """Tell the algorithm what came back since it was asked last."""
        alive = [row for row in self._news if row.is_ok]
        if alive and not self._n_alive:
            self._set_scale(alive)
        if not alive and self._news and len(self.rows) >= self.settings.population and not self._n_alive:
            check_alive(self.rows, "all networks so far")
        self._n_alive += len(alive)
        self.found.add(self._news)
        genes = self.stage.setup.space.genes
        genomes = np.array([from_text(row.genome, genes) for row in alive], dtype=np.int64).reshape(-1, len(genes))
        points, violations = self._told(alive)
        beyond = self.costs.told(self._refused)
        if alive or len(self._refused):
            self.algorithm.tell(
                np.concatenate([genomes, self._refused]),
                np.concatenate([points, beyond[0]]),
                np.concatenate([violations, beyond[1]]),
            )
        self._news, self._refused = [], self._refused[:0]
        self._keep_facts()

    def _take(self, row: Row) -> None:
        self.rows.append(row)
        self._news.append(row)
        self.observer.advance(len(self.rows), note=f"hypervolume {self.found.volume:.3f}")

    def _stored(self, genome: Genome, outcome: Outcome, out: dict[str, int]) -> Row:
        key = to_text(genome)
        return self.evaluator.take(key, outcome, origin="search", generation=out.pop(key))

    def _replayed(self, row: Row, out: dict[str, int]) -> Row:
        if row.genome not in out:
            raise RunFolderError(
                "an archive that this search wrote",
                found=f"an evaluation of {row.genome}, which it does not ask for there",
                remedy="start a new run; this one cannot be gone on with",
            )
        out.pop(row.genome)
        return row
