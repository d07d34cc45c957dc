"""Figures for papers and pictures of networks, as the command line asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from evonas.errors import RunFileError, SelectionError, nearest
from evonas.workflows.run_handle import open_run
from reports.figures import paper_figures
from reports.figures.figures import draw_network, save
from reports.figures.plots import QUESTIONS, asked
from reports.tables.query import QueryError


def plot_to(
    paths: Sequence[Path],
    kind: str,
    *,
    out: Path,
    x: str | None = None,
    y: str | None = None,
    pick: str = "knee",
    width: str = "neurips",
) -> Path:
    """A figure for a paper; see :mod:`reports.figures.plots` for the kinds.

    Args:
        paths: Run folders.
        kind: Of figure.
        out: Where to; pdf, svg or png by its suffix.
        x, y: Measures on the axes.
        pick: Which network, for figures of a single one.
        width: A name of :data:`reports.figures.paper_figures.WIDTHS`, or inches.

    Returns:
        Where the figure's data is: a CSV beside it.

    Raises:
        RunFolderError: One of the folders holds no run.
        SelectionError: The runs do not hold what is asked for.
        RunFileError: The figure cannot be written there.
    """
    if kind not in QUESTIONS:
        raise RunFileError(
            f"a known kind of figure: {', '.join(QUESTIONS)}", found=repr(kind), remedy=nearest(kind, QUESTIONS)
        )
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


def draw_network_to(table: pd.DataFrame, path: Path) -> None:
    """Draw a network's layers.

    Raises:
        RunFileError: The picture cannot be written there.
    """
    try:
        save(draw_network(table), path)
    except OSError as error:
        raise RunFileError("a place to write the picture to", found=str(error), remedy="change --out") from error
