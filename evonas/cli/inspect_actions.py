"""Actions of the subcommands that ``inspect`` declares. A run's own files are loaded only to decode a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evonas.cli.figures import draw_network_to, plot_to
from evonas.cli.network_view import of_genome, of_run
from evonas.cli.options import say
from evonas.cli.print_front import print_configuration, print_front_as
from evonas.cli.print_tables import print_comparisons, print_json, print_network
from evonas.errors import RunFileError, RunFolderError
from evonas.workflows.compare import compare_runs
from evonas.workflows.run_handle import open_run
from reports.pages.comparison_page import write_comparison
from reports.pages.page import run_page
from reports.run_folder.files import write_atomically
from reports.tables.snapshot import Snapshot


def front(run: Path, form: str, *, where: str | None, sort: str | None, columns: str | None, pick: str | None) -> None:
    """Print a front."""
    print_front_as(open_run(run), form, where=where, sort=sort, columns=columns, pick=pick)


def show(
    run: Path | None,
    *,
    pick: str | None,
    genome: str | None,
    config: Path | None,
    out: Path | None,
    form: str,
    may_run_code: bool,
) -> None:
    """Print a network; draw it."""
    if run is not None and genome is None and (opened := open_run(run)).folder.facts().is_table:
        if out is not None:
            raise RunFileError("a network to draw", found="values without layers", remedy="leave out --out")
        print_configuration(opened, pick or "knee", form)
        return
    if run is not None and genome is None:
        view = of_run(run, pick or "knee", may_run_code=may_run_code)
    else:
        view = of_genome(genome or "", run, config, may_run_code=may_run_code)
    if form == "json":
        print_json(view)
    else:
        print_network(view)
    if out is not None:
        draw_network_to(view.table, out)
        say(f"picture: {out}", err=form == "json")


def report(runs: Sequence[Path], *, out: Path | None) -> None:
    """Write the page of a run; compare several."""
    if len(runs) > 1:
        compare(runs, out=out or Path("comparison"), quiet=False)
        return
    run = open_run(runs[0])
    try:
        page = run.report()
        content = page.read_text(encoding="utf-8")
    except OSError as error:
        if out is None:
            raise RunFolderError(
                f"a run folder that can be written to at {run.path}", found=str(error), remedy="name a file with --out"
            ) from error
        content = run_page(Snapshot(run.folder))
    if out is not None:
        try:
            write_atomically(out, content)
        except OSError as error:
            raise RunFileError("a place to write the page to", found=str(error), remedy="change --out") from error
    say(str(out or page))


def plot(runs: Sequence[Path], kind: str, *, out: Path, x: str | None, y: str | None, pick: str, width: str) -> None:
    """Draw a figure for a paper."""
    data = plot_to(runs, kind, out=out, x=x, y=y, pick=pick, width=width)
    say(f"{out}\ndata: {data}")


def compare(runs: Sequence[Path], *, out: Path | None, quiet: bool) -> None:
    """Compare runs."""
    if out is not None and out.exists() and not out.is_dir():
        raise RunFolderError("a folder for the page", found=f"a file, {out}", remedy="choose another one with --out")
    found = compare_runs(runs)
    if not quiet:
        print_comparisons(found)
    if out is not None:
        page = write_comparison(found, out, title=" and ".join(path.name for path in runs))
        say(f"page: {page}")
