"""Conditions on a table as people write them, ``model_size < 8KiB and error < 5%``: parsed, never run as code."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
UNITS: dict[str, float] = {
    "": 1.0,
    "%": 0.01,
    **{"B": 1.0, "kB": 1e3, "MB": 1e6, "KiB": 1024.0, "MiB": 1024.0**2},
    **{"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "bit": 1.0, "kbit": 1e3, "Mbit": 1e6, "nats": 1.0},
    **{"J": 1.0, "mJ": 1e-3, "µJ": 1e-6, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12},
    **{"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6},
}
WORDS = ("and", "or", "not")
EXAMPLE = "model_size < 8KiB and error < 5%"
TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>%|[^\W\d_]+(?![\w.])|(?![\w.]))"
    r"|(?P<comparison><=|>=|==|!=|<|>)|(?P<bracket>[()])|(?P<name>[^\W\d]\w*))"
)


class QueryError(ValueError):
    """A question that cannot be answered, in three parts.

    Attributes:
        wanted, found, remedy: What is allowed, what was there, what to do about it.
    """

    def __init__(self, wanted: str, *, found: str, remedy: str) -> None:
        super().__init__(f"wanted {wanted}; found {found}; {remedy}")
        self.wanted, self.found, self.remedy = wanted, found, remedy


def where(table: pd.DataFrame, condition: str) -> pd.DataFrame:
    """The rows of a table that satisfy a condition.

    Args:
        table: Its columns of numbers may be named.
        condition: Comparisons (``< <= > >= == !=``, also ``1KiB < model_size < 8KiB``) of columns and numbers, joined
            by ``and``, ``or``, ``not`` and brackets. Numbers may have a unit out of :data:`UNITS`.

    Raises:
        QueryError: It cannot be read: where, and what may stand there.

    Example:
        >>> where(pd.DataFrame({"error": [0.1, 0.3]}), "error < 20 %")["error"].tolist()
        [0.1]
    """
    return table.loc[_Parser(table, condition).mask()]


def ordered(table: pd.DataFrame, names: str) -> pd.DataFrame:
    """The rows in another order: by columns joined by commas, each from small to large, or after a dash the other way.

    Raises:
        QueryError: A column is not there.

    Example:
        >>> ordered(pd.DataFrame({"error": [0.1, 0.3]}), "-error")["error"].tolist()
        [0.3, 0.1]
    """
    keys = [name.strip() for name in names.split(",")]
    by = known_columns(table, [key.removeprefix("-") for key in keys])
    is_ascending = [not key.startswith("-") for key in keys]
    return table.sort_values(by, ascending=is_ascending, kind="stable", key=_sortable)


def _sortable(column: pd.Series) -> pd.Series:
    """Texts and numbers in one column, as the choices of a user's gene may be, are ordered as texts."""
    is_mixed = column.dtype == object and pd.api.types.infer_dtype(column) in ("mixed", "mixed-integer")
    return column.map(str) if is_mixed else column


def known_columns(table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """The names, all of which must be columns.

    Raises:
        QueryError: One is not.
    """
    names = list(names)
    for name in names:
        if name not in table:
            raise QueryError("columns of the front", found=repr(name), remedy=closest(name, map(str, table)))
    return names


def closest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that is nearest, or list all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


class _Token(NamedTuple):
    kind: str
    text: str
    value: float
    start: int


class _Parser:
    """Recursive descent, one method per rule: ``or`` binds weakest, then ``and``, then ``not``, then comparisons."""

    def __init__(self, table: pd.DataFrame, condition: str) -> None:
        self.table, self.condition = table, condition
        self.columns = [str(name) for name in table if pd.api.types.is_numeric_dtype(table[name])]
        self.tokens = self._tokens()
        self.at = 0

    def mask(self) -> Mask:
        found = self._or()
        if self._next.kind != "end":
            raise self._error("and, or, or the end", self._next)
        return found

    # Rules

    def _or(self) -> Mask:
        found = self._and()
        while self._takes("or"):
            found = found | self._and()
        return found

    def _and(self) -> Mask:
        found = self._not()
        while self._takes("and"):
            found = found & self._not()
        return found

    def _not(self) -> Mask:
        if self._takes("not"):
            return ~self._not()
        if self._takes("("):
            found = self._or()
            if not self._takes(")"):
                raise self._error("and, or, or a closing bracket", self._next)
            return found
        return self._comparison()

    def _comparison(self) -> Mask:
        left = self._operand()
        if self._next.kind != "comparison":
            raise self._error(f"a comparison: {' '.join(COMPARISONS)}", self._next)
        found = np.ones(len(self.table), dtype=bool)
        while self._next.kind == "comparison":
            compare = COMPARISONS[self._take().text]
            right = self._operand()
            found &= np.broadcast_to(np.asarray(compare(left, right), dtype=bool), found.shape)
            left = right
        return found

    def _operand(self) -> Any:
        token = self._next
        if token.kind == "number":
            return self._take().value
        if token.kind == "name" and token.text in self.columns:
            return self.table[self._take().text].to_numpy(dtype=float)
        if token.kind == "name" and token.text not in WORDS:
            raise self._error("the name of a column", token, remedy=closest(token.text, self.columns))
        raise self._error("a column or a number", token)

    # Tokens

    def _tokens(self) -> list[_Token]:
        tokens, at, end = [], 0, len(self.condition.rstrip())
        while at < end:
            match = TOKEN.match(self.condition, at)
            start = at + len(self.condition[at:]) - len(self.condition[at:].lstrip())
            if match is None:
                wrong = _Token("wrong", re.split(r"[\s()]", self.condition[start:])[0], 0.0, start)
                hints = {"=": "write ==", "&": "write and", "|": "write or", "!": "write not"}
                raise self._error("columns, numbers and comparisons", wrong, remedy=hints.get(wrong.text[:1], ""))
            kind, unit = str(match.lastgroup if match["number"] is None else "number"), match["unit"] or ""
            if kind == "number" and unit in (*WORDS, *self.columns):  # as in "error < 1 and …": no unit
                unit, at = "", match.start("unit")
            else:
                at = match.end()
            if unit not in UNITS:
                raise self._error(
                    "a unit", _Token("wrong", unit, 0.0, match.start("unit")), remedy=closest(unit, filter(None, UNITS))
                )
            value = float(match["number"]) * UNITS[unit] if kind == "number" else 0.0
            tokens.append(_Token(kind, match[kind], value, start))
        return [*tokens, _Token("end", "", 0.0, end)]

    @property
    def _next(self) -> _Token:
        return self.tokens[self.at]

    def _take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _takes(self, text: str) -> bool:
        is_there = self._next.kind in ("name", "bracket") and self._next.text == text
        self.at += is_there
        return is_there

    def _error(self, wanted: str, token: _Token, *, remedy: str = "") -> QueryError:
        what = f"{token.text!r} at character {token.start + 1}" if token.text else "the end"
        return QueryError(
            f"{wanted}, in a condition such as {EXAMPLE}",
            found=f"{what} of {self.condition!r}",
            remedy=remedy or f"columns: {', '.join(self.columns)}",
        )
