"""Actions of the subcommands that ``search`` declares."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from evonas.cli.options import display_of, say
from evonas.cli.print_front import print_front
from evonas.cli.print_tables import print_comparisons, print_genes, print_selfcheck, print_spaces
from evonas.config.load import load_config
from evonas.errors import RunFileError
from evonas.plugins import resolve
from evonas.run import engine
from evonas.run.context import open_context
from evonas.run.lock import new_folder
from evonas.spaces import SPACES
from evonas.workflows.batch import Batch, is_batch, resume_batch, run_batch
from evonas.workflows.batch_plan import read_plan
from evonas.workflows.run_handle import open_run
from evonas.workflows.selfcheck import is_sound
from evonas.workflows.selfcheck import selfcheck as run_selfcheck
from reports.pages.comparison_page import PAGE
from reports.tables.front import front_volume
from reports.tables.search import outcome_sentence, predictor_sentence

DIGITS: dict[str, Any] = {"input_shape": (1, 8, 8), "n_classes": 10}  # known without reading them


def search(
    run_file: Path | None, *, preset: str | None, out: Path | None, keys: Mapping[str, Any], quiet: bool
) -> None:
    """Run a search; ``keys`` are the run file's keys that options set, with dots; None for options left out."""
    if _has_helped():
        return
    overrides: dict[str, Any] = {}
    for key, value in keys.items():
        section, _, name = key.rpartition(".")
        if value is not None:
            (overrides.setdefault(section, {}) if section else overrides)[name] = value
    config = load_config(run_file, overrides, preset=preset)
    folder = out or new_folder(config.name)
    try:
        with display_of(quiet=quiet, folder=folder) as display:
            engine.search(config, folder, observer=display)
    finally:
        if out is None and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    _print_result(folder, quiet=quiet)


def resume(path: Path, *, workers: int | None, may_run_code: bool, quiet: bool) -> None:
    """Resume a run or a batch."""
    if _has_helped():
        return
    with display_of(quiet=quiet, folder=path) as display:
        if is_batch(path):
            _print_batch(resume_batch(path, workers=workers, may_run_code=may_run_code, observer=display), quiet=quiet)
            return
        overrides = {} if workers is None else {"compute": {"workers": workers}}
        engine.resume(open_run(path).folder, overrides=overrides, may_run_code=may_run_code, observer=display)
    _print_result(path, quiet=quiet)


def batch(plan: Path, *, out: Path | None, workers: int | None, quiet: bool) -> None:
    """Run a batch."""
    folder = out or new_folder(read_plan(plan)[0].name)
    with display_of(quiet=quiet, folder=folder) as display:
        done = run_batch(plan, folder, workers=workers, observer=display)
    _print_batch(done, quiet=quiet)


def spaces(run_file: Path | None, *, genes: bool) -> None:
    """List the search spaces."""
    config = load_config(run_file)
    kind, images, own = config.space.kind, DIGITS, {}
    if run_file is not None:
        context = open_context(config)
        own = {kind: context.space}
        if not context.problem.is_table:
            images = {"input_shape": context.dataset.input_shape, "n_classes": context.dataset.n_classes}
    built, refused = {}, {}
    for name, space in SPACES.items():
        try:
            built[name] = own.get(name) or space.of(**images)
        except RunFileError as error:  # not for such images
            refused[name] = error.wanted
    print_spaces(built | own, refused=refused, configured=kind if run_file else None, **images)
    if genes:
        print_genes(kind, built[kind].genes)


def selfcheck(*, seeds: int, quiet: bool) -> None:
    """Search the small table; exit with 1 if the engine is no better than simpler searches."""
    with display_of(quiet=quiet) as display:
        table = run_selfcheck(seeds=seeds, observer=display)
    if not quiet:
        print_selfcheck(table)
    if not is_sound(table):
        say("evonas selfcheck: the engine searches no better than simpler methods; something is broken", err=True)
        sys.exit(1)


def _has_helped() -> bool:
    """Whether this is one of several processes of torchrun, and not the first: then it has helped and is done."""
    if int(os.environ.get("RANK", "0")) == 0:
        return False
    resolve("evonas.run.torchrun_helper:help_out")()
    return True


def _print_batch(done: Batch, *, quiet: bool) -> None:
    if not quiet:
        print_comparisons(done.comparisons)
        say(f"page: {done.path / PAGE}")
    for name, reason in done.failures.items():
        say(f"failed: {name}: {reason}", err=True)
    if done.failures:
        sys.exit(1)


def _print_result(folder: Path, *, quiet: bool) -> None:
    if quiet:
        return
    run = open_run(folder)
    facts = run.folder.facts()
    print_front(run)
    say(f"search: {outcome_sentence(run.folder)}. {facts.stop_reason}")
    if known := predictor_sentence(run.folder):
        say(f"predictors: {known}")
    if facts.estimate_reason:
        say(f"estimate: {facts.estimate_reason}")
    for warning in facts.warnings:
        say(f"warning: {warning}")
    if facts.has_reports:
        say(f"report: {folder / 'report.html'}")
    if not facts.is_table:
        deed = "train" if front_volume(run.folder) is None else "export"
        say(f"next:   evonas {deed} {quote(str(folder))} --pick knee")
