"""One function per subcommand; the only file that parses arguments. Heavy imports wait until a command runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas import __version__, default_folder
from evonas.errors import EvonasError

if TYPE_CHECKING:
    import pandas as pd

    from evonas.progress import Observer
    from evonas.run import Run

app = typer.Typer(
    name="evonas",
    help="Evolutionary, multi-objective search of very small ternary, binary and low-bit networks.",
    epilog="Start with: evonas search",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunArgument = Annotated[
    Path, typer.Argument(help="A run folder, such as runs/digits-20260101-120000.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that evaluate; 0: one a core. Never changes results.", show_default=False),
]


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"evonas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")] = False,
) -> None:
    """Options that every subcommand shares; --debug may stand anywhere and is taken out by main()."""


@app.command(epilog="Example: evonas search run.toml --out runs/first --budget 400")
def search(
    run_file: Annotated[
        Path | None,
        typer.Argument(help="A TOML file; without one, a search on scikit-learn's digits.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME-TIME")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything random but the split.", show_default=False)
    ] = None,
    workers: Workers = None,
    budget: Annotated[int | None, typer.Option(help="Networks to evaluate.", show_default=False)] = None,
    quiet: Quiet = False,
) -> None:
    """Train one supernet, search its subnets, write the Pareto front and a report."""
    from evonas.config import load_config
    from evonas.engine import search as run_search

    overrides: dict[str, Any] = {}
    if seed is not None:
        overrides["seed"] = seed
    if workers is not None:
        overrides["compute"] = {"workers": workers}
    if budget is not None:
        overrides["search"] = {"budget": budget}
    config = load_config(run_file, overrides)
    folder = out or default_folder(config.name)
    with _display(quiet=quiet, folder=folder) as display:
        run_search(config, folder, observer=display)
    _print_result(folder, quiet=quiet)


@app.command(epilog="Example: evonas resume runs/first")
def resume(run: RunArgument, workers: Workers = None, quiet: Quiet = False) -> None:
    """Go on with a run that was stopped; the result is as if it had never stopped."""
    from evonas.engine import resume as run_resume
    from evonas.run import open_run

    opened = open_run(run)
    with _display(quiet=quiet, folder=run) as display:
        run_resume(opened.folder, workers=workers, observer=display)
    _print_result(run, quiet=quiet)


@app.command(epilog="Example: evonas front runs/first")
def front(run: RunArgument) -> None:
    """Print the Pareto front of a run."""
    from evonas.run import open_run

    _print_front(open_run(run))


@app.command(epilog="Example: evonas train runs/first --pick 'model_size<4000' --seeds 3")
def train(
    run: RunArgument,
    pick: Annotated[
        str, typer.Option(help="knee, all, best:MEASURE, a bound such as 'model_size<4000', or ids such as 17,42.")
    ] = "knee",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings a network.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.", show_default=False)] = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Train picks from scratch and measure them, once, on the test set."""
    from evonas.run import open_run

    opened = open_run(run)
    chosen = opened.pick(pick)
    with _display(quiet=quiet) as display:
        trainings = opened.train(pick, seeds=range(seeds), epochs=epochs, workers=workers, observer=display)
    if not quiet:
        _print_trainings(chosen, trainings)
        typer.echo(f"weights under {run / 'nets'}, added to {run / 'report.html'}")


@app.command(epilog="Example: evonas report runs/first")
def report(run: RunArgument) -> None:
    """Write front.csv, the figures and report.html anew from the archive."""
    from evonas.run import open_run

    typer.echo(open_run(run).report())


def main() -> None:
    """Run the command line: mistakes exit with 2 and three lines, Ctrl-C with 130, neither with a traceback."""
    wants_traceback = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app(standalone_mode=True)
    except EvonasError as error:
        if wants_traceback:
            raise
        typer.echo(f"evonas: {type(error).__name__}\n{error}", err=True)
        sys.exit(2)
    except Exception as error:
        if wants_traceback:
            raise
        unexpected = EvonasError(
            "a command that ends well",
            found=f"{type(error).__name__}: {error}",
            remedy="this is a fault of evonas or of the machine: see it with --debug; what was stored is kept",
        )
        typer.echo(f"evonas: unexpected error\n{unexpected}", err=True)
        sys.exit(1)


@contextmanager
def _display(*, quiet: bool, folder: Path | None = None) -> Iterator[Observer]:
    """A live display in a terminal; Ctrl-C exits with 130 and says what is kept and how to go on."""
    from evonas.progress import observer

    try:
        with observer(is_visible=not quiet and sys.stderr.isatty()) as display:
            yield display
    except KeyboardInterrupt:
        if folder is None:
            kept = "trainings stored so far are kept; the same command trains the others"
        elif (folder / "supernet.safetensors").is_file():
            kept = f"everything evaluated so far is kept. Go on with: evonas resume {folder}"
        elif (folder / "archive.sqlite").is_file():
            kept = f"the supernet was not finished, its training will start over. Go on with: evonas resume {folder}"
        else:
            kept = "nothing had begun"
        typer.echo(f"\nstopped; {kept}", err=True)
        sys.exit(130)


def _print_result(folder: Path, *, quiet: bool) -> None:
    from evonas.run import open_run

    if not quiet:
        run = open_run(folder)
        _print_front(run)
        for warning in run.folder.meta("warnings") or []:
            typer.echo(f"warning: {warning}")
        typer.echo(f"report: {folder / 'report.html'}\nnext:   evonas train {folder} --pick knee")


def _print_front(run: Run, *, most: int = 24) -> None:
    """The front as a table, thinned evenly if it is long; front.csv has all of it."""
    from rich.console import Console
    from rich.table import Table

    from reports.front import knee_id

    table = run.front()
    title = f"Pareto front: {len(table)} networks"
    shown = table
    if table.empty:
        typer.echo("no evaluated network satisfies the constraints")
        return
    knee = knee_id(run.folder, table)
    if len(table) > most:
        keep = {round(index * (len(table) - 1) / (most - 1)) for index in range(most)}
        shown = table[table.index.isin(keep) | (table["id"] == knee)]
        title += f", {len(shown)} of them here, all in front.csv"
    printed = Table(
        title=title, title_justify="left", caption="* knee; errors are inherited, held-out; test set not used"
    )
    printed.add_column("id", justify="right")
    names = dict.fromkeys([*run.folder.objectives, *run.folder.constraints])
    measures = [run.folder.measures[name] for name in names]
    for measure in measures:
        printed.add_column(measure.title, justify="right")
    for record in shown.to_dict("records"):
        mark = "*" if record["id"] == knee else ""
        printed.add_row(f"{mark}{record['id']}", *(measure.display(record[measure.name]) for measure in measures))
    Console().print(printed)


def _print_trainings(chosen: pd.DataFrame, trainings: list[Any]) -> None:
    from statistics import mean, stdev

    for record in chosen.to_dict("records"):
        accuracies = [100 * (1 - done.test.error) for done in trainings if done.genome == record["genome"]]
        spread = f" ± {stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
        typer.echo(
            f"network {record['id']}: {record['model_size']:,} bytes, "
            f"test accuracy {mean(accuracies):.2f}{spread} % ({len(accuracies)} seed{'s' * (len(accuracies) > 1)})"
        )
    for done in trainings:
        for warning in done.warnings:
            typer.echo(f"warning: network {done.evaluation}, seed {done.seed}: {warning}")
