"""A search without generations: a free worker gets the next network, chosen by the results so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np

from evonas.errors import RunFolderError
from evonas.evaluation.estimator import complete
from evonas.evaluation.job import Outcome
from evonas.evaluation.workers.pool import WorkerPool
from evonas.run.expansion import Expansion
from evonas.run.state import SearchState, check_alive
from evonas.run.stopping import StopReason
from evonas.seeding import numpy_rng
from evonas.spaces.genome import Genome, Genomes, from_text, to_text
from evonas.spaces.sampling import random_genomes
from reports.run_folder.facts import Origin
from reports.run_folder.schema import Evaluation


def steady_state(state: SearchState) -> StopReason:
    """Search until the run file says stop, with every worker busy.

    The algorithm is asked again as soon as its last genome is handed out, and is then told all results that came
    meanwhile. Which networks it asks for depends on the order in which results come in, and on how many are out at a
    time. The archive holds the one, and the run's facts the other; so a resumed run asks its questions again in that
    order, and hands out what was being evaluated when it stopped.
    """
    driver = _SteadyState(state)
    state.announce()
    while True:
        end = driver.search_stage()
        if isinstance(end, StopReason):
            if end is StopReason.TIME_SPENT or len(state.rows) == state.ended_after:
                state.run.store(time_spent_after=len(state.rows))
                return StopReason.TIME_SPENT
            return end
        state.enter(end, driver.n_asks)


End = StopReason | tuple[Expansion, ...]
"""Why a stage ended: the search ends, or widths were earned."""


class _SteadyState:
    """Networks that are being evaluated, and results that the algorithm was not told yet.

    Attributes:
        n_asks: How often the algorithm was asked.
    """

    def __init__(self, state: SearchState) -> None:
        self.state, self.n_asks = state, 0
        self._queue: deque[Genome] = deque()
        self._handed: set[str] = set()
        self._news: list[Evaluation] = []  # that the algorithm was not told of
        self._refused: Genomes = np.empty((0, len(state.problem.space.genes)), dtype=np.int64)
        self._n_asked = self._n_alive = 0
        self._filler = numpy_rng(state.problem.config.seed, "asynchronous search, to begin with")
        self._in_flight = list(state.run.facts().in_flight)

    def search_stage(self) -> End:
        """Search until the end, or until a stage ends: then no network may still be in evaluation."""
        state = self.state
        stage, estimator = state.stage.number, state.evaluator.estimator
        stored = [row for row in state.run.rows() if row.origin == Origin.SEARCH and row.stage == stage]
        known = {row.genome for row in state.rows if row.stage == stage}  # scored anew as the stage began
        replay = deque(row for row in stored if row.genome not in known)
        answered = {row.genome for row in replay}
        out: dict[str, int] = {}  # genomes by text, and the question that they answer
        end: End | None = None
        with estimator.pool() as pool:
            sent: dict[int, Genome] = {}
            while True:
                while end is None and len(out) < self._target(pool, is_replay=bool(replay)):
                    is_spent = len(self._handed) >= (state.ended_after or state.settings.budget)
                    if is_spent and not state.was_entered:
                        end = StopReason.BUDGET_SPENT
                    elif (end := self._ask(out)) is None:
                        genome = self._queue[0]
                        key = to_text(genome)
                        if key not in answered and not state.may_go_on:
                            end = StopReason.TIME_SPENT
                            break
                        self._queue.popleft()
                        self._handed.add(key)
                        out[key] = self.n_asks
                        if key not in answered:
                            sent[self._submit(pool, genome)] = genome
                if not out:
                    assert end is not None
                    self._tell()
                    return end
                if replay:
                    self._take(_replayed(replay.popleft(), out))
                else:
                    number, outcome = pool.next_done()
                    self._take(self._stored(sent.pop(number), outcome, out))

    def _submit(self, pool: WorkerPool[Outcome], genome: Genome) -> int:
        return pool.submit(self.state.evaluator.estimator.job(genome))

    def _target(self, pool: WorkerPool[Outcome], *, is_replay: bool) -> int:
        """How many networks to evaluate at a time: as many as there are workers, now or when this was first done."""
        known = len(self.state.rows)
        if not is_replay:
            n = pool.backend.capacity
            after, before = self._in_flight[-1] if self._in_flight else (-1, 0)
            # fewer count from the next result on: as many as before may be out by now
            if (after < known and n != before) or n > before:
                self._in_flight = [*(entry for entry in self._in_flight if entry[0] < known), (known, n)]
                self.state.run.store(in_flight=self._in_flight)
        return [n for after, n in self._in_flight if after <= known][-1]

    def _ask(self, out: Collection[str]) -> End | None:
        """Make sure that a genome is in the queue, given what is being evaluated; or return why there is none."""
        state = self.state
        while not self._queue:
            self._tell()
            counts = {"n": len(state.rows), "n_new": self._n_asked if self.n_asks else 1, "stage": state.stage.number}
            reason = state.stopping.after(self.n_asks - 1, **counts, volume=state.front.volume)
            if reason is not None:
                return reason
            if expansions := state.earned():
                return expansions
            needs_more = self.n_asks and self._n_alive < state.algorithm.min_evaluations
            asked = self._random() if needs_more else state.algorithm.ask(self._awaited(out))
            if len(asked) == 0:
                return StopReason.SPACE_EXHAUSTED
            self.n_asks += 1
            is_within = state.costs.within_bounds(self._known(asked)[1])
            self._refused = np.concatenate([self._refused, asked[~is_within]])
            fresh = [genome for genome in asked[is_within] if to_text(genome) not in self._handed]
            self._queue.extend(fresh)
            self._n_asked = len(fresh)
        return None

    def _awaited(self, out: Collection[str]) -> Genomes:
        genes = self.state.problem.space.genes
        return np.array([from_text(key, genes) for key in out], dtype=np.int64).reshape(-1, len(genes))

    def _known(self, genomes: Genomes) -> tuple[np.ndarray, np.ndarray]:
        """Objectives and violations that are known before an evaluation."""
        costs = self.state.costs
        return costs.objectives_and_violations(costs.columns(genomes), len(genomes))

    def _random(self) -> Genomes:
        """Random genomes, where workers are free before the algorithm was told enough to be asked again."""
        n, space = self.state.settings.population, self.state.problem.space
        return random_genomes(space, self._filler, n=n, known=self._handed)

    def _tell(self) -> None:
        """Tell the algorithm what came back since it was asked last."""
        state = self.state
        alive = [row for row in self._news if row.is_ok]
        if alive and not self._n_alive:
            state.set_scale(alive)
        if not alive and self._news and len(state.rows) >= state.settings.population and not self._n_alive:
            check_alive(state.rows, "all networks so far")
        self._n_alive += len(alive)
        state.front.add(self._news)
        if alive or len(self._refused):
            told = zip(state.told(alive), (self._refused, *self._known(self._refused)), strict=True)
            state.algorithm.tell(*(np.concatenate(pair) for pair in told))
        self._news, self._refused = [], self._refused[:0]
        state.keep_facts()

    def _take(self, row: Evaluation) -> None:
        self.state.rows.append(row)
        self._news.append(row)
        self.state.observer.advance(len(self.state.rows), note=f"hypervolume {self.state.front.volume:.3f}")

    def _stored(self, genome: Genome, outcome: Outcome, out: dict[str, int]) -> Evaluation:
        state, key = self.state, to_text(genome)
        (cost,) = state.costs.counted(genome[None])
        final = cost if cost.reason else complete(state.evaluator.estimator, genome, outcome, cost=cost)
        return state.evaluator.store(key, final, origin=Origin.SEARCH, generation=out.pop(key))


def _replayed(row: Evaluation, out: dict[str, int]) -> Evaluation:
    if row.genome not in out:
        raise RunFolderError(
            "an archive that this search wrote",
            found=f"an evaluation of {row.genome}, which it does not ask for there",
            remedy="start a new run; this one cannot be resumed",
        )
    out.pop(row.genome)
    return row
