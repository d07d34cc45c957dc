"""The state of a search, with or without generations: its evaluations, its stage, what the algorithm was told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evonas.algorithms.algorithm import Floats
from evonas.algorithms.make import make_algorithm
from evonas.errors import EvaluationError
from evonas.evaluation.evaluator import Evaluator
from evonas.progress import Observer
from evonas.run.expansion import Expansion, elite, genes_to_expand
from evonas.run.problems.problem import Problem
from evonas.run.stages.search_stage import SearchStage, StageFactory
from evonas.run.stopping import FrontTracker, Stopping, feasible
from evonas.seeding import numpy_rng
from evonas.spaces.genome import Genome, Genomes, from_text, to_text
from evonas.spaces.sampling import random_genomes
from objectives.fronts.pareto import is_nondominated
from objectives.fronts.scaling import Scaling, bounds_of
from reports.run_folder.facts import ExpansionFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation

POPULATIONS_BETWEEN = 3  # populations of networks between expansions, so that the front shows the effect of one


class SearchState:
    """One search of a run.

    Args:
        run: Where evaluations go.
        stages: Make what scores networks, and let the space grow.
        stopping: Says when it ends.
        observer: Receives progress updates.

    Attributes:
        stage: The current one.
        algorithm: Asks for genomes and is told their values.
        costs: What is known of genomes before they are evaluated.
        evaluator: Evaluates them and stores the results.
        rows: Evaluations of the search, in order; those of survivors by the values of the current stage.
        front: The best of this stage, and its hypervolume.
        ended_after: Evaluations after which time ended the search before it was resumed; None if it did not.
    """

    def __init__(self, run: RunFolder, stages: StageFactory[Any], *, stopping: Stopping, observer: Observer) -> None:
        self.run, self.stages, self.stopping, self.observer = run, stages, stopping, observer
        self.stage: SearchStage[Any] = stages.first()
        problem = self.problem
        self.settings, self.measures = problem.config.search, problem.measures
        self.scaling = Scaling(run.scaling.measures, bounds=problem.provisional_box() or run.scaling.bounds)
        self.costs = problem.costs(self.scaling)
        self.evaluator = self._evaluator()
        self.algorithm = make_algorithm(self.settings, problem.space, self.costs, seed=problem.config.seed)
        self.rows: list[Evaluation] = []
        self.front = FrontTracker(self.measures, self.scaling)
        self._expanded_at = 0
        facts = run.facts()
        self.ended_after, self._expansions = facts.time_spent_after, facts.expansions

    @property
    def problem(self) -> Problem:
        """The run's, with the space of the current stage."""
        problem: Problem = self.stage.problem
        return problem

    @property
    def may_go_on(self) -> bool:
        """Whether there is time for another evaluation."""
        return not self.stopping.is_time_up

    @property
    def was_entered(self) -> bool:
        """Whether the next stage began before this run was resumed."""
        return any(entry.stage > self.stage.number for entry in self._expansions)

    def announce(self) -> None:
        """Begin the phase of searching."""
        self.observer.phase("searching", total=self.settings.budget)

    # Values

    def told(self, rows: Sequence[Evaluation]) -> tuple[Genomes, Floats, Floats]:
        """What the algorithm is told of evaluations that succeeded."""
        names = (*self.measures.objectives, *self.measures.bounds)
        values = {name: np.array([row.values[name] for row in rows], dtype=float) for name in names}
        return self.genomes(rows), *self.costs.objectives_and_violations(values, len(rows))

    def set_scale(self, alive: Sequence[Evaluation]) -> None:
        """Set the scale of a formula's hypervolumes by its first values: nothing was known before."""
        if self.problem.provisional_box():
            columns = {name: [row.values[name] for row in alive] for name in self.measures.table}
            self.run.store(bounds=bounds_of(columns))
            self.scaling = self.costs.scaling = self.front.scaling = self.run.scaling

    def genomes(self, rows: Sequence[Evaluation]) -> Genomes:
        """Genomes of evaluations, ``(n, n_genes)``."""
        genes = self.problem.space.genes
        return np.array([from_text(row.genome, genes) for row in rows], dtype=np.int64).reshape(-1, len(genes))

    def keep_facts(self) -> None:
        """Store the state of the search in the run's facts."""
        facts: dict[str, Any] = {"seconds": self.stopping.elapsed()}  # a run that is killed has spent them too
        if self.algorithm.facts:
            facts["predictors"] = self.algorithm.facts
        if self.costs.rejections:
            facts["rejections"] = dict(self.costs.rejections)
        self.run.store(**facts)

    # Stages

    def earned(self) -> tuple[Expansion, ...]:
        """Widths that the front has earned by now; nothing new when time is up."""
        settings, space = self.settings, self.problem.space
        if (not self.may_go_on and not self.was_entered) or not any(gene.n_locked for gene in space.genes):
            return ()
        if len(self.rows) - self._expanded_at < POPULATIONS_BETWEEN * settings.population:
            return ()
        if settings.budget - len(self.rows) < settings.population or len(self.algorithm.population()) == 0:
            return ()
        return genes_to_expand(space, elite(self.genomes(self._front())), threshold=settings.expansion_share)

    def enter(self, expansions: Sequence[Expansion], generation: int) -> None:
        """Unlock widths; networks that new ones are compared with are scored again."""
        before, again = self.stage.number, self._to_value_again()  # while the stage is what it was
        self._expanded_at = len(self.rows)
        self.stage = self.stages.after(self.stage, expansions)
        self._log(expansions, generation)
        self.costs.space = self.problem.space
        self.algorithm.change_space(self.problem.space)
        if self.stage.number != before:
            self.evaluator = self._evaluator()
            anew = {row.genome: row for row in self._valued_again(again)}
            check_alive(list(anew.values()), "survivors")
            self.algorithm.reassess(*self.told([row for row in anew.values() if row.is_ok]))
            self.rows = [anew.get(row.genome, row) for row in self.rows]
            self.front = FrontTracker(self.measures, self.scaling)
            self.front.add([row for row in self.rows if row.stage == self.stage.number])
        self.announce()

    def _to_value_again(self) -> list[Evaluation]:
        """Evaluations that still matter: the front, and the algorithm's population."""
        matter = {row.genome for row in self._front()} | set(map(to_text, self.algorithm.population()))
        return [row for row in self.rows if row.is_ok and row.stage == self.stage.number and row.genome in matter]

    def _valued_again(self, rows: Sequence[Evaluation]) -> Iterator[Evaluation]:
        """The same networks with the values of this stage; each keeps the generation that found it."""
        self.observer.phase("scoring networks again", total=len(rows))
        for generation, found in itertools.groupby(rows, key=lambda row: row.generation):
            genomes = self.genomes(list(found))
            yield from self.evaluator.evaluate(genomes, origin=Origin.SEARCH, generation=generation)

    def _front(self) -> list[Evaluation]:
        """The non-dominated networks within the bounds, by the values they have now; the most accurate first."""
        rows = feasible([row for row in self.rows if row.stage == self.stage.number], self.measures)
        names = self.measures.objectives
        quality = self.measures.quality
        first = quality if quality in self.measures.table else names[0]
        points = self.scaling.minimised(np.array([[row.values[name] for name in names] for row in rows]))
        sign = self.measures.table[first].sign
        return sorted(itertools.compress(rows, is_nondominated(points)), key=lambda row: sign * row.values[first])

    def _evaluator(self) -> Evaluator:
        return Evaluator(
            self.stages.estimator(self.stage),
            self.run,
            costs=self.costs,
            origins=(Origin.SEARCH, Origin.RANDOM, Origin.UNIFORM),
            stage=self.stage.number,
        )

    def _log(self, expansions: Sequence[Expansion], generation: int) -> None:
        """Enter expansions into the run's facts; a resumed run enters none twice."""
        stage = self.stage.number
        entries = [ExpansionFacts(generation=generation, stage=stage, **asdict(one)) for one in expansions]
        if new := [entry for entry in entries if entry not in self._expansions]:
            self._expansions = [*self._expansions, *new]
            self.run.store(expansions=self._expansions)


def search_at_random(state: SearchState, n: int) -> None:
    """The baseline: as many random networks within the bounds, valued by the same estimate."""
    problem = state.problem
    rng, costs = numpy_rng(problem.config.seed, "random search"), problem.costs(state.scaling)
    found: dict[str, np.ndarray] = {}
    drawn: set[str] = set()
    for _ in range(100):
        if len(found) >= n:
            break
        genomes = random_genomes(problem.space, rng, n=n, known=drawn)
        drawn.update(map(to_text, genomes))
        kept = genomes[costs.keep_bounds(genomes)]
        found |= {to_text(genome): genome for genome in kept[: n - len(found)]}
    _evaluate_beside(state, "random search beside it", list(found.values()), Origin.RANDOM)


def evaluate_uniform(state: SearchState) -> None:
    """What one would make by hand: the uniform networks of the space within the bounds, valued by the same estimate."""
    problem = state.problem
    genomes = problem.space.corners(numpy_rng(problem.config.seed, "uniform networks"))
    kept = genomes[problem.costs(state.scaling).keep_bounds(genomes)]
    distinct = {to_text(genome): genome for genome in kept}
    _evaluate_beside(state, "uniform networks beside it", list(distinct.values()), Origin.UNIFORM)


def _evaluate_beside(state: SearchState, what: str, genomes: Sequence[Genome], origin: Origin) -> None:
    state.observer.phase(what, total=len(genomes))
    if genomes:
        for done, _ in enumerate(state.evaluator.evaluate(np.stack(genomes), origin=origin), start=1):
            state.observer.advance(done)


def check_alive(rows: Sequence[Evaluation], what: str) -> None:
    """Make sure that something can be evaluated at all.

    Raises:
        EvaluationError: All failed.
    """
    if not any(row.is_ok for row in rows):
        raise EvaluationError(
            "something that can be evaluated",
            found=f"{what} that failed altogether: {rows[0].reason}",
            remedy="correct what evaluates, or change [space], [supernet] or [estimate], and start anew",
        )
