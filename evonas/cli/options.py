"""What subcommands share: arguments, the live display, the check of a word."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from evonas.errors import RunFileError, RunFolderError, in_a_line, nearest
from evonas.progress import Observer, observer
from objectives.display import plain

RunArgument = Annotated[
    Path, typer.Argument(help="A run folder, such as runs/digits-20260101-120000.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", help="Load what a run names, such as Python files, that you did not start here."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=1024,
        help="Processes that evaluate; 0: one per core. Changes no results, but in asynchronous mode.",
        show_default=False,
    ),
]


PICK_HELP = (
    "knee, all, best:MEASURE, balanced:error=2,bitops=1, a bound such as 'model_size<4000', or ids such as 17,42."
)


def say(text: str = "", *, err: bool = False, end: str = "\n") -> None:
    """Print a text from anywhere: no terminal obeys what stands in it."""
    print(plain(text), file=sys.stderr if err else sys.stdout, end=end, flush=True)


@contextmanager
def display_of(*, quiet: bool, folder: Path | None = None) -> Iterator[Observer]:
    """A live display in a terminal; Ctrl-C exits with 130 and says what is kept and how to resume."""
    try:
        with observer(is_visible=not quiet and sys.stderr.isatty()) as display:
            yield display
    except KeyboardInterrupt:
        if folder is None:
            kept = "trainings so far are kept; the same command resumes those that had begun, and trains the others"
        elif (folder / "batch.toml").is_file():
            kept = f"every run keeps what it evaluated so far. Resume with: evonas resume {quote(str(folder))}"
        elif (folder / "supernet.safetensors").is_file():
            kept = f"everything evaluated so far is kept. Resume with: evonas resume {quote(str(folder))}"
        elif (folder / "archive.sqlite").is_file():
            kept = (
                "everything evaluated so far is kept, and a supernet is resumed from its last checkpoint, if any. "
                f"Resume with: evonas resume {quote(str(folder))}"
            )
        else:
            kept = "nothing had begun"
        say(f"\nstopped; {kept}", err=True)
        sys.exit(130)


@contextmanager
def looking_at(*paths: Path | None) -> Iterator[None]:
    """What fails while runs are read, and is no mistake anybody thought of, is told of them: they may be anybody's.

    Raises:
        RunFolderError: Something else than a mistake, or what the machine refuses, came up.
    """
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        AssertionError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        named = ", ".join(str(path) for path in paths if path is not None)
        raise RunFolderError(
            "runs whose archives hold what evonas wrote",
            found=f"{in_a_line(error)}, while reading {named}",
            remedy="restore them from a copy; if nobody changed them, this is a fault of evonas: see it with --debug",
        ) from error


def check_one_of(word: str, known: tuple[str, ...], *, wanted: str) -> None:
    """Refuse a word that is not among the known ones; ``wanted`` says what it is for."""
    if word not in known:
        raise RunFileError(f"{wanted}: {', '.join(known)}", found=repr(word), remedy=nearest(word, known))


def keys_of(texts: Iterable[str], *, sections: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Keys of some sections of the run file from texts like ``training.epochs=90``; a value is TOML, or else a word."""
    overrides: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        section, dot, key = path.strip().partition(".")
        if not (equals and dot and section and key):
            raise RunFileError(
                "SECTION.KEY=VALUE, such as training.epochs=90", found=repr(text), remedy="correct --set"
            )
        check_one_of(section, sections, wanted=f"a section that {text!r} may change")
        keys = overrides.setdefault(section, {})
        try:
            keys[key] = tomllib.loads(f"x = {value}")["x"]
        except (ValueError, RecursionError):
            keys[key] = value.strip()
    return overrides
