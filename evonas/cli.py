"""One function per subcommand; the only file that parses arguments. Heavy imports wait until a command runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas import __version__, default_folder
from evonas.errors import EvonasError, GenomeError, RunFileError, SelectionError, nearest

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
    estimate: Annotated[
        str | None, typer.Option(help="one-shot, short-training, or auto: what takes less time.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for networks, estimating each cheaply; write the Pareto front and a report."""
    from evonas.config import load_config
    from evonas.engine import search as run_search

    overrides: dict[str, Any] = {}
    if seed is not None:
        overrides["seed"] = seed
    if workers is not None:
        overrides["compute"] = {"workers": workers}
    if budget is not None:
        overrides["search"] = {"budget": budget}
    if estimate is not None:
        overrides["estimate"] = {"method": estimate}
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
    from evonas.tables import print_front

    print_front(open_run(run))


@app.command(epilog="Example: evonas spaces run.toml --genes")
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


@app.command(epilog="Example: evonas show 17 --run runs/first --out net.png")
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

    _check_one_of(form, ("text", "json"), wanted="a known --format")
    if out is not None:
        _check_one_of(out.suffix.lower(), (".png", ".svg", ".pdf"), wanted="a picture's suffix in --out")
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
    from evonas.tables import print_trainings

    opened = open_run(run)
    chosen = opened.pick(pick)
    with _display(quiet=quiet) as display:
        trainings = opened.train(pick, seeds=range(seeds), epochs=epochs, workers=workers, observer=display)
    if not quiet:
        print_trainings(chosen, trainings)
        typer.echo(f"weights under {run / 'nets'}, added to {run / 'report.html'}")


@app.command(epilog="Example: evonas trust runs/first --nets 20 --seeds 3")
def trust(
    run: RunArgument,
    nets: Annotated[int, typer.Option(min=1, help="Networks to train, of all sizes that the run evaluated.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings a network.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.", show_default=False)] = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Train some networks of a run from scratch, and say how far its estimates can be trusted."""
    from evonas.run import open_run
    from evonas.tables import print_trust

    opened = open_run(run)
    with _display(quiet=quiet) as display:
        opened.trust(networks=nets, seeds=seeds, epochs=epochs, workers=workers, observer=display)
    if not quiet:
        print_trust(opened)
        typer.echo(f"added to {run / 'report.html'}")


@app.command(epilog="Example: evonas selfcheck --seeds 5")
def selfcheck(seeds: Annotated[int, typer.Option(min=1, help="Searches a method.")] = 3, quiet: Quiet = False) -> None:
    """Search a small table whose true front is known, beside simpler searches; fail if the engine is no better."""
    from evonas.selfcheck import is_sound
    from evonas.selfcheck import selfcheck as run_selfcheck
    from evonas.tables import print_selfcheck

    with _display(quiet=quiet) as display:
        table = run_selfcheck(seeds=seeds, observer=display)
    if not quiet:
        print_selfcheck(table)
    if not is_sound(table):
        typer.echo(
            "evonas selfcheck: the engine searches no better than simpler methods; something is broken", err=True
        )
        sys.exit(1)


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


def _check_one_of(word: str, known: tuple[str, ...], *, wanted: str) -> None:
    if word not in known:
        raise RunFileError(f"{wanted}: {', '.join(known)}", found=repr(word), remedy=nearest(word, known))


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
            kept = (
                "everything evaluated so far is kept, and a supernet goes on from its last checkpoint, if any. "
                f"Go on with: evonas resume {folder}"
            )
        else:
            kept = "nothing had begun"
        typer.echo(f"\nstopped; {kept}", err=True)
        sys.exit(130)


def _print_result(folder: Path, *, quiet: bool) -> None:
    from evonas.run import open_run
    from evonas.tables import print_front
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
