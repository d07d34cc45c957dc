"""The main path: open what the run file names, train a supernet, search, train the front, write reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from evonas.algorithms.prescreening import chosen_predictors
from evonas.config.load import RunConfig, dump_config
from evonas.errors import RunFolderError, in_a_line
from evonas.plugins import kept_running, resolve
from evonas.progress import Observer, Silent
from evonas.run.context import RunContext, open_context, reopen
from evonas.run.lock import CLAIM, DATA, alone_with, claimed, new_folder
from evonas.run.loop import generational
from evonas.run.problems.problem import Problem
from evonas.run.provenance import check_recipe, signed_part, started_with
from evonas.run.stages.search_stage import StageFactory
from evonas.run.state import SearchState, evaluate_uniform, search_at_random
from evonas.run.steady_state import steady_state
from evonas.run.stopping import Stopping
from evonas.signing import signature
from evonas.spaces import Space
from reports.pages.page import write_reports
from reports.run_folder.facts import GeneFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import RUN_FILE
from reports.tables.front import front_table


def search(
    config: RunConfig,
    folder: Path | None = None,
    *,
    space: Space | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
    observer: Observer | None = None,
) -> RunFolder:
    """Run a whole search in a new folder.

    Args:
        config: The run file.
        folder: Folder to create; must not exist, or be empty. By default ``runs/NAME-TIME``.
        space: A search space as an object; the run file says so (``given_space`` of ``load_config``).
        arrays: Images and labels instead of the run file's, by the names of an .npz file; the folder keeps them.
        observer: Receives progress updates.

    Returns:
        The run folder, complete with front, figures and page.

    Raises:
        RunFolderError: The folder holds files already, another process is at work there, or it cannot be made.
        RunFileError: The search space or an objective cannot be used.
        DataError: The images cannot be used.
        EvaluationError: The supernet cannot be trained or scored.
        KeyboardInterrupt: The user stopped it; everything evaluated is kept, and :func:`resume` continues.
    """
    path = folder or new_folder(config.name)
    try:
        with kept_running(), claimed(path):
            if arrays is None:
                run, context = _create(config, path, space)
            else:
                with _stored(arrays, path / DATA) as source:
                    data = config.data.model_copy(update={"source": source})
                    run, context = _create(config.model_copy(update={"data": data}), path, space)
    except BaseException:
        if folder is None and path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        raise
    return _run(run, context, observer or Silent())


def resume(
    run: RunFolder,
    *,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    space: Space | None = None,
    may_run_code: bool = False,
    observer: Observer | None = None,
) -> RunFolder:
    """Resume a run that was stopped; the result is the same as if it had never stopped.

    The search is deterministic, so it asks its questions again from the start; what the archive holds is answered from
    there. Supernet training continues from its last checkpoint.

    Args:
        run: The folder.
        overrides: Keys of ``[compute]`` instead of the run file's.
        space: The search space, if the run was started with an object.
        may_run_code: Whether to load what a run names that this user did not start on this machine.
        observer: Receives progress updates.

    Raises:
        RunFolderError: It names code or what is fetched, and its origin is unknown; or settings, images,
            supernet or package versions are not those that the run was started with.
    """
    context = reopen(run, overrides, space=space, may_run_code=may_run_code)
    check_recipe(run, context.config)
    return _run(run, context, observer or Silent())


@contextmanager
def _stored(arrays: Mapping[str, np.ndarray], path: Path) -> Iterator[str]:
    """A file of these arrays, which is deleted again if no run comes of it."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # of which one could be allow_pickle
        partial.replace(path)
        yield str(path.resolve())
    except BaseException:
        for one in (partial, path):
            one.unlink(missing_ok=True)
        raise


def _create(config: RunConfig, path: Path, space: Space | None) -> tuple[RunFolder, RunContext]:
    """Open what the run file names, choose what it leaves open, and write it all down."""
    problem, reasons = open_context(config, space).problem.decided()
    config, search = problem.config, problem.config.search
    if search.predictors == "auto":
        predictors, reasons["predictors_reason"] = chosen_predictors(problem.space)
        config = config.model_copy(update={"search": search.model_copy(update={"predictors": predictors})})
        problem = problem.configured(config)
    measures, genes = problem.measures, problem.space.genes
    try:
        run = RunFolder.create(
            path,
            run_toml=dump_config(config),
            measures=measures.table,
            objectives=measures.objectives,
            constraints=measures.bounds,
            **reasons,
            is_table=problem.is_table,
            created=time.strftime("%Y-%m-%d %H:%M:%S"),
            started_with=started_with(config, problem),
            signature=signature(signed_part(config)),
            bounds=problem.hypervolume_box(),
            log10_space_size=problem.space.log10_size(),
            expects=problem.expects(),
            genes=[
                GeneFacts(
                    name=gene.name,
                    choices=list(gene.choices),
                    values=None if gene.values is None else list(gene.values),
                )
                for gene in genes
            ],
        )
    except OSError as error:
        raise RunFolderError(
            f"a folder that can be written to at {path}", found=str(error), remedy="choose another one with --out"
        ) from error
    return run, RunContext(problem)


def _run(run: RunFolder, context: RunContext, observer: Observer) -> RunFolder:
    problem = context.problem
    with kept_running(), alone_with(run.path / RUN_FILE), run.opened():
        (run.path / CLAIM).unlink(missing_ok=True)  # of a process that was killed just then
        start, before = time.perf_counter(), run.facts().seconds

        def elapsed() -> float:
            return before + time.perf_counter() - start

        search = problem.config.search
        stopping = Stopping(search, elapsed=elapsed, trains=_n_trainings(problem) > 0)
        try:
            with problem.limits():
                stages: StageFactory[Any] = resolve(problem.stage_factory)(run, problem, observer)
                state = SearchState(run, stages, stopping=stopping, observer=observer)
                reason = (steady_state if search.mode == "asynchronous" else generational)(state)
                if search.has_baseline and search.algorithm != "random":
                    search_at_random(state, len(state.rows))
                if search.has_uniform:
                    evaluate_uniform(state)
                _deliver(state)
            fronts = (front_table(run), front_table(run, is_estimated=True))
            genomes = list(dict.fromkeys(genome for front in fronts for genome in front["genome"]))
            networks, warnings = state.problem.describe(genomes)
            run.warn(*stages.warnings(), *warnings)
            run.store_networks(networks)
            run.store(stop_reason=reason.value)
        finally:
            run.store(seconds=elapsed())
        try:
            write_reports(run)
            run.store(has_reports=True)
        except Exception as error:  # a search that is done does not fail for want of a page
            again = f"evonas report {quote(str(run.path))}"
            run.warn(f"the reports could not be written ({in_a_line(error)}); everything else is done. Again: {again}")
    return run


def _deliver(state: SearchState) -> None:
    """Measure the best of the search, and as many of what it is compared with."""
    settings = state.settings
    beside = {
        Origin.RANDOM: settings.has_baseline and settings.algorithm != "random",
        Origin.UNIFORM: settings.has_uniform,
    }
    origins = [Origin.SEARCH, *(origin for origin, is_there in beside.items() if is_there)]
    wanted, stopping = _n_trainings(state.problem), state.stopping
    state.stages.deliver(state.stage, dict.fromkeys(origins, wanted), may_go_on=lambda: not stopping.is_over)


def _n_trainings(problem: Problem) -> int:
    """How many networks of the search are trained at its end."""
    trainings = problem.config.search.trainings
    if problem.is_table or problem.measures.quality not in problem.measures.objectives:
        return 0
    assert trainings != "auto", "a run's own file says what was chosen"
    return trainings
