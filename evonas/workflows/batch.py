"""A batch: every run of a plan side by side, each in a folder of its own, and one comparison at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from evonas.config.compute import ComputeConfig
from evonas.config.load import RunConfig, parse_config
from evonas.config.toml_file import MOST_BYTES_STORED, read_toml
from evonas.errors import EvaluationError, EvonasError, RunFolderError, in_a_line
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.files import write_atomically
from evonas.progress import Observer, Silent
from evonas.run.engine import resume, search
from evonas.run.lock import alone_with, new_folder
from evonas.run.provenance import check_origin, signed_part
from evonas.signing import is_own, signature
from evonas.workflows.batch_plan import Plan, read_plan
from evonas.workflows.run_handle import open_run
from reports.comparison.comparison import Comparison, comparable_runs, compare
from reports.pages.comparison_page import write_comparison
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import ARCHIVE

PLAN = "batch.toml"
LOST = "its worker was killed twice, most likely because memory ran out"


@dataclass(frozen=True)
class Batch:
    """A batch as it lies on disk.

    Attributes:
        path: Its folder.
        failures: Reasons by the name of a run.
    """

    path: Path
    failures: Mapping[str, str]

    @property
    def runs(self) -> list[RunFolder]:
        """The folders of its runs that ended, in the order of the plan."""
        names = _stored(self.path)["runs"]
        folders = [self.path / name for name in names if name not in self.failures]
        return [run for folder in folders if (run := _opened(folder)) is not None and run.facts().stop_reason]

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """One comparison for every set of its runs that can be compared."""
        return [compare(group) for group in comparable_runs(self.runs)]


def run_batch(
    source: Path | Mapping[str, Any],
    folder: Path | None = None,
    *,
    workers: int | None = None,
    observer: Observer | None = None,
) -> Batch:
    """Run all runs of a plan that are not done yet, and compare them.

    Each run is what ``evonas search`` makes of its run file with one worker; one that was interrupted is resumed.
    So a batch that is stopped, and started again in the same folder, ends like one that never stopped.

    Args:
        source: The plan, see :func:`evonas.workflows.batch_plan.read_plan`.
        folder: Where to; by default ``runs/NAME-TIME``. One that holds the same batch is resumed.
        workers: Runs side by side, instead of the plan's.
        observer: Receives progress updates, a step per run.

    Returns:
        The batch; runs that failed do not keep the others from being made and compared.

    Raises:
        RunFileError: The plan, or a run file of it, is wrong.
        RunFolderError: The folder holds something else, or another batch.
        EvaluationError: Every run failed.
    """
    plan, configs = read_plan(source)
    folder = folder or new_folder(plan.name)
    _store(folder, plan, configs)
    return _run(folder, plan.name, configs, workers=Workers.of(plan.compute, workers), observer=observer)


def resume_batch(
    folder: Path, *, workers: int | None = None, may_run_code: bool = False, observer: Observer | None = None
) -> Batch:
    """Resume a batch by its folder alone; see :func:`run_batch`.

    Raises:
        RunFolderError: Its plan is none; or it names code, and this user did not start it on this machine.
    """
    stored = _stored(folder)
    with _as_plan(folder):
        configs = {name: parse_config(raw, source=str(folder / PLAN)) for name, raw in stored["runs"].items()}
        compute, name = ComputeConfig.of(**stored["compute"]), str(stored["name"])
        is_trusted = may_run_code or is_own(_signed_part(configs, compute), str(stored.get("signature", "")))
    if odd := [run for run in configs if not re.fullmatch(r"\w[\w.-]*", run)]:
        raise RunFolderError(f"names of runs in {folder / PLAN}", found=odd[0], remedy="run its plan in another folder")
    for config in (*configs.values(), RunConfig(compute=compute)):
        check_origin(config, signed=is_trusted, where=folder)
    chosen = Workers.of(compute, workers)
    return _run(folder, name, configs, workers=chosen, may_run_code=may_run_code, observer=observer)


@contextmanager
def _as_plan(folder: Path) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"the plan that evonas batch stored in {folder / PLAN}",
            found=in_a_line(error),
            remedy="restore it from a copy, or run its plan in another folder",
        ) from error


def _signed_part(configs: Mapping[str, RunConfig], compute: ComputeConfig) -> str:
    return json.dumps([[name, signed_part(config)] for name, config in configs.items()] + [compute.model_dump_json()])


def is_batch(folder: Path) -> bool:
    """Whether a folder holds a batch."""
    return (folder / PLAN).is_file()


def _run(
    folder: Path,
    name: str,
    configs: Mapping[str, RunConfig],
    *,
    workers: Workers,
    observer: Observer | None,
    may_run_code: bool = False,
) -> Batch:
    observer, folder = observer or Silent(), folder.resolve()  # workers may have another working folder
    with alone_with(folder / PLAN):
        observer.phase("runs of the batch", total=len(configs))
        parent = os.getpid() if workers.backend == "loky" else 0
        jobs = [(folder / run, config, parent, may_run_code) for run, config in configs.items()]
        failures: dict[str, str] = {}
        results = map_in_order(_run_one, jobs, workers=workers.at_most(len(jobs)), on_loss=lambda: LOST)
        for done, (run, reason) in enumerate(zip(configs, results, strict=True), start=1):
            failures |= {run: reason} if reason else {}
            observer.advance(done, note=run)
        batch = Batch(folder, failures)
        if not batch.runs:
            first = next(iter(failures))
            raise EvaluationError(
                "a batch of which at least one run ends",
                found=f"{len(failures)} that failed; {first}: {failures[first]}",
                remedy="correct the plan and start anew in another folder",
            )
        write_comparison(batch.comparisons, folder, title=name)
    return batch


def _store(folder: Path, plan: Plan, configs: Mapping[str, RunConfig]) -> None:
    """Store what the batch is, complete and with absolute paths; or check that the same is stored."""
    runs = {name: config.model_dump(mode="json") for name, config in configs.items()}
    signed = signature(_signed_part(configs, plan.compute))
    whole = {"name": plan.name, "signature": signed, "compute": plan.compute.model_dump(), "runs": runs}
    text = tomli_w.dumps(whole)
    if is_batch(folder):
        before = _stored(folder)["runs"]
        changed = [name for name in {**before, **runs} if before.get(name) != runs.get(name)]
        if changed:
            raise RunFolderError(
                f"the batch that {folder} was started with",
                found=f"another plan; runs that differ: {', '.join(changed[:5])}",
                remedy="change the plan back, or choose another folder with --out",
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunFolderError(
            "a new or empty folder for the batch", found=f"files in {folder}", remedy="choose another one with --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / PLAN, text)
    except OSError as error:
        raise RunFolderError(
            f"a folder that can be written to at {folder}", found=str(error), remedy="choose another one with --out"
        ) from error


def _stored(folder: Path) -> dict[str, Any]:
    return read_toml(folder / PLAN, wanted="a batch", form="docs/guide/scaling.md", most=MOST_BYTES_STORED)


def _run_one(folder: Path, config: RunConfig, parent: int, may_run_code: bool) -> str:
    """Make one run, or resume it; returns the reason if it fails, in one line."""
    if not is_batch(folder.parent):
        raise RunFolderError(
            f"a worker that sees {folder.parent}", found="no batch there", remedy="share the folder with all machines"
        )
    try:
        found = _opened(folder)
        if found is not None and found.facts().has_reports:
            return ""
        if found is not None:
            resume(found, overrides={"compute": {"workers": 1}}, may_run_code=may_run_code, observer=_Orphan(parent))
        else:
            shutil.rmtree(folder, ignore_errors=True)  # a run that was killed before it had an archive
            search(config, folder, observer=_Orphan(parent))
    except EvonasError as error:
        return f"wanted {error.wanted}; found {error.found}"
    except Exception as error:  # memory that ran out, a mistake in a user's own code: the other runs continue
        return in_a_line(error)
    return ""


def _opened(folder: Path) -> RunFolder | None:
    return open_run(folder).folder if (folder / ARCHIVE).is_file() else None


class _Orphan:
    """Ends a worker at its next progress report once its batch is gone, so that another may resume the run.

    Args:
        parent: The batch's process; 0 where it is on another machine.
    """

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def phase(self, title: str, *, total: int) -> None:
        """See :class:`evonas.progress.Observer`."""
        del title, total
        self._look()

    def advance(self, done: int, *, note: str = "") -> None:
        """See :class:`evonas.progress.Observer`."""
        del done, note
        self._look()

    def _look(self) -> None:
        if self.parent and self.parent not in (os.getpid(), os.getppid()):
            os._exit(1)
