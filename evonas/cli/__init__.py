"""The command line: its subcommands and its exit codes.

May import all other rooms. Files that declare subcommands import nothing large; ``_actions`` are loaded when one runs.

- ``search``, ``search_actions``: search, resume, batch, presets, spaces, selfcheck.
- ``inspect``, ``inspect_actions``: front, show, report, plot, compare.
- ``deploy``, ``deploy_actions``: train, trust, export, verify.
- ``options``: what they share; ``print_front``, ``print_tables``: what a terminal shows.
- ``network_view``: one network for people; ``figures``: pictures.
"""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata
import warnings
from typing import Annotated, TextIO

import typer

from evonas.cli import deploy, inspect, search
from evonas.cli.options import say
from evonas.errors import DataWarning, EvonasError, RunFolderError, in_a_line, of_machine
from evonas.version import __version__

app = typer.Typer(
    name="evonas",
    help="Evolutionary, multi-objective search of very small ternary, binary and low-bit networks.",
    epilog="Start with: evonas search",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_wanted: bool) -> None:
    if is_wanted:
        say(f"evonas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")] = False,
) -> None:
    """Options that every subcommand shares; --debug may stand anywhere and is taken out by main()."""


COMMANDS = (
    (search.search, "Example: evonas search run.toml --out runs/first --budget 400"),
    (search.resume, "Example: evonas resume runs/first"),
    (search.batch, "Example: evonas batch plan.toml --out runs/plan"),
    (inspect.compare, "Example: evonas compare runs/first runs/second"),
    (inspect.front, "Example: evonas front runs/first --where 'model_size < 8KiB and error < 5%' --sort model_size"),
    (search.presets, "Example: evonas presets nce > run.toml"),
    (search.spaces, "Example: evonas spaces run.toml --genes"),
    (inspect.show, "Example: evonas show runs/first --pick knee --out net.png"),
    (deploy.train, "Example: evonas train runs/first --pick 'model_size<4000' --seeds 3"),
    (deploy.trust, "Example: evonas trust runs/first --nets 20 --seeds 3"),
    (deploy.export, "Example: evonas export runs/first --pick knee --format onnx"),
    (deploy.verify, "Example: evonas verify runs/first/exports/17-seed0-0ce2a8e5.onnx"),
    (search.selfcheck, "Example: evonas selfcheck --seeds 5"),
    (inspect.report, "Example: evonas report runs/first; evonas report runs/seed-* --out comparison"),
    (inspect.plot, "Example: evonas plot runs/seed-* attainment --width ieee-column --out attainment.pdf"),
)
for command, example in COMMANDS:
    app.command(epilog=example)(command)


def _told(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Warnings about data in one line; those of libraries as ever."""
    del file, line
    whole = warnings.formatwarning(message, category, filename, lineno)
    say(f"warning: {message}" if issubclass(category, DataWarning) else whole, err=True)


SPELLED = {"×": "x", "–": "-", "—": "-", "…": "...", "±": "+-", "µ": "u", "τ": "tau", "≤": "<=", "≥": ">="}
"""Letters of evonas' own texts for terminals and logs without them."""


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Letters that an encoding has not, by those that any has: this spoils a letter, and no command."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = [SPELLED.get(letter) or unicodedata.normalize("NFKD", letter) for letter in letters]
    spelled = "".join(plain).encode("ascii", "backslashreplace").decode()
    return spelled, error.end


def _of_a_folder(error: Exception) -> RunFolderError | None:
    """A run's folder that turned out to be none after it was opened."""
    if type(error).__name__ != "NotARunFolderError":  # whose module is not loaded just for this
        return None
    return RunFolderError("a run folder, as evonas search makes it", found=str(error), remedy=error.remedy)  # type: ignore[attr-defined]


def main() -> None:
    """Run the command line: mistakes exit with 2 and three lines, Ctrl-C with 130, neither with a traceback."""
    wants_traceback = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    warnings.showwarning = _told
    codecs.register_error("evonas.spell", _spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="evonas.spell")
    try:
        app(standalone_mode=True)
    except Exception as error:
        if wants_traceback:
            raise
        known = error if isinstance(error, EvonasError) else of_machine(error) or _of_a_folder(error)
        if known is not None:
            say(f"evonas: {type(known).__name__}\n{known}", err=True)
            sys.exit(2)
        unexpected = EvonasError(
            "a command that ends well",
            found=in_a_line(error),
            remedy="this is a fault of evonas or of the machine: see it with --debug; what was stored is kept",
        )
        say(f"evonas: unexpected error\n{unexpected}", err=True)
        sys.exit(1)
