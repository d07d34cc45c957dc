"""The subcommands that look at a run: front, show, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.shared import RunArgument, check_one_of
from evonas.errors import GenomeError, RunFileError, SelectionError

if TYPE_CHECKING:
    import pandas as pd

    from evonas.run import Run


def front(run: RunArgument) -> None:
    """Print the Pareto front of a run."""
    from evonas.run import open_run
    from evonas.tables import print_front

    print_front(open_run(run))


def show(
    genome: Annotated[
        str, typer.Argument(help="Choices joined by dashes, as in front.csv; with --run, or an evaluation's id.")
    ],
    run: Annotated[Path | None, typer.Option(help="Run folder that it is of.", show_default=False)] = None,
    config: Annotated[Path | None, typer.Option(help="Run file of its search space.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="Draw it too: .png, .svg or .pdf.", show_default=False)] = None,
    form: Annotated[str, typer.Option("--format", help="text, or json.")] = "text",
) -> None:
    """Print a network layer by layer, and what it costs; draw it."""
    from evonas.config import load_config
    from evonas.genome import from_text, to_text
    from evonas.provenance import check_unchanged
    from evonas.run import open_run
    from evonas.setup import open_setup
    from evonas.tables import architecture_table, print_json, print_network

    check_one_of(form, ("text", "json"), wanted="a known --format")
    if out is not None:
        check_one_of(out.suffix.lower(), (".png", ".svg", ".pdf"), wanted="a picture's suffix in --out")
    if run is not None and config is not None:
        raise RunFileError("--run or --config", found="both", remedy="leave one out; a run has its own run file")
    if run is not None:
        opened = open_run(run)
        config, genome = run / "run.toml", _genome_of(opened, genome)
    setup = open_setup(load_config(config))
    space = setup.network_space
    if run is not None:
        check_unchanged(opened.folder, setup.config, setup.data, space)
    if genome.isdecimal() and len(space.genes) > 1:
        raise GenomeError(
            f"{len(space.genes)} choices joined by dashes, or an evaluation's id together with --run",
            found=genome,
            remedy="say which run the evaluation is of: --run FOLDER",
        )
    vector = from_text(genome, space.genes)
    architecture = space.decode(vector)
    if architecture.dead_reason is not None:
        raise GenomeError(
            "a network that sees its image",
            found=architecture.dead_reason,
            remedy=f"take its nearest living relative: {to_text(space.repair(vector))}",
        )
    canonical = to_text(space.canonical(vector))
    table = architecture_table(architecture)
    if form == "json":
        print_json(table, architecture.layers, genome=genome, canonical=canonical)
    else:
        print_network(table, architecture.layers)
        if canonical != to_text(vector):
            typer.echo(f"note: the genome is not canonical; the same network in canonical form: {canonical}")
    if out is not None:
        _draw(table, out)
        typer.echo(f"picture: {out}", err=form == "json")


def report(run: RunArgument) -> None:
    """Write front.csv, the figures and report.html anew from the archive."""
    from evonas.run import open_run

    typer.echo(open_run(run).report())


def _genome_of(run: Run, text: str) -> str:
    """The genome of one of a run's evaluations; a text that is no id is taken for a genome."""
    if not text.isdecimal():
        return text
    table = run.evaluations()
    found = table.loc[table["id"] == int(text), "genome"]
    if found.empty:
        raise SelectionError(
            f"an evaluation's id from 1 to {len(table)}", found=text, remedy=f"take ids from evonas front {run.path}"
        )
    return str(found.iloc[0])


def _draw(table: pd.DataFrame, path: Path) -> None:
    from reports.figures import draw_network, save

    try:
        save(draw_network(table), path)
    except OSError as error:
        raise RunFileError("a place to write the picture to", found=str(error), remedy="change --out") from error
