"""Ask, evaluate, tell, until the search ends; and random search beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np

from evonas.algorithm import Algorithm, Exhaustive, Floats, RandomSearch
from evonas.costs import Costs, told_rows
from evonas.errors import EvaluationError
from evonas.evaluation import Evaluator
from evonas.expansion import Expansion, elite, genes_to_expand
from evonas.genome import from_text, to_text
from evonas.inner_search import InnerSearch
from evonas.learned import Learned
from evonas.operators import Genomes, first_population, random_genomes
from evonas.prescreening import INNER_POPULATION, Prescreened
from evonas.progress import Observer
from evonas.pymoo_bridge import MANY_OBJECTIVES, Nsga
from evonas.seeding import numpy_rng
from evonas.setup import Setup
from evonas.spaces import Space, TableSpace
from evonas.stage import Stages
from evonas.stopping import Found, Stopping, StopReason, feasible
from objectives.pareto import is_nondominated
from objectives.scaling import Scaling, bounds_of
from reports.run_folder import Row, RunFolder

GENERATIONS_BETWEEN = 3  # populations' worth of networks between expansions, so that the front shows what came of one
STEADY_OFFSPRING = 8  # bred at a time in asynchronous mode: few, so that they come of what is known by then


class Exploration:
    """One search of a run.

    Args:
        run: Where evaluations go.
        stages: Make what scores networks, and let the space grow.
        stopping: Says when it ends.
        observer: Hears of the progress.
    """

    def __init__(self, run: RunFolder, stages: Stages, *, stopping: Stopping, observer: Observer) -> None:
        self.run, self.stages, self.stopping, self.observer = run, stages, stopping, observer
        self.stage = stages.first()
        self.evaluator = self._evaluator()
        setup = self.stage.setup
        self.settings, self.measures = setup.config.search, setup.measures
        self.scaling = Scaling(run.scaling.measures, bounds=provisional_bounds(setup.space) or run.scaling.bounds)
        self.costs = Costs(setup.space, self.measures, scaling=self.scaling)
        self.algorithm = make_algorithm(setup, self.costs)
        self.rows: list[Row] = []
        self.found = Found(self.measures, self.scaling)
        self._expanded_at = 0
        self._ended_after = run.meta("time_spent_after")  # evaluations, where time ended it before it was resumed

    def search(self) -> StopReason:
        """Search until the run file says stop; a resumed run answers from the archive, and comes to the same."""
        self._announce()
        for generation in itertools.count():
            asked = self.algorithm.ask()
            if len(asked) == 0:
                return StopReason.SPACE_EXHAUSTED
            answers, is_cut_short = self._evaluated(asked, generation)
            self.rows += answers
            self.found.add(answers)
            self._keep_facts()
            if is_cut_short or (len(self.rows) == self._ended_after and not self._was_entered):
                self.run.set_meta("time_spent_after", len(self.rows))
                return StopReason.TIME_SPENT
            counts = {"n": len(self.rows), "n_new": len(answers), "stage": self.stage.number}
            reason = self.stopping.after(generation, **counts, volume=self.found.volume)
            if reason is not None:
                return reason
            if expansions := self._earned():
                self._enter(expansions, generation)
        raise AssertionError("generations never end by themselves")

    def search_at_random(self, n: int) -> None:
        """The baseline that is always there: as many random networks within the bounds, valued by the same estimate."""
        space, rng = self.stage.setup.space, numpy_rng(self.stage.setup.config.seed, "random search")
        costs = Costs(space, self.measures, scaling=self.scaling)
        found: dict[str, np.ndarray] = {}
        drawn: set[str] = set()
        for _ in range(100):
            if len(found) >= n:
                break
            genomes = random_genomes(space, rng, n=n, known=drawn)
            drawn.update(map(to_text, genomes))
            kept = genomes[costs.within_bounds(costs.told(genomes)[1])]
            found |= {to_text(genome): genome for genome in kept[: n - len(found)]}
        self.observer.phase("random search beside it", total=len(found))
        if found:
            genomes = np.stack(list(found.values()))
            for done, _ in enumerate(self.evaluator.evaluate(genomes, origin="random"), start=1):
                self.observer.advance(done)

    def _evaluated(self, asked: Genomes, generation: int) -> tuple[list[Row], bool]:
        """Evaluate what keeps within the bounds known beforehand, tell the algorithm all; whether time cut it short."""
        points, violations = self.costs.told(asked)
        is_within = self.costs.within_bounds(violations)
        genomes = asked[is_within][: (self._ended_after or self.settings.budget) - len(self.rows)]
        note = f"generation {generation}, hypervolume {self.found.volume:.3f}"
        answers: list[Row] = []
        for row in self.evaluator.evaluate(genomes, origin="search", generation=generation, may_go_on=self._may_go_on):
            answers.append(row)
            self.observer.advance(len(self.rows) + len(answers), note=note)
        alive = [row for row in answers if row.is_ok]
        if alive and not any(row.is_ok for row in self.rows):
            self._set_scale(alive)
            points, violations = self.costs.told(asked)
        elif answers and not alive and (is_within.all() or len(self.rows) >= self.settings.population):
            check_alive([*self.rows, *answers], "all networks so far")
        known = genomes[: len(answers)][np.array([row.is_ok for row in answers], dtype=bool)]
        told = zip(self._told(alive), (points[~is_within], violations[~is_within]), strict=True)
        self.algorithm.tell(
            np.concatenate([known, asked[~is_within]]),
            *(np.concatenate(pair) for pair in told),
        )
        return answers, len(answers) < len(genomes)

    def _set_scale(self, alive: Sequence[Row]) -> None:
        """The box of the hypervolume of a formula, of which nothing was known before."""
        if provisional_bounds(self.stage.setup.space):
            columns = {name: [row.values[name] for row in alive] for name in self.measures.table}
            self.run.set_meta("bounds", bounds_of(columns))
            self.scaling = self.costs.scaling = self.found.scaling = self.run.scaling

    def _may_go_on(self) -> bool:
        return not self.stopping.is_time_up

    def _told(self, rows: Sequence[Row]) -> tuple[Floats, Floats]:
        return told_rows(rows, measures=self.measures, scaling=self.scaling)

    @property
    def _was_entered(self) -> bool:
        """Whether the next stage began before this run was resumed."""
        return any(entry["stage"] > self.stage.number for entry in self.run.meta("expansions") or [])

    def _earned(self) -> tuple[Expansion, ...]:
        """Widths that the front has earned by now; nothing new when time is up."""
        settings = self.settings
        if not self._may_go_on() and not self._was_entered:
            return ()
        if not any(gene.n_locked for gene in self.stage.setup.space.genes):
            return ()
        if len(self.rows) - self._expanded_at < GENERATIONS_BETWEEN * settings.population:
            return ()
        if settings.budget - len(self.rows) < settings.population or len(self.algorithm.population()) == 0:
            return ()
        return genes_to_expand(
            self.stage.setup.space, elite(self._genomes(self._front())), threshold=settings.expansion_share
        )

    def _enter(self, expansions: Sequence[Expansion], generation: int) -> None:
        """Unlock widths; what is compared with new networks is scored anew."""
        before, again = self.stage.number, self._to_value_again()  # while the stage is what it was
        self._expanded_at = len(self.rows)
        self.stage = self.stages.after(self.stage, expansions)
        _log(self.run, expansions, generation=generation, stage=self.stage.number)
        self.costs.space = self.stage.setup.space
        self.algorithm.change_space(self.stage.setup.space)
        if self.stage.number != before:
            self.evaluator = self._evaluator()
            anew = {row.genome: row for row in self._valued_again(again)}
            check_alive(list(anew.values()), "survivors")
            alive = [row for row in anew.values() if row.is_ok]
            self.algorithm.reassess(self._genomes(alive), *self._told(alive))
            self.rows = [anew.get(row.genome, row) for row in self.rows]
            self.found = Found(self.measures, self.scaling)
            self.found.add([row for row in self.rows if row.stage == self.stage.number])
        self._announce()

    def _to_value_again(self) -> list[Row]:
        """What matters from now on: the front, and the algorithm's population."""
        matter = {row.genome for row in self._front()} | set(map(to_text, self.algorithm.population()))
        return [row for row in self.rows if row.is_ok and row.stage == self.stage.number and row.genome in matter]

    def _valued_again(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The same networks with the values of this stage; each keeps the generation that found it."""
        self.observer.phase("valuing networks anew", total=len(rows))
        for generation, found in itertools.groupby(rows, key=lambda row: row.generation):
            genomes = self._genomes(list(found))
            yield from self.evaluator.evaluate(genomes, origin="search", generation=generation)

    def _front(self) -> list[Row]:
        """The non-dominated networks within the bounds, by the values they have now; the most accurate first."""
        rows = feasible([row for row in self.rows if row.stage == self.stage.number], self.measures)
        names = self.measures.objectives
        first = "error" if "error" in self.measures.table else names[0]
        points = np.array([[row.values[name] for name in names] for row in rows]).reshape(-1, len(names))
        return sorted(itertools.compress(rows, is_nondominated(points)), key=lambda row: row.values[first])

    def _genomes(self, rows: Sequence[Row]) -> Genomes:
        genes = self.stage.setup.space.genes
        return np.array([from_text(row.genome, genes) for row in rows], dtype=np.int64).reshape(-1, len(genes))

    def _evaluator(self) -> Evaluator:
        estimator = self.stages.estimator(self.stage)
        return Evaluator(estimator, self.run, origins=("search", "random"), stage=self.stage.number)

    def _announce(self) -> None:
        self.observer.phase("searching", total=self.settings.budget)

    def _keep_facts(self) -> None:
        self.run.set_meta("seconds", self.stopping.elapsed())  # a run that is killed has spent them too
        if self.algorithm.facts:
            self.run.set_meta("predictors", self.algorithm.facts)
        if self.costs.rejections:
            self.run.set_meta("rejections", dict(self.costs.rejections))


def make_algorithm(setup: Setup, costs: Costs) -> Algorithm:
    """The algorithm that the run file asks for.

    Raises:
        RunFileError: The space is too large for an exhaustive search.
    """
    config, space = setup.config, setup.space
    settings, name = config.search, config.search.algorithm
    population = min(settings.population, settings.budget)
    if name == "random":
        return RandomSearch(space, numpy_rng(config.seed, "random algorithm"), population=population)
    if name == "exhaustive":
        return Exhaustive(space)
    n_objectives = len(setup.measures.objectives)
    first = first_population(
        space,
        numpy_rng(config.seed, "first population"),
        n_corners=settings.budget // 4,
        n_random=population,
        is_within=costs.keep_bounds if setup.measures.bounds else None,
    )
    mutation_rate = settings.mutation_rate or 1 / max(1, sum(gene.n_open > 1 for gene in space.genes))
    outer = Nsga(
        space,
        offspring=min(population, STEADY_OFFSPRING) if settings.mode == "asynchronous" else population,
        n_objectives=n_objectives,
        n_constraints=len(setup.measures.bounds),
        population=population,
        crossover_rate=settings.crossover_rate,
        mutation_rate=mutation_rate,
        is_third=(name == "nsga3" or (name == "auto" and n_objectives >= MANY_OBJECTIVES))
        and population > n_objectives,
        first=first,
        seed=int(numpy_rng(config.seed, "nsga2").integers(2**31)),
    )
    assert settings.predictors != "auto"  # the engine chose when the run was made
    names = settings.predictors
    if not names:
        return outer

    def inner(space: Space, first: Genomes, seed: int) -> Algorithm:
        return InnerSearch(
            space,
            first=first,
            population=INNER_POPULATION,
            crossover_rate=settings.crossover_rate,
            mutation_rate=mutation_rate,
            seed=seed,
        )

    return Prescreened(
        outer,
        learned=Learned(costs, names=names),
        inner=inner,
        n_proposed=settings.proposals,
        rng=numpy_rng(config.seed, "proposals"),
    )


def provisional_bounds(space: Space) -> dict[str, tuple[float, float]]:
    """A box for a formula's objectives until there are evaluations; empty where a better one is known beforehand.

    A resumed run starts from it again, so that it asks the same questions.
    """
    if not isinstance(space, TableSpace) or space.is_free:
        return {}
    return dict.fromkeys(space.objectives, (0.0, 1.0))


def check_alive(rows: Sequence[Row], what: str) -> None:
    """Make sure that something can be evaluated at all.

    Raises:
        EvaluationError: All failed.
    """
    if not any(row.is_ok for row in rows):
        raise EvaluationError(
            "networks that can be evaluated",
            found=f"{what} that failed altogether: {rows[0].reason}",
            remedy="mend what evaluates them, or change [space], [supernet] or [estimate], and start anew",
        )


def _log(run: RunFolder, expansions: Sequence[Expansion], *, generation: int, stage: int) -> None:
    """Enter expansions into the run's facts; a resumed run enters none twice."""
    entries = [{"generation": generation, "stage": stage, **asdict(expansion)} for expansion in expansions]
    known = run.meta("expansions") or []
    if new := [entry for entry in entries if entry not in known]:
        run.set_meta("expansions", known + new)
