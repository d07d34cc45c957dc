"""Conditions, orders and picks: a bad one says where and what is allowed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.tables.query import QueryError, ordered, where

TABLE = pd.DataFrame(
    {"id": [1, 2, 3, 4], "genome": list("abcd"), "error": [0.02, 0.04, 0.2, 0.5], "model_size": [20480, 8000, 900, 90]}
)


def ids(condition: str) -> list[int]:
    return where(TABLE, condition)["id"].tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("model_size < 8KiB and error < 0.05", [2]),
        ("error<5%and model_size<8KiB", [2]),
        ("error <= 4 %", [1, 2]),
        ("500 < model_size < 10kB", [2, 3]),
        ("id == 3 or id == 1", [1, 3]),
        ("not error > 0.1", [1, 2]),
        ("id == 1 or id == 2 and error > 1", [1]),  # and binds closer
        ("(id == 1 or id == 2) and error > 3%", [2]),
        ("not not (id != 1)", [2, 3, 4]),
        ("error < 1e-1 and model_size >= .2E+5", [1]),
        ("model_size > 8e3", [1]),
        ("2 < 1", []),
        ("error > -1e-3 and id > 3", [4]),
    ],
)
def test_conditions(condition: str, expected: list[int]) -> None:
    assert ids(condition) == expected


@given(st.integers(0, 30_000), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 1000))
def test_a_condition_means_what_pandas_means_by_it(bound: int, comparison: str, thousandths: int) -> None:
    text = f"model_size {comparison} {bound} or not (error {comparison} {thousandths / 1000})"
    assert ids(text) == TABLE.query(text)["id"].tolist()


@pytest.mark.parametrize(
    ("condition", "found", "remedy"),
    [
        ("model_sise < 1", "'model_sise' at character 1", "did you mean 'model_size'?"),
        ("error < 1 and sauce < 2", "'sauce' at character 15", "known: id, error, model_size"),
        ("error < 5kIB", "'kIB' at character 10", "did you mean 'kB'?"),
        ("error = 1", "'=' at character 7", "write =="),
        ("error < 1 & id < 2", "'&' at character 11", "write and"),
        ("error <", "the end", "columns: id, error, model_size"),
        ("", "the end", "columns: id"),
        ("error", "the end", "columns"),
        ("(error < 1", "the end", "columns"),
        ("error < 1)", "')' at character 10", "columns"),
        ("error < 1 id < 2", "'id' at character 11", "columns"),
        ("genome < 1", "'genome' at character 1", "known: id"),
        ("error < and", "'and' at character 9", "columns"),
        ("error < 1.2.3", "'1.2.3' at character 9", "columns"),
        ("error < __import__", "'__import__' at character 9", "known"),
    ],
)
def test_a_bad_condition_says_where_and_what_is_allowed(condition: str, found: str, remedy: str) -> None:
    with pytest.raises(QueryError) as caught:
        where(TABLE, condition)
    assert found in caught.value.found
    assert remedy in caught.value.remedy


def test_orders() -> None:
    assert ordered(TABLE, "model_size")["id"].tolist() == [4, 3, 2, 1]
    assert ordered(TABLE, "-error, id")["id"].tolist() == [4, 3, 2, 1]
    mixed = pd.DataFrame({"op": pd.Series(["conv", None, 2, True], dtype=object)})
    assert ordered(mixed, "op")["op"].tolist() == [2, None, True, "conv"]
    with pytest.raises(QueryError, match="did you mean 'error'"):
        ordered(TABLE, "eror")


def test_the_table_stays_as_it_was() -> None:
    before = TABLE.copy()
    where(TABLE, "error < 1")
    ordered(TABLE, "error")
    pd.testing.assert_frame_equal(TABLE, before)
    assert isinstance(where(TABLE, "error < 1").index.to_numpy(), np.ndarray)
