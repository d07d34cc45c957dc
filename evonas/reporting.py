"""Pages and figures of runs, as the command line asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evonas.errors import RunFileError, SelectionError, nearest
from evonas.run import open_run
from reports.query import QueryError


def report(path: Path, *, out: Path | None = None) -> Path:
    """The page of a run, written into its folder; returns where it is.

    Args:
        path: The run folder.
        out: A copy of the page.

    Raises:
        RunFolderError: It holds no run.
        RunFileError: The page cannot be written there.
    """
    page = open_run(path).report()
    return page if out is None else _write(out, page.read_text(encoding="utf-8"))


def plot(
    paths: Sequence[Path],
    kind: str,
    *,
    out: Path,
    x: str | None = None,
    y: str | None = None,
    pick: str = "knee",
    width: str = "neurips",
) -> Path:
    """A figure for a paper; see :mod:`reports.plots` for the kinds.

    Args:
        paths: Run folders.
        kind: Of figure.
        out: Where to; pdf, svg or png by its suffix.
        x, y: Measures on the axes.
        pick: Which network, for figures of a single one.
        width: A name of :data:`reports.paper_figures.WIDTHS`, or inches.

    Returns:
        Where the figure's data is: a CSV beside it.

    Raises:
        RunFolderError: One of the folders holds no run.
        SelectionError: The runs do not hold what is asked for.
        RunFileError: The figure cannot be written there.
    """
    from reports import paper_figures
    from reports.plots import asked

    try:
        inches = paper_figures.WIDTHS[width] if width in paper_figures.WIDTHS else float(width)
    except ValueError:
        inches = 0.0
    if not 1 <= inches <= 40:
        raise RunFileError(
            f"a width in inches from 1 to 40, or one of {', '.join(paper_figures.WIDTHS)}",
            found=repr(width),
            remedy=nearest(width, paper_figures.WIDTHS),
        )
    try:
        question = asked([open_run(path).folder for path in paths], x=x, y=y, pick=pick)
        return paper_figures.plot(kind, question, out, width=inches)
    except QueryError as error:
        raise SelectionError(error.wanted, found=error.found, remedy=error.remedy) from error
    except OSError as error:
        raise RunFileError("a place to write the figure to", found=str(error), remedy="change --out") from error


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFileError("a place to write the page to", found=str(error), remedy="change --out") from error
    return path
