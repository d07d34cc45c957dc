"""The main path: train a supernet, then ask, evaluate, tell, until the budget is spent."""

from __future__ import annotations

import itertools
import time
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.config import RunConfig, dump_config, load_config
from evonas.errors import EvaluationError, RunFolderError
from evonas.evaluation import Evaluator
from evonas.operators import first_population, random_genomes
from evonas.parallel import one_thread
from evonas.progress import Observer, Silent
from evonas.pymoo_bridge import Nsga2
from evonas.seeding import numpy_rng, torch_generator
from evonas.spaces import NetworkSpace
from evonas.training.data import Data, batches
from evonas.workbench import (
    SUPERNET,
    build_data,
    build_space,
    build_supernet,
    check_unchanged,
    file_hash,
    save_weights,
    started_with,
)
from objectives import OBJECTIVES
from objectives.scaling import Scaling, bounds_of, by_logarithm
from reports.page import write_reports
from reports.run_folder import ARCHIVE, Row, RunFolder
from surrogates.one_shot.single_path import train_single_path


class StopReason(Enum):
    """Every way a search can end, with the sentence that reports print."""

    BUDGET_SPENT = "The evaluation budget is spent."
    SPACE_EXHAUSTED = "No network is left that was not evaluated."


def search(config: RunConfig, folder: Path, *, observer: Observer | None = None) -> RunFolder:
    """Run a whole search in a new folder.

    Args:
        config: The run file.
        folder: Where to; must not hold a run.
        observer: Hears of the progress.

    Returns:
        The run folder, complete with front, figures and page.

    Raises:
        RunFolderError: The folder holds files already, or cannot be made.
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
    data = build_data(config)
    space = build_space(config, data)
    meta = {
        "created": time.strftime("%Y-%m-%d %H:%M:%S"),
        "started_with": started_with(config, data),
        "bounds": _bounds(space, data),
        "space_size": space.size(),
    }
    try:
        run = RunFolder.create(folder, run_toml=dump_config(config), meta=meta)
    except OSError as error:
        raise RunFolderError(
            f"a folder that can be written to at {folder}", found=str(error), remedy="choose another one with --out"
        ) from error
    return _run(run, config, data, space, observer or Silent())


def resume(run: RunFolder, *, workers: int | None = None, observer: Observer | None = None) -> RunFolder:
    """Go on with a run that was stopped; the result is the same as if it had never stopped.

    The search is deterministic, so it asks its questions again from the start; what the archive holds is answered from
    there. Supernet training that was not finished starts over.

    Args:
        run: The folder.
        workers: Processes, instead of the run file's.
        observer: Hears of the progress.

    Raises:
        RunFolderError: Settings, images, supernet or package versions are not those that the run was started with.
    """
    config = load_config(run.path / "run.toml", {} if workers is None else {"compute": {"workers": workers}})
    data = build_data(config)
    check_unchanged(run, config, data)
    return _run(run, config, data, build_space(config, data), observer or Silent())


def _run(run: RunFolder, config: RunConfig, data: Data, space: NetworkSpace, observer: Observer) -> RunFolder:
    start = time.perf_counter()
    supernet = run.path / SUPERNET
    try:
        with one_thread():
            if not supernet.is_file() and run.meta("supernet") is None:
                _train_supernet(run, config, data, space, observer)
            if run.meta("supernet") is None:
                run.set_meta("supernet", file_hash(supernet))
            evaluator = Evaluator(space, run, checkpoint=run.meta("supernet"), workers=config.compute.workers)
            stop = _explore(config, space, evaluator, observer, scaling=run.scaling)
            if config.search.has_baseline:
                _explore_at_random(config, space, evaluator, observer)
        run.set_meta("stop_reason", stop.value)
    finally:
        run.set_meta("seconds", (run.meta("seconds") or 0.0) + time.perf_counter() - start)
    write_reports(run)
    return run


def _explore(
    config: RunConfig, space: NetworkSpace, evaluator: Evaluator, observer: Observer, *, scaling: Scaling
) -> StopReason:
    settings = config.search
    rng = numpy_rng(config.seed, "first population")
    population = min(settings.population, settings.budget)
    n_free = sum(len(gene.choices) > 1 for gene in space.genes)
    algorithm = Nsga2(
        space,
        first=first_population(space, rng, n_corners=settings.budget // 4, n_random=population),
        n_objectives=len(settings.objectives),
        n_constraints=len(settings.constraints),
        population=population,
        crossover_rate=settings.crossover_rate,
        mutation_rate=settings.mutation_rate or 1 / max(1, n_free),
        seed=int(numpy_rng(config.seed, "nsga2").integers(2**31)),
    )
    observer.phase("searching (NSGA-II)", total=settings.budget)
    rows: list[Row] = []
    for generation in itertools.count():
        genomes = algorithm.ask()[: settings.budget - len(rows)]
        if len(genomes) == 0:
            return StopReason.SPACE_EXHAUSTED
        note = _note(rows, config, scaling, generation)
        answers = []
        for row in evaluator.evaluate(genomes, origin="search", generation=generation):
            answers.append(row)
            observer.advance(len(rows) + len(answers), note=note)
        if not any(row.is_ok for row in rows + answers):
            raise EvaluationError(
                "networks that can be evaluated",
                found=f"a first generation that failed altogether: {answers[0].reason}",
                remedy="look at the column reason in archive.sqlite; change [supernet] or [space] and start anew",
            )
        algorithm.tell(*_told(answers, config))
        rows += answers
        if len(rows) >= settings.budget:
            break
    return StopReason.BUDGET_SPENT


def _explore_at_random(config: RunConfig, space: NetworkSpace, evaluator: Evaluator, observer: Observer) -> None:
    """The baseline that is always there: as many random networks from the same supernet."""
    genomes = random_genomes(space, numpy_rng(config.seed, "random search"), n=config.search.budget)
    observer.phase("random search beside it", total=len(genomes))
    for done, _ in enumerate(evaluator.evaluate(genomes, origin="random", generation=0), start=1):
        observer.advance(done)


def _train_supernet(run: RunFolder, config: RunConfig, data: Data, space: NetworkSpace, observer: Observer) -> None:
    settings = config.supernet
    supernet = build_supernet(config, space)
    rng = numpy_rng(config.seed, "supernet paths")
    observer.phase("training the supernet", total=settings.steps)
    try:
        train_single_path(
            supernet,
            lambda: space.decode(space.sample(rng, 1)[0]),
            batches=batches(
                data.train,
                batch_size=settings.batch_size,
                shift=config.data.shift,
                flip=config.data.flip,
                generator=torch_generator(config.seed, "supernet batches"),
            ),
            steps=settings.steps,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            is_two_pass=settings.is_two_pass,
            on_step=lambda step, loss: observer.advance(step, note=f"loss {loss:.2f}"),
        )
    except FloatingPointError as error:
        raise EvaluationError(
            "a supernet that trains", found=str(error), remedy="lower learning_rate under [supernet] and start anew"
        ) from error
    run.set_meta("warnings", supernet.warnings())
    save_weights(supernet, run.path / SUPERNET)


def _told(rows: list[Row], config: RunConfig) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """What the algorithm is told: objectives by logarithm, relative excess over each bound, which evaluations count.

    Logarithms change no dominance, but spread the population evenly over orders of magnitude, of the error too: the
    accurate end of the front is where users look, and on a plain scale it is a corner.
    """
    is_ok = np.array([row.is_ok for row in rows], dtype=bool)
    objectives, bounds = config.search.objectives, config.search.constraints
    values = [[row.values.get(name, np.nan) for name in objectives] for row in rows]
    excess = [[row.values.get(name, np.nan) / bound - 1 for name, bound in bounds.items()] for row in rows]
    points = by_logarithm(np.array(values, dtype=float))
    return points, np.array(excess, dtype=float).reshape(len(rows), len(bounds)), is_ok


def _note(rows: list[Row], config: RunConfig, scaling: Scaling, generation: int) -> str:
    bounds = config.search.constraints
    feasible = [row.values for row in rows if row.is_ok and all(row.values[name] <= bounds[name] for name in bounds)]
    if not feasible:
        return f"generation {generation}"
    volume = scaling.hypervolume(np.array([[values[name] for name in scaling.names] for values in feasible]))
    return f"generation {generation}, hypervolume {volume:.3f}"


def _bounds(space: NetworkSpace, data: Data) -> dict[str, tuple[float, float]]:
    """Where the hypervolume's box begins and ends: the cheapest and dearest networks known beforehand, and chance."""
    genomes = [space.repair(np.zeros(len(space.genes), dtype=np.int64)), *space.corners(np.random.default_rng(0))]
    networks = [architecture.layers for architecture in (*map(space.decode, genomes), *space.covering())]
    counted = {
        name: [objective.measure(layers) for layers in networks]
        for name, objective in OBJECTIVES.items()
        if objective.measure
    }
    return {"error": (0.0, 1 - 1 / data.n_classes), **bounds_of(counted)}
