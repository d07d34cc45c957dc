"""evonas: evolutionary, multi-objective neural architecture search of very small ternary, binary and low-bit networks.

Three lines are a whole search:

    import evonas
    run = evonas.search()      # scikit-learn's digits; evonas.search("run.toml") for your own images
    print(run.front())         # a pandas DataFrame, one row per network

Rooms, each higher one may use lower ones only:

- ``cli``: the command line.
- ``workflows``: what is done with runs: train, trust, export, batch, compare.
- ``run``: one search, from the run file to the report.
- ``algorithms``: ask and tell.
- ``evaluation``: from a genome to its values.
- ``training``: supernets, single networks, data sets.
- ``config``: the run file.
- ``export``: files for other runtimes.
- ``spaces``: search spaces.
- ``nets``: networks that run, quantizers.
- ``architecture``: what a network is, as plain data.

Beside them ``errors``, ``files``, ``plugins``, ``progress``, ``seeding`` and ``version``, which any of them may use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evonas.version import __version__

if TYPE_CHECKING:
    from evonas.architecture.graph import Architecture, Op
    from evonas.architecture.methods import Method
    from evonas.errors import EvonasError
    from evonas.nets.quant.quantizer import Quantizer
    from evonas.spaces.genome import Gene
    from evonas.spaces.problem import Problem
    from evonas.spaces.space import NetworkSpace, Space, TableSpace
    from evonas.workflows.batch import Batch
    from evonas.workflows.export_picks import Verification
    from evonas.workflows.run_handle import Run
    from evonas.workflows.train_picks import Training
    from objectives import Layer, Objective
    from reports.tables.comparison import Comparison

_EXPORTS = {
    "Architecture": "evonas.architecture.graph",
    "Batch": "evonas.workflows.batch",
    "Comparison": "reports.tables.comparison",
    "EvonasError": "evonas.errors",
    "Gene": "evonas.spaces.genome",
    "Layer": "objectives",
    "Method": "evonas.architecture.methods",
    "NetworkSpace": "evonas.spaces.space",
    "Objective": "objectives",
    "Op": "evonas.architecture.graph",
    "Problem": "evonas.spaces.problem",
    "Quantizer": "evonas.nets.quant.quantizer",
    "Run": "evonas.workflows.run_handle",
    "Space": "evonas.spaces.space",
    "TableSpace": "evonas.spaces.space",
    "Training": "evonas.workflows.train_picks",
    "Verification": "evonas.workflows.export_picks",
}
"""Where each public name lives; it is loaded when it is first asked for, for most bring a library along."""

__all__ = [
    "Architecture",
    "Batch",
    "Comparison",
    "EvonasError",
    "Gene",
    "Layer",
    "Method",
    "NetworkSpace",
    "Objective",
    "Op",
    "Problem",
    "Quantizer",
    "Run",
    "Space",
    "TableSpace",
    "Training",
    "Verification",
    "__version__",
    "batch",
    "compare",
    "open_run",
    "resume",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_EXPORTS[name]), name)
    return found


def _check_siblings() -> None:
    """evonas comes with three packages of plain names; say so if a file of the user's hides one of them."""
    home = Path(__file__).resolve().parent.parent
    for name in ("objectives", "surrogates", "reports"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin != home / name / "__init__.py":
            raise ImportError(
                f"evonas needs its own package {name!r} ({home / name}), but Python finds {origin} first. "
                "Rename that file, or run the command evonas, which does not look there."
            )


_check_siblings()


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
    from evonas import progress
    from evonas.config.load import load_config
    from evonas.run.engine import search as run_search
    from evonas.workflows.run_handle import Run

    given = None if space is None else type(space).__name__
    config = load_config(None if run_file is None else Path(run_file), overrides, preset=preset, given_space=given)
    with progress.observer(is_visible=show_progress) as observer:
        return Run(run_search(config, None if out is None else Path(out), space=space, observer=observer), space)


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
    from evonas import progress
    from evonas.run.engine import resume as resume_run
    from evonas.workflows.run_handle import open_run as open_folder

    run = open_folder(Path(path), space=space)
    overrides = {} if workers is None else {"compute": {"workers": workers}}
    with progress.observer(is_visible=show_progress) as observer:
        resume_run(run.folder, overrides=overrides, space=space, observer=observer)
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
    from evonas import progress
    from evonas.workflows.batch import run_batch

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
    from evonas.workflows.compare import compare_runs

    return compare_runs(paths)


def open_run(path: str | Path, *, space: Space | None = None) -> Run:
    """Open the folder of an earlier run.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.

    Raises:
        RunFolderError: It holds no run, or one of another version.
    """
    from evonas.workflows.run_handle import open_run as open_folder

    return open_folder(Path(path), space=space)
