"""Tables: a row is an example, a column its label; what is no number, or missing, is named with its column."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.dataset import load_dataset
from evonas.training.datasets.forms import tables

N = 12
FRAME = pd.DataFrame(
    {
        "a": np.arange(N) / 7 - 1,
        "class": ["NA", "yes", "no"] * 4,
        "b": np.arange(N),
        "is_c": np.arange(N) % 2 == 0,
        "who": ["ada", "ben", "cy"] * 4,
        "part": ["train"] * 8 + ["test"] * 4,
    }
)
FEATURES = {"axes": "features"}
APART = {"groups": "who", "split": "part"}


def saved(path: Path, frame: pd.DataFrame = FRAME) -> Path:
    frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def parts(path: Path, **data: Any) -> Parts:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return tables.read(str(path), DataConfig(**{**FEATURES, **data}))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.CSV"])
def test_a_table_gives_numbers_labels_groups_and_split(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name)
    assert tables.fits(str(path))
    found = parts(path, **APART)
    numbers = FRAME[["a", "b", "is_c"]].to_numpy(dtype=float)
    np.testing.assert_allclose(found.training[0][:, 0, 0], numbers[:8])
    assert found.training[1].tolist() == FRAME["class"].tolist()[:8]  # a class may be called NA
    assert found.test is not None
    np.testing.assert_allclose(found.test[0][:, 0, 0], numbers[8:])
    assert found.groups is not None
    assert found.groups.training.tolist() == FRAME["who"].tolist()[:8]


def test_a_folder_of_tables_has_splits_whose_columns_are_matched_by_name(tmp_path: Path) -> None:
    frame = FRAME.drop(columns=["part"])
    saved(tmp_path / "train.csv", frame)
    saved(tmp_path / "test.tsv", frame[frame.columns[::-1]][:3])
    saved(tmp_path / "Val.csv", frame[3:5])
    found = parts(tmp_path, groups="who")
    assert found.test is not None
    assert found.heldout is not None
    np.testing.assert_array_equal(found.test[0], found.training[0][:3])
    np.testing.assert_array_equal(found.heldout[0], found.training[0][3:5])
    assert found.groups is not None
    assert found.groups.heldout is not None
    assert found.groups.heldout.tolist() == ["ada", "ben"]
    saved(tmp_path / "test.tsv", frame.rename(columns={"b": "B"}))
    with pytest.raises(DataError, match=r"the columns of train\.csv in .*test\.tsv\nfound:  missing: b; more: B"):
        parts(tmp_path, groups="who")


def test_pixels_of_a_table_are_pixels(tmp_path: Path) -> None:
    """Kaggle's form of MNIST, and labels that came as floats."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 6))
    frame = pd.DataFrame({"label": np.arange(30.0) % 3, **{f"p{index}": pixels[:, index] for index in range(6)}})
    data = load_dataset(DataConfig(source=str(saved(tmp_path / "t.csv", frame)), shape=(2, 3)))
    assert data.input_shape == (1, 2, 3)
    assert data.classes == ("0", "1", "2")
    known = {tuple(row): label for row, label in zip(pixels.tolist(), frame["label"], strict=True)}
    for image, label in zip(data.train.images, data.train.labels, strict=True):
        assert known[tuple(image.flatten().tolist())] == label


def changed(**columns: Any) -> pd.DataFrame:
    return FRAME.drop(columns=["who", "part"]).assign(**columns)


HOLED = [None, np.nan, *range(N - 2)]


@pytest.mark.parametrize(
    ("frame", "data", "message"),
    [
        (changed(b=HOLED), {}, r"column 'b' in .*\nfound:  2 of 12 empty or NaN, first in row 1"),
        (changed(**{"class": [None, *"ab" * 5, "a"]}), {}, r"column 'class'(.|\n)*1 of 12 empty"),
        (changed(b=["north"] * N), {}, r"numbers in column 'b'(.|\n)*north(.|\n)*labels, groups or split"),
        (changed(y=1), {}, r"one column named (.|\n)*found:  class, y\n"),
        (changed().rename(columns={"class": "kind"}), {}, r"one column named (.|\n)*found:  a, kind, b, is_c\n"),
        (changed(), {"labels": "clas"}, r"a column 'clas' (.|\n)*did you mean 'class'"),
        (changed(), {"groups": "who"}, r"a column 'who' (.|\n)*found:  a, class, b"),
        (changed(), {"labels": "a"}, r"numbers in column 'class'"),
        (FRAME[["a", "b"]], {"labels": "a"}, r"classes in column 'a'(.|\n)*the number -0\.857"),
        (FRAME[["class"]], {}, r"columns of numbers and one of labels"),
        (FRAME[["class", "who"]], {"groups": "who"}, r"columns of numbers in"),
        (FRAME[:0], {}, "rows in"),
        (changed(), {"axes": "auto"}, r"shape \(12, 3\)(.|\n)*\"features\"(.|\n)*\"time\""),
    ],
)
def test_tables_that_cannot_be_used_are_explained(
    tmp_path: Path, frame: pd.DataFrame, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        parts(saved(tmp_path / "t.csv", frame), **data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a table with a header"),
        ("1,2,3\n4,5,6\n", r"names of the columns(.|\n)*1, 2, 3"),
        ("a,a,y\n1,2,3\n", "twice: a"),
        (",a,y\n0,1,2\n", r"no name in column 1(.|\n)*index=False"),
        ("a;y\n1;2\n", "found:  a;y"),
        ("a,y\n1,2\n3,4,5\n", "rows of one length"),
        ("a,y\n1,2,3\n4,5,6\n", "rows of one length"),
        ("a,y\n1\n", "column 'y'"),
        ("a,y\n1,\xe9\n", "a table with a header"),
    ],
)
def test_texts_that_are_no_table_are_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        parts(tmp_path / "t.csv")


def test_a_cut_gzipped_table_is_explained(tmp_path: Path) -> None:
    packed = gzip.compress(("a,y\n" + "1,2\n" * 500).encode())
    (tmp_path / "t.csv.gz").write_bytes(packed[:-9])
    with pytest.raises(DataError, match="a table with a header"):
        parts(tmp_path / "t.csv.gz")


def test_two_tables_of_one_split_are_explained(tmp_path: Path) -> None:
    for name in ("train.csv", "train.tsv"):
        saved(tmp_path / name)
    with pytest.raises(DataError, match=r"one table train in .*\nfound:  train\.csv, train\.tsv"):
        parts(tmp_path)
    with pytest.raises(DataError, match=r"either split = 'part' or a file for each part"):
        parts(tmp_path, split="part")


def test_parquet_is_read_by_its_library_or_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is no dependency, so pandas' door to it is replaced."""
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")

    def missing(path: Path) -> pd.DataFrame:
        raise ImportError("Unable to find a usable engine; tried using: 'pyarrow', 'fastparquet'.\nA suitable ...")

    def broken(path: Path) -> pd.DataFrame:
        raise OSError("no footer")

    for read, message in ((missing, "pip install pyarrow"), (broken, r"a readable \.parquet file(.|\n)*no footer")):
        monkeypatch.setattr(pd, "read_parquet", read)
        with pytest.raises(DataError, match=message):
            parts(path)
    monkeypatch.setattr(pd, "read_parquet", lambda path: FRAME.set_index("b").astype({"a": "Float64"}))
    found = parts(path, **APART)
    np.testing.assert_allclose(found.training[0][:, 0, 0], FRAME[["b", "a", "is_c"]].to_numpy(dtype=float)[:8])
