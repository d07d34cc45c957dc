"""The main path: open what the run file names, train a supernet, explore, score the front again, write reports."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from evonas.asynchronous import Asynchronous
from evonas.collapse import collapse_warning
from evonas.config import RunConfig, dump_config, load_config
from evonas.errors import RunFileError, RunFolderError
from evonas.evaluation import Evaluator
from evonas.exploration import Exploration, provisional_bounds
from evonas.genome import from_text
from evonas.layer_tables import describe_front
from evonas.lock import alone_with
from evonas.measures import looked_up
from evonas.parallel import one_thread
from evonas.prescreening import chosen_predictors
from evonas.progress import Observer, Silent
from evonas.provenance import check_recipe, check_unchanged, started_with
from evonas.setup import Setup, open_setup
from evonas.spaces import NetworkSpace, Space, TableSpace
from evonas.spread import evenly
from evonas.stage import LookedUpStages, Stage, Stages
from evonas.stopping import Stopping
from evonas.together import release
from objectives.scaling import bounds_of
from reports.front import front_table
from reports.page import write_reports
from reports.run_folder import ARCHIVE, RunFolder

LEAST_LOSS = 1e-3  # where the scale of losses begins, as a share of that at chance


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
    setup, reasons = _decided(open_setup(config, space))
    config = setup.config
    meta = {
        **reasons,
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


def _decided(setup: Setup) -> tuple[Setup, dict[str, str]]:
    """The setup with what the run file leaves open chosen here, and the reasons; a resumed run reads the choice."""
    config, reasons = setup.config, {}
    if config.search.predictors == "auto":
        predictors, reasons["predictors_reason"] = chosen_predictors(setup.space)
        search = config.search.model_copy(update={"predictors": predictors})
        config = config.model_copy(update={"search": search})
    if config.estimate.method == "auto" and not isinstance(setup.space, TableSpace):
        from evonas.break_even import choose_method

        method, reasons["estimate_reason"] = choose_method(setup)
        config = config.model_copy(update={"estimate": config.estimate.model_copy(update={"method": method})})
    return replace(setup, config=config), reasons


def _run(run: RunFolder, setup: Setup, observer: Observer) -> RunFolder:
    with alone_with(run.path / "run.toml"), run.opened():
        start, before = time.perf_counter(), run.meta("seconds") or 0.0

        def elapsed() -> float:
            return before + time.perf_counter() - start

        search = setup.config.search
        stopping = Stopping(search, elapsed=elapsed)
        try:
            with _threads(setup.space):
                stages = _stages(run, setup, observer)
                explore = Asynchronous if search.mode == "asynchronous" else Exploration
                exploration = explore(run, stages, stopping=stopping, observer=observer)
                release()
                reason = exploration.search()
                if search.has_baseline and search.algorithm != "random":
                    exploration.search_at_random(len(exploration.rows))
                _score_front_again(run, stages, exploration.stage, observer)
            run.warn(*stages.warnings(), *_collapse(run, exploration.stage.setup))
            run.set_meta("stop_reason", reason.value)
            describe_front(run, exploration.stage.setup.space)
        finally:
            run.set_meta("seconds", elapsed())
        write_reports(run)
    return run


def _stages(run: RunFolder, setup: Setup, observer: Observer) -> Stages:
    if isinstance(setup.space, TableSpace):
        return LookedUpStages(setup)
    from evonas.estimation import EstimatedStages  # torch, which a table of results does without

    return EstimatedStages(run, setup, observer)


def _threads(space: Space) -> AbstractContextManager[None]:
    return nullcontext() if isinstance(space, TableSpace) else one_thread()


def _score_front_again(run: RunFolder, stages: Stages, stage: Stage, observer: Observer) -> None:
    """Fine-tune and score what the search found best, if the settings ask for it; the front is then drawn from that."""
    front = front_table(run, origin="search")
    estimator = stages.tuned_estimator(stage) if len(front) else None
    if estimator is None:
        return
    most = stage.setup.config.estimate.tuning_networks
    chosen = sorted(evenly(front["model_size"].to_numpy(dtype=float), most))
    evaluator = Evaluator(estimator, run, origins=("tuned",), stage=stage.number)
    genomes = np.stack([from_text(text, stage.setup.space.genes) for text in front["genome"].iloc[chosen]])
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


def _bounds(setup: Setup) -> dict[str, tuple[float, float]]:
    """Where the hypervolume's box begins and ends.

    For networks, the cheapest and dearest known beforehand, of widths that are still locked too, and chance; for a
    table, a thousand of its rows; for a formula, what the first generation finds, see :mod:`evonas.exploration`.
    """
    space, rng = setup.space, np.random.default_rng(0)
    first = space.repair(np.zeros(len(space.genes), dtype=np.int64))
    if provisional := provisional_bounds(space):
        return provisional
    if isinstance(space, TableSpace):
        found = [looked_up(space, genome).values for genome in (first, *space.sample(rng, 1000))]
        columns = {name: [values[name] for values in found if values] or [0.0, 1.0] for name in space.objectives}
        return bounds_of(columns)
    assert isinstance(space, NetworkSpace)
    genomes = [first, *space.corners(rng)]
    dearest = space.fully_unlocked().covering()
    networks = [architecture.layers for architecture in (*map(space.decode, genomes), *dearest)]
    counts = [setup.measures.counted(layers) for layers in networks]
    sound = [outcome.values for outcome in counts if not outcome.reason]
    if not sound:
        raise RunFileError("objectives that count networks", found=counts[0].reason, remedy="mend that objective")
    counted = {name: [values[name] for values in sound] for name in sound[0]}
    chance = 1 if setup.data is None else 1 - 1 / setup.data.n_classes
    at_chance = math.log(2 if setup.data is None else setup.data.n_classes)
    losses = (LEAST_LOSS * at_chance, at_chance)
    return {"error": (0.0, chance), "loss": losses, "latency": (1e-6, 1.0), **bounds_of(counted)}
