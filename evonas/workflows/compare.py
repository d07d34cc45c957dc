"""Compare runs: which ones are meant, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evonas.errors import RunFolderError
from evonas.workflows.batch import PLAN, Batch
from evonas.workflows.run_handle import open_run
from reports.comparison.comparison import Comparison, comparable_runs, compare
from reports.run_folder.folder import RunFolder


def compared_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """The runs in folders of runs and of batches, each once.

    Raises:
        RunFolderError: A folder holds neither, a run has no evaluations yet, or there is only one run.
    """
    runs: dict[Path, RunFolder] = {}
    for path in paths:
        found = Batch(path, {}).runs if (path / PLAN).is_file() else [open_run(path).folder]
        runs |= {run.path.resolve(): run for run in found}
    empty = [run.path for run in runs.values() if run.evaluations(origin="search", columns=["id"]).empty]
    if empty or len(runs) < 2:
        raise RunFolderError(
            "two runs or more, with evaluations",
            found=f"none in {empty[0]}" if empty else f"{len(runs)} in {', '.join(map(str, paths)) or 'no folder'}",
            remedy="name folders of runs that have evaluated something, or of a batch",
        )
    return list(runs.values())


def compare_runs(paths: Sequence[str | Path]) -> list[Comparison]:
    """Compare runs; see :func:`compared_runs` for what may be named.

    Returns:
        One comparison for every set of runs that were made on the same images and for the same objectives.
    """
    return [compare(group) for group in comparable_runs(compared_runs([Path(path) for path in paths]))]
