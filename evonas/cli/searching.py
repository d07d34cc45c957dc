"""The subcommands that search: search, resume, batch, spaces, selfcheck."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas import default_folder
from evonas.cli.shared import Quiet, RunArgument, Workers, display_of

if TYPE_CHECKING:
    from evonas.batches import Batch


def search(
    run_file: Annotated[
        Path | None,
        typer.Argument(help="A TOML file; without one, a search on scikit-learn's digits.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Ready-made values under the run file's; listed by evonas presets.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME-TIME")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything random but the split.", show_default=False)
    ] = None,
    workers: Workers = None,
    budget: Annotated[int | None, typer.Option(help="Networks to evaluate.", show_default=False)] = None,
    estimate: Annotated[
        str | None, typer.Option(help="one-shot, short-training, or auto: what takes less time.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for networks, estimating each cheaply; write the Pareto front and a report."""
    from evonas.config import load_config
    from evonas.engine import search as run_search
    from evonas.together import is_helper

    if is_helper():
        _help()
        return
    overrides: dict[str, Any] = {}
    if seed is not None:
        overrides["seed"] = seed
    if workers is not None:
        overrides["compute"] = {"workers": workers}
    if budget is not None:
        overrides["search"] = {"budget": budget}
    if estimate is not None:
        overrides["estimate"] = {"method": estimate}
    config = load_config(run_file, overrides, preset=preset)
    folder = out or default_folder(config.name)
    with display_of(quiet=quiet, folder=folder) as display:
        run_search(config, folder, observer=display)
    _print_result(folder, quiet=quiet)


def resume(run: RunArgument, workers: Workers = None, quiet: Quiet = False) -> None:
    """Go on with a run or a batch that was stopped; the result is as if it had never stopped."""
    from evonas.batches import is_batch, resume_batch
    from evonas.engine import resume as run_resume
    from evonas.run import open_run
    from evonas.together import is_helper

    if is_helper():
        _help()
        return
    if is_batch(run):
        with display_of(quiet=quiet, folder=run) as display:
            resumed = resume_batch(run, workers=workers, observer=display)
        _print_batch(resumed, quiet=quiet)
        return
    opened = open_run(run)
    with display_of(quiet=quiet, folder=run) as display:
        run_resume(opened.folder, workers=workers, observer=display)
    _print_result(run, quiet=quiet)


def batch(
    plan: Annotated[
        Path, typer.Argument(help="A TOML file with a [grid]; docs/scaling.md shows one.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the batch; one that was stopped goes on.", show_default="runs/NAME-TIME"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Runs side by side; 0: one a core.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a grid of searches side by side, and compare them."""
    from evonas.batch_plan import read_plan
    from evonas.batches import run_batch

    folder = out or default_folder(read_plan(plan)[0].name)
    with display_of(quiet=quiet, folder=folder) as display:
        done = run_batch(plan, folder, workers=workers, observer=display)
    _print_batch(done, quiet=quiet)


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one as a run file.", show_default="a list")] = None,
) -> None:
    """List the presets, ready-made runs for evonas search --preset; or print one."""
    from evonas.presets import preset_caption, preset_names, preset_text

    if name is not None:
        typer.echo(preset_text(name), nl=False)
        return
    for known in preset_names():
        typer.echo(f"{known:<7} {preset_caption(known)}")


def spaces(
    run_file: Annotated[
        Path | None,
        typer.Argument(help="Whose images, and whose space; without one, all defaults.", show_default=False),
    ] = None,
    genes: Annotated[bool, typer.Option("--genes", help="List the genes of the run file's space too.")] = False,
) -> None:
    """List the search spaces and how large they are."""
    from evonas.config import load_config
    from evonas.setup import open_setup
    from evonas.spaces import SPACES
    from evonas.tables import print_genes, print_spaces

    config = load_config(run_file)
    kind = config.space.kind
    images: dict[str, Any] = {"input_shape": (1, 8, 8), "n_classes": 10}  # the digits, without reading them
    own = {}
    if run_file is not None:
        setup = open_setup(config)
        own = {kind: setup.space}
        if setup.data is not None:
            images = {"input_shape": setup.data.input_shape, "n_classes": setup.data.n_classes}
    built = {name: make(**images) for name, make in SPACES.items()} | own
    print_spaces(built, configured=kind if run_file else None, **images)
    if genes:
        print_genes(kind, built[kind].genes)


def selfcheck(seeds: Annotated[int, typer.Option(min=1, help="Searches a method.")] = 3, quiet: Quiet = False) -> None:
    """Search a small table whose true front is known, beside simpler searches; fail if the engine is no better."""
    from evonas.selfcheck import is_sound
    from evonas.selfcheck import selfcheck as run_selfcheck
    from evonas.tables import print_selfcheck

    with display_of(quiet=quiet) as display:
        table = run_selfcheck(seeds=seeds, observer=display)
    if not quiet:
        print_selfcheck(table)
    if not is_sound(table):
        typer.echo(
            "evonas selfcheck: the engine searches no better than simpler methods; something is broken", err=True
        )
        sys.exit(1)


def _help() -> None:
    """One of several processes of torchrun, and not the first."""
    from evonas.helping import help_out

    help_out()


def _print_batch(done: Batch, *, quiet: bool) -> None:
    from evonas.tables import print_comparisons
    from reports.contest_page import PAGE

    if not quiet:
        print_comparisons(done.comparisons)
        typer.echo(f"page: {done.path / PAGE}")
    for name, reason in done.failures.items():
        typer.echo(f"failed: {name}: {reason}", err=True)
    if done.failures:
        sys.exit(1)


def _print_result(folder: Path, *, quiet: bool) -> None:
    from evonas.front_text import print_front
    from evonas.run import open_run
    from reports.search import outcome_sentence, predictor_sentence

    if not quiet:
        run = open_run(folder)
        print_front(run)
        typer.echo(f"search: {outcome_sentence(run.folder)}. {run.folder.meta('stop_reason')}")
        if known := predictor_sentence(run.folder):
            typer.echo(f"predictors: {known}")
        if run.folder.meta("estimate_reason"):
            typer.echo(f"estimate: {run.folder.meta('estimate_reason')}")
        for warning in run.folder.meta("warnings") or []:
            typer.echo(f"warning: {warning}")
        typer.echo(f"report: {folder / 'report.html'}\nnext:   evonas train {folder} --pick knee")
