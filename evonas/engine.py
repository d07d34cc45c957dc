"""The main path: train a supernet, then ask, evaluate, tell, until the budget is spent."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.break_even import choose_method
from evonas.collapse import collapse_warning
from evonas.config import RunConfig, dump_config, load_config
from evonas.errors import EvaluationError, RunFileError, RunFolderError
from evonas.estimation import Stage, first_stage, next_stage, stage_estimator, tuned_estimator
from evonas.evaluation import Evaluator
from evonas.expansion import Expansion, genes_to_expand
from evonas.genome import from_text, to_text
from evonas.measures import Measures, looked_up
from evonas.operators import Genomes, first_population, random_genomes
from evonas.parallel import one_thread
from evonas.progress import Observer, Silent
from evonas.provenance import check_recipe, check_unchanged, started_with
from evonas.pymoo_bridge import Nsga2
from evonas.seeding import numpy_rng
from evonas.setup import Setup, open_setup
from evonas.spaces import NetworkSpace, Space, TableSpace
from objectives.pareto import is_nondominated
from objectives.scaling import Scaling, bounds_of
from reports.front import front_table
from reports.page import write_reports
from reports.run_folder import ARCHIVE, Row, RunFolder

GENERATIONS_BETWEEN = 3  # expansions, so that the front shows what the last one was good for
LEAST_LOSS = 1e-3  # where the scale of losses begins, as a share of that at chance
LEAST_FRONT = 5  # networks whose shares mean something


class StopReason(Enum):
    """Every way a search can end, with the sentence that reports print."""

    BUDGET_SPENT = "The evaluation budget is spent."
    SPACE_EXHAUSTED = "No network is left that was not evaluated."


def search(
    config: RunConfig, folder: Path, *, space: Space | None = None, observer: Observer | None = None
) -> RunFolder:
    """Run a whole search in a new folder.

    Args:
        config: The run file.
        folder: Where to; must not hold a run.
        space: A search space as an object; the run file says so (``given_space`` of ``load_config``).
        observer: Hears of the progress.

    Returns:
        The run folder, complete with front, figures and page.

    Raises:
        RunFolderError: The folder holds files already, or cannot be made.
        RunFileError: The search space or an objective cannot be used.
        DataError: The images cannot be used.
        EvaluationError: The supernet cannot be trained or scored.
        KeyboardInterrupt: The user stopped it; everything evaluated is kept, and :func:`resume` goes on.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        goes_on = f", or go on with it: evonas resume {folder}" if (folder / ARCHIVE).is_file() else ""
        raise RunFolderError(
            "a new or empty folder for the run",
            found=f"files in {folder}",
            remedy=f"choose another folder with --out{goes_on}",
        )
    setup, reason = _decided(open_setup(config, space))
    config = setup.config
    meta = {
        "estimate_reason": reason,
        "is_table": isinstance(setup.space, TableSpace),
        "created": time.strftime("%Y-%m-%d %H:%M:%S"),
        "started_with": started_with(config, setup.data, setup.space),
        "bounds": _bounds(setup),
        "log10_space_size": setup.space.log10_size(),
    }
    measures = setup.measures
    try:
        run = RunFolder.create(
            folder,
            run_toml=dump_config(config),
            measures=measures.table,
            objectives=measures.objectives,
            constraints=measures.bounds,
            meta=meta,
        )
    except OSError as error:
        raise RunFolderError(
            f"a folder that can be written to at {folder}", found=str(error), remedy="choose another one with --out"
        ) from error
    return _run(run, setup, observer or Silent())


def resume(
    run: RunFolder, *, workers: int | None = None, space: Space | None = None, observer: Observer | None = None
) -> RunFolder:
    """Go on with a run that was stopped; the result is the same as if it had never stopped.

    The search is deterministic, so it asks its questions again from the start; what the archive holds is answered from
    there. Supernet training goes on from its last checkpoint.

    Args:
        run: The folder.
        workers: Processes, instead of the run file's.
        space: The search space, if the run was started with an object.
        observer: Hears of the progress.

    Raises:
        RunFolderError: Settings, images, supernet or package versions are not those that the run was started with.
    """
    config = load_config(run.path / "run.toml", {} if workers is None else {"compute": {"workers": workers}})
    setup = open_setup(config, space)
    check_unchanged(run, config, setup.data, setup.space)
    check_recipe(run, config)
    return _run(run, setup, observer or Silent())


def _decided(setup: Setup) -> tuple[Setup, str]:
    """The setup with a method of estimation, chosen here if the run file leaves it open, and the reason."""
    if setup.config.estimate.method != "auto" or isinstance(setup.space, TableSpace):
        return setup, ""
    method, reason = choose_method(setup)
    estimate = setup.config.estimate.model_copy(update={"method": method})
    return replace(setup, config=setup.config.model_copy(update={"estimate": estimate})), reason


def _run(run: RunFolder, setup: Setup, observer: Observer) -> RunFolder:
    start = time.perf_counter()
    with run.opened():
        try:
            with one_thread():
                stage, evaluator, stop = _explore(run, first_stage(run, setup, observer), observer)
                if setup.config.search.has_baseline:
                    _explore_at_random(stage.setup, evaluator, observer)
                _score_front_again(run, stage, observer)
            run.warn(*_collapse(run, stage.setup))
            run.set_meta("stop_reason", stop.value)
        finally:
            run.set_meta("seconds", (run.meta("seconds") or 0.0) + time.perf_counter() - start)
        write_reports(run)
    return run


def _explore(run: RunFolder, stage: Stage, observer: Observer) -> tuple[Stage, Evaluator, StopReason]:
    """Ask, evaluate, tell, until the budget is spent; widths that the front has earned unlock on the way."""
    measures, settings = stage.setup.measures, stage.setup.config.search
    algorithm = _algorithm(stage.setup)
    evaluator = _evaluator(run, stage, observer)
    observer.phase("searching (NSGA-II)", total=settings.budget)
    rows: list[Row] = []
    expanded_at = 0
    for generation in itertools.count():
        genomes = algorithm.ask()[: settings.budget - len(rows)]
        if len(genomes) == 0:
            return stage, evaluator, StopReason.SPACE_EXHAUSTED
        note = _note([row for row in rows if row.stage == stage.number], measures, run.scaling, generation)
        answers = []
        for row in evaluator.evaluate(genomes, origin="search", generation=generation):
            answers.append(row)
            observer.advance(len(rows) + len(answers), note=note)
        if not rows:
            _check_alive(answers, "a first generation")
        algorithm.tell(*_told(answers, measures, run.scaling))
        rows += answers
        if len(rows) >= settings.budget:
            return stage, evaluator, StopReason.BUDGET_SPENT
        if generation - expanded_at < GENERATIONS_BETWEEN or settings.budget - len(rows) < settings.population:
            continue
        front = _front([row for row in rows if row.stage == stage.number], stage.setup)
        expansions = genes_to_expand(stage.setup.space, front, threshold=settings.expansion_share)
        if len(front) < LEAST_FRONT or not expansions:
            continue
        expanded_at = generation
        stage = next_stage(run, stage, expansions, observer)
        _log(run, expansions, generation=generation, stage=stage.number)
        algorithm.change_space(stage.setup.space)
        if stage.number != evaluator.stage:  # another supernet: what it is compared with is scored anew
            evaluator = _evaluator(run, stage, observer)
            again = np.unique(np.concatenate([algorithm.population(), front]), axis=0)
            anew = {row.genome: row for row in evaluator.evaluate(again, origin="search", generation=generation)}
            survivors = [anew[to_text(genome)] for genome in algorithm.population()]
            _check_alive(survivors, "survivors")
            algorithm.reassess(*_told(survivors, measures, run.scaling))
            rows = [anew.get(row.genome, row) for row in rows]
        observer.phase("searching (NSGA-II)", total=settings.budget)
    raise AssertionError("generations never end by themselves")


def _check_alive(rows: list[Row], what: str) -> None:
    if not any(row.is_ok for row in rows):
        raise EvaluationError(
            "networks that can be evaluated",
            found=f"{what} that failed altogether: {rows[0].reason}",
            remedy="look at the column reason in archive.sqlite; change [supernet] or [space] and start anew",
        )


def _algorithm(setup: Setup) -> Nsga2:
    config, space, measures = setup.config, setup.space, setup.measures
    settings = config.search
    rng = numpy_rng(config.seed, "first population")
    population = min(settings.population, settings.budget)
    n_free = sum(gene.n_open > 1 for gene in space.genes)
    return Nsga2(
        space,
        first=first_population(space, rng, n_corners=settings.budget // 4, n_random=population),
        n_objectives=len(measures.objectives),
        n_constraints=len(measures.bounds),
        population=population,
        crossover_rate=settings.crossover_rate,
        mutation_rate=settings.mutation_rate or 1 / max(1, n_free),
        seed=int(numpy_rng(config.seed, "nsga2").integers(2**31)),
    )


def _evaluator(run: RunFolder, stage: Stage, observer: Observer) -> Evaluator:
    estimator = stage_estimator(run, stage, observer)
    return Evaluator(estimator, run, origins=("search", "random"), stage=stage.number)


def _front(rows: list[Row], setup: Setup) -> Genomes:
    """The non-dominated networks within the bounds, by the values they have now."""
    feasible, names = _feasible(rows, setup.measures), setup.measures.objectives
    points = np.array([[row.values[name] for name in names] for row in feasible]).reshape(-1, len(names))
    chosen = itertools.compress(feasible, is_nondominated(points))
    genomes = [from_text(row.genome, setup.space.genes) for row in chosen]
    return np.array(genomes, dtype=np.int64).reshape(-1, len(setup.space.genes))


def _feasible(rows: list[Row], measures: Measures) -> list[Row]:
    bounds = measures.bounds
    return [row for row in rows if row.is_ok and all(row.values[name] <= bounds[name] for name in bounds)]


def _log(run: RunFolder, expansions: tuple[Expansion, ...], *, generation: int, stage: int) -> None:
    """Enter expansions into the run's facts; a resumed run enters none twice."""
    entries = [{"generation": generation, "stage": stage, **asdict(expansion)} for expansion in expansions]
    known = run.meta("expansions") or []
    run.set_meta("expansions", known + [entry for entry in entries if entry not in known])


def _explore_at_random(setup: Setup, evaluator: Evaluator, observer: Observer) -> None:
    """The baseline that is always there: as many random networks, valued by the same estimate."""
    config = setup.config
    genomes = random_genomes(setup.space, numpy_rng(config.seed, "random search"), n=config.search.budget)
    observer.phase("random search beside it", total=len(genomes))
    for done, _ in enumerate(evaluator.evaluate(genomes, origin="random"), start=1):
        observer.advance(done)


def _score_front_again(run: RunFolder, stage: Stage, observer: Observer) -> None:
    """Fine-tune and score what the search found best, if the settings ask for it; the front is then drawn from that."""
    candidates = front_table(run, origin="search")["genome"]
    estimator = tuned_estimator(run, stage, observer) if len(candidates) else None
    if estimator is None:
        return
    evaluator = Evaluator(estimator, run, origins=("tuned",), stage=stage.number)
    genomes = np.stack([from_text(text, stage.setup.space.genes) for text in candidates])
    observer.phase("tuning the front", total=len(genomes))
    for done, _ in enumerate(evaluator.evaluate(genomes, origin="tuned"), start=1):
        observer.advance(done)
    run.set_meta("is_tuned", True)


def _collapse(run: RunFolder, setup: Setup) -> list[str]:
    """A warning if a supernet led the search to pools and skips."""
    space, front = setup.space, front_table(run)["genome"]
    if not isinstance(space, NetworkSpace) or front.empty or setup.config.estimate.method != "one-shot":
        return []
    found = [space.decode(from_text(text, space.genes)) for text in front]
    usual = [space.decode(genome) for genome in space.sample(np.random.default_rng(0), 2 * len(found))]
    warning = collapse_warning(found, usual)
    return [] if warning is None else [warning]


def _told(
    rows: list[Row], measures: Measures, scaling: Scaling
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """What the algorithm is told: objectives by logarithm, relative excess over each bound, which evaluations count.

    Logarithms change no dominance, but spread the population evenly over orders of magnitude, of the error too: the
    accurate end of the front is where users look, and on a plain scale it is a corner.
    """
    is_ok = np.array([row.is_ok for row in rows], dtype=bool)
    objectives, bounds = measures.objectives, measures.bounds
    values = [[row.values.get(name, np.nan) for name in objectives] for row in rows]
    excess = [[row.values.get(name, np.nan) / bound - 1 for name, bound in bounds.items()] for row in rows]
    points = scaling.spread(np.array(values, dtype=float))
    return points, np.array(excess, dtype=float).reshape(len(rows), len(bounds)), is_ok


def _note(rows: list[Row], measures: Measures, scaling: Scaling, generation: int) -> str:
    feasible = [row.values for row in _feasible(rows, measures)]
    if not feasible:
        return f"generation {generation}"
    volume = scaling.hypervolume(np.array([[values[name] for name in scaling.names] for values in feasible]))
    return f"generation {generation}, hypervolume {volume:.3f}"


def _bounds(setup: Setup) -> dict[str, tuple[float, float]]:
    """Where the hypervolume's box begins and ends.

    For networks, the cheapest and dearest known beforehand, of widths that are still locked too, and chance; for a
    table, a thousand of its rows.
    """
    space, rng = setup.space, np.random.default_rng(0)
    first = space.repair(np.zeros(len(space.genes), dtype=np.int64))
    if isinstance(space, TableSpace):
        found = [looked_up(space, genome).values for genome in (first, *space.sample(rng, 1000))]
        columns = {name: [values[name] for values in found if values] or [0.0, 1.0] for name in space.objectives}
        return bounds_of(columns)
    assert isinstance(space, NetworkSpace)
    genomes = [first, *space.corners(rng)]
    dearest = space.fully_unlocked().covering()
    networks = [architecture.layers for architecture in (*map(space.decode, genomes), *dearest)]
    counts = [setup.measures.counted(layers) for layers in networks]
    if any(outcome.reason for outcome in counts):
        reason = next(outcome.reason for outcome in counts if outcome.reason)
        raise RunFileError("objectives that count every network", found=reason, remedy="mend that objective")
    counted = {name: [outcome.values[name] for outcome in counts] for name in counts[0].values}
    chance = 1 if setup.data is None else 1 - 1 / setup.data.n_classes
    at_chance = math.log(2 if setup.data is None else setup.data.n_classes)
    losses = (LEAST_LOSS * at_chance, at_chance)
    return {"error": (0.0, chance), "loss": losses, "latency": (1e-6, 1.0), **bounds_of(counted)}
