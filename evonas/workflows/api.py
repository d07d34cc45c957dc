"""The functions behind ``import evonas``: a search, and what is done with its run, in one call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from evonas import progress
from evonas.config.load import load_config
from evonas.errors import RunFileError
from evonas.run import engine
from evonas.spaces import Space
from evonas.workflows import run_handle
from evonas.workflows.batch import Batch, run_batch
from evonas.workflows.compare import compare_runs
from evonas.workflows.run_handle import Run
from reports.comparison.comparison import Comparison


def search(
    x: Any = None,
    y: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    *,
    groups: Any = None,
    run_file: str | Path | None = None,
    preset: str | None = None,
    out: str | Path | None = None,
    overrides: dict[str, Any] | None = None,
    space: Space | None = None,
    show_progress: bool = False,
) -> Run:
    """Run a whole search and return it: ``evonas.search("mine.toml")``, or ``evonas.search(x, y)`` on data at hand.

    Args:
        x: Images of any numbers as an array, a tensor, a data frame or nested lists: ``(n, height, width)``, ``(n,
            height, width, channels)``, or as ``axes`` and ``shape`` under ``[data]`` say; or a data set of pairs, such
            as one of torch, whose tensors are ``(channels, height, width)``; or the path of a run file.
        y: A label for each image, ``(n,)``: numbers, texts, or anything that can be told apart by its text.
        x_test, y_test: The same for the test, which a search does not touch; by default a share of the images.
        groups: Whom or what each image is of, such as its speaker, ``(n,)``: no group is in two parts of the split.
        run_file: A TOML file; None for all defaults, which search on scikit-learn's digits where no images are given.
        preset: Ready-made values under the run file's: ``tas``, ``ubnas``, ``tga``, ``lpnas``, ``nce`` or ``joint``.
        out: Folder of the run; ``runs/NAME-TIME`` by default. It keeps a copy of the images given.
        overrides: Keys as in the run file, such as ``{"seed": 1, "search": {"budget": 200}}``.
        space: A search space as an object, instead of the run file's.
        show_progress: Whether to show bars on stderr.

    Raises:
        EvonasError: Of one of the kinds in :mod:`evonas.errors`: a mistake in the run file, the images, the folder.
    """
    if isinstance(x, (str, Path)):
        if run_file is not None:
            raise RunFileError("one run file", found=f"{x} and {run_file}", remedy="give one of them")
        x, run_file = None, x
    overrides = dict(overrides or {})
    has_data = any(one is not None for one in (x, y, x_test, y_test, groups))
    if has_data:
        overrides["data"] = {**overrides.get("data", {}), "source": "given"}
    given = None if space is None else type(space).__name__
    config = load_config(None if run_file is None else Path(run_file), overrides, preset=preset, given_space=given)
    arrays = None
    if has_data:
        form = import_module("evonas.training.datasets.forms.given")  # slow to load, and tables need no images
        parts, data = form.given_parts(x, y, x_test, y_test, config.data, groups=groups)
        config, arrays = config.model_copy(update={"data": data}), form.named_arrays(parts)
    folder = None if out is None else Path(out)
    with progress.observer(is_visible=show_progress) as observer:
        return Run(engine.search(config, folder, space=space, arrays=arrays, observer=observer), space)


def resume(
    path: str | Path,
    *,
    space: Space | None = None,
    workers: int | None = None,
    may_run_code: bool = False,
    show_progress: bool = False,
) -> Run:
    """Resume a run that was stopped; the result is as if it had never stopped.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.
        workers: Processes, instead of the run file's.
        may_run_code: Whether to load what a run names, such as Python files, that this user did not start on this
            machine.
        show_progress: Whether to show bars on stderr.

    Raises:
        RunFolderError: It holds no run, names code and its origin is unknown, or settings, space, images or
            versions are others than at its start.
    """
    run = run_handle.open_run(Path(path), space=space, may_run_code=may_run_code)
    overrides = {} if workers is None else {"compute": {"workers": workers}}
    with progress.observer(is_visible=show_progress) as observer:
        engine.resume(run.folder, overrides=overrides, space=space, may_run_code=may_run_code, observer=observer)
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


def open_run(path: str | Path, *, space: Space | None = None, may_run_code: bool = False) -> Run:
    """Open the folder of an earlier run.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.
        may_run_code: Whether to load what a run names, such as Python files, that this user did not start on this
            machine; looking at it needs none of that.

    Raises:
        RunFolderError: It holds no run, or one of another version.
    """
    return run_handle.open_run(Path(path), space=space, may_run_code=may_run_code)
