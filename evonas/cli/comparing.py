"""The subcommand that holds runs against one another: compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.shared import Quiet
from evonas.errors import RunFolderError


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs or of batches; those that differ in the seed are pooled.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write a page and CSV files there, too.", show_default=False)] = None,
    quiet: Quiet = False,
) -> None:
    """Compare searches: hypervolumes on one scale, over seeds, and whether a lead is more than luck."""
    from evonas.comparing import compare_runs
    from evonas.tables import print_comparisons
    from reports.contest_page import write_comparison

    if out is not None and out.exists() and not out.is_dir():
        raise RunFolderError("a folder for the page", found=f"a file, {out}", remedy="choose another one with --out")
    found = compare_runs(runs)
    if not quiet:
        print_comparisons(found)
    if out is not None:
        page = write_comparison(found, out, title=" and ".join(path.name for path in runs))
        typer.echo(f"page: {page}")
