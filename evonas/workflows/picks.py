"""What a user asks of a front: conditions, orders and picks; mistakes are told in three parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from evonas.errors import SelectionError
from reports.run_folder.folder import RunFolder
from reports.tables.front import front_table
from reports.tables.pick import picked
from reports.tables.query import QueryError, known_columns, ordered
from reports.tables.query import where as rows_where


def select(
    run: RunFolder, *, where: str | None = None, sort: str | None = None, columns: str | None = None
) -> pd.DataFrame:
    """The front, or a part of it.

    Args:
        run: Whose front.
        where: A condition; see :func:`reports.tables.query.where`.
        sort: Columns; see :func:`reports.tables.query.ordered`.
        columns: Names joined by commas; by default all.

    Raises:
        SelectionError: One of them cannot be read.
    """
    with _as_selection_errors():
        table = front_table(run)
        if where is not None:
            table = rows_where(table, where)
        if sort is not None:
            table = ordered(table, sort)
        if columns is not None:
            table = table[known_columns(table, [name.strip() for name in columns.split(",")])]
    return table


def pick(run: RunFolder, which: str) -> pd.DataFrame:
    """Rows of the front that ``which`` names; see :func:`reports.tables.pick.picked`.

    Raises:
        SelectionError: It names no network.
    """
    with _as_selection_errors():
        return picked(run, front_table(run), which)


def single(run: RunFolder, which: str) -> pd.Series:
    """The row of the front, or of another evaluation, that a pick names.

    Raises:
        SelectionError: It names none, or several.
    """
    found = pick(run, which)
    if len(found) > 1:
        ids = ", ".join(map(str, found["id"].head(8)))
        raise SelectionError(f"one {run.facts().noun}", found=f"{len(found)} of them", remedy=f"name one: {ids}, …")
    return found.iloc[0]


@contextmanager
def _as_selection_errors() -> Iterator[None]:
    try:
        yield
    except QueryError as error:
        raise SelectionError(error.wanted, found=error.found, remedy=error.remedy) from error
