"""The functions behind ``import evonas``: a search, and what is done with its run, in one call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evonas import progress
from evonas.config.load import load_config
from evonas.run import engine
from evonas.spaces import Space
from evonas.workflows import run_handle
from evonas.workflows.batch import Batch, run_batch
from evonas.workflows.compare import compare_runs
from evonas.workflows.run_handle import Run
from reports.comparison.comparison import Comparison


def search(
    run_file: str | Path | None = None,
    *,
    preset: str | None = None,
    out: str | Path | None = None,
    overrides: dict[str, Any] | None = None,
    space: Space | None = None,
    show_progress: bool = False,
) -> Run:
    """Run a whole search and return it.

    Args:
        run_file: A TOML file; None for all defaults, which search on scikit-learn's digits.
        preset: Ready-made values under the run file's: ``tas``, ``ubnas``, ``tga``, ``lpnas``, ``nce`` or ``joint``.
        out: Folder of the run; ``runs/NAME-TIME`` by default.
        overrides: Keys as in the run file, such as ``{"seed": 1, "search": {"budget": 200}}``.
        space: A search space as an object, instead of the run file's.
        show_progress: Whether to show bars on stderr.

    Raises:
        EvonasError: Of one of the kinds in :mod:`evonas.errors`: a mistake in the run file, the images, the folder.
    """
    given = None if space is None else type(space).__name__
    config = load_config(None if run_file is None else Path(run_file), overrides, preset=preset, given_space=given)
    with progress.observer(is_visible=show_progress) as observer:
        return Run(engine.search(config, None if out is None else Path(out), space=space, observer=observer), space)


def resume(
    path: str | Path, *, space: Space | None = None, workers: int | None = None, show_progress: bool = False
) -> Run:
    """Resume a run that was stopped; the result is as if it had never stopped.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.
        workers: Processes, instead of the run file's.
        show_progress: Whether to show bars on stderr.

    Raises:
        RunFolderError: It holds no run, or settings, space, images or versions are others than at its start.
    """
    run = run_handle.open_run(Path(path), space=space)
    overrides = {} if workers is None else {"compute": {"workers": workers}}
    with progress.observer(is_visible=show_progress) as observer:
        engine.resume(run.folder, overrides=overrides, space=space, observer=observer)
    return run


def batch(
    plan: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    show_progress: bool = False,
) -> Batch:
    """Run a grid of searches side by side, and compare them.

    Args:
        plan: A TOML file, or the same as plain data: ``{"run": {…}, "grid": {"seed": [0, 1, 2]}}``.
        out: Folder of the batch, ``runs/NAME-TIME`` by default; one that was stopped is resumed.
        workers: Runs side by side, instead of the plan's.
        show_progress: Whether to show a bar on stderr.

    Raises:
        EvonasError: The plan or a run file is wrong, the folder holds something else, or every run failed.
    """
    source = Path(plan) if isinstance(plan, (str, Path)) else plan
    with progress.observer(is_visible=show_progress) as observer:
        return run_batch(source, None if out is None else Path(out), workers=workers, observer=observer)


def compare(paths: Sequence[str | Path]) -> list[Comparison]:
    """Compare runs: hypervolumes on one scale, mean and band over seeds, pairwise tests, attainment.

    Args:
        paths: Folders of runs or batches.

    Returns:
        One for every set of runs on the same images and for the same objectives.

    Raises:
        RunFolderError: A folder holds no run, or there is only one.
    """
    return compare_runs(paths)


def open_run(path: str | Path, *, space: Space | None = None) -> Run:
    """Open the folder of an earlier run.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.

    Raises:
        RunFolderError: It holds no run, or one of another version.
    """
    return run_handle.open_run(Path(path), space=space)
