"""The subcommands that look at runs: front, show, report, plot, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.options import PICK_HELP, Quiet, RunArgument, TrustCode, check_one_of, looking_at
from evonas.errors import RunFileError

FORMATS = ("table", "csv", "json", "markdown")


def front(
    run: RunArgument,
    where: Annotated[
        str | None, typer.Option(help="Such as 'model_size < 8KiB and error < 5%'.", show_default=False)
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="Columns, such as model_size; -model_size: largest first.", show_default=False)
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Such as id,error,energy.", show_default="those that the search went by")
    ] = None,
    pick: Annotated[str | None, typer.Option(help=PICK_HELP, show_default=False)] = None,
    form: Annotated[
        str, typer.Option("--format", help="table, csv, json or markdown; the last three hold all rows.")
    ] = "table",
) -> None:
    """Print the Pareto front of a run, or a part of it."""
    from evonas.cli import inspect_actions

    check_one_of(form, FORMATS, wanted="a known --format")
    with looking_at(run):
        inspect_actions.front(run, form, where=where, sort=sort, columns=columns, pick=pick)


def show(
    run: Annotated[Path | None, typer.Argument(help="A run folder.", show_default=False)] = None,
    pick: Annotated[
        str | None,
        typer.Option(help="One network: knee, best:MEASURE, …, or any evaluation's id.", show_default="knee"),
    ] = None,
    genome: Annotated[
        str | None,
        typer.Option(help="Instead of a pick: choices joined by dashes, as in front.csv.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Run file whose space a genome without a run is of.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Draw it too: .png, .svg or .pdf.", show_default=False)] = None,
    form: Annotated[str, typer.Option("--format", help="text, or json.")] = "text",
    may_run_code: TrustCode = False,
) -> None:
    """Print a network layer by layer, and what it costs; draw it."""
    from evonas.cli import inspect_actions

    check_one_of(form, ("text", "json"), wanted="a known --format")
    if out is not None:
        check_one_of(out.suffix.lower(), (".png", ".svg", ".pdf"), wanted="a picture's suffix in --out")
    if run is not None and config is not None:
        raise RunFileError("a run or --config", found="both", remedy="leave one out; a run has its own run file")
    if genome is not None and pick is not None:
        raise RunFileError("--pick or --genome", found="both", remedy="leave one out")
    if run is None and genome is None:
        raise RunFileError(
            "a run folder, or --genome", found="neither", remedy="such as: evonas show runs/first --pick knee"
        )
    with looking_at(run, config):
        inspect_actions.show(
            run, pick=pick, genome=genome, config=config, out=out, form=form, may_run_code=may_run_code
        )


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; several are compared.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            help="A copy of the page; of several runs, a folder.", show_default="RUN/report.html, comparison/"
        ),
    ] = None,
) -> None:
    """Write a run's front.csv, figures and interactive page anew; several runs are compared, as by evonas compare."""
    from evonas.cli import inspect_actions

    with looking_at(*runs):
        inspect_actions.report(runs, out=out)


def plot(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    kind: Annotated[
        str,
        typer.Argument(
            help="front, front-3d, pairs, runs, attainment, hypervolume, genes, layers or ranks.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="The figure: .pdf, .svg or .png; its data goes beside it as .csv.")],
    x: Annotated[str | None, typer.Option(help="Measure across.", show_default="the first cost")] = None,
    y: Annotated[str | None, typer.Option(help="Measure upwards.", show_default="error")] = None,
    pick: Annotated[str, typer.Option(help="Of layers: which network.")] = "knee",
    width: Annotated[
        str, typer.Option(help="neurips, iclr, lncs, ieee-, acm-, icml- or cvpr-column or -page, or inches.")
    ] = "neurips",
) -> None:
    """Draw a figure for a paper: fonts embedded, a venue's width, data beside it."""
    from evonas.cli import inspect_actions

    check_one_of(out.suffix.lower(), (".pdf", ".svg", ".png"), wanted="a figure's suffix in --out")
    with looking_at(*runs):
        inspect_actions.plot(runs, kind, out=out, x=x, y=y, pick=pick, width=width)


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs or of batches; those that differ in the seed are pooled.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write a page and CSV files there, too.", show_default=False)] = None,
    quiet: Quiet = False,
) -> None:
    """Compare searches: hypervolumes on one scale, over seeds, and whether a lead is more than luck."""
    from evonas.cli import inspect_actions

    with looking_at(*runs):
        inspect_actions.compare(runs, out=out, quiet=quiet)
