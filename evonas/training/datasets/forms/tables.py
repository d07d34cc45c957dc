"""Tables: a row is an example, a column its label, all others are numbers: ``.csv``, ``.tsv``, ``.parquet``, or a
folder with ``train.csv``, ``test.csv`` and ``val.csv``.

A row has no axes but those that ``[data] axes`` and ``shape`` tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError, nearest
from evonas.training.datasets.arrays import Groups, Parts
from evonas.training.datasets.axes import channels_last
from evonas.training.datasets.forms.membership import HELDOUT, TEST, TRAIN, divided, group_names
from evonas.training.datasets.forms.table_files import Columns, columns_of

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
LABELS = ("label", "labels", "class", "target", "y")
KEYS = ("labels", "groups", "split", "shape")
"""Of ``[data]``, those that tell of tables."""


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    return (path.is_file() and _suffix(path) is not None) or (path.is_dir() and bool(_of_split(path, TRAIN)))


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    path = Path(source).expanduser()
    if path.is_file():
        training = _Table(path, settings)
        if not settings.split:
            return Parts(training.raw(), groups=None if training.groups is None else Groups(training.groups))
        where = f"column {settings.split!r} of {path}"
        return divided(training.raw(), groups=training.groups, split=training.split, where=where)
    if settings.split:
        raise DataError(
            f"either split = {settings.split!r} or a file for each part in {path}",
            found=", ".join(one.name for names in (TRAIN, TEST, HELDOUT) for one in _of_split(path, names)),
            remedy="leave split out under [data], or name one table as source",
        )
    tables: list[_Table | None] = []
    for names in (TRAIN, TEST, HELDOUT):
        found = _of_split(path, names)
        if len(found) > 1:
            raise DataError(
                f"one table {names[0]} in {path}",
                found=", ".join(one.name for one in found),
                remedy="leave one of them there",
            )
        first = tables[0] if tables else None
        tables.append(_Table(found[0], settings, like=first) if found else None)
    training, test, heldout = tables  # type: ignore[assignment]  # the first is there, since it fits
    test_raw, heldout_raw = (None if one is None else one.raw() for one in (test, heldout))
    groups = None
    if training.groups is not None:
        groups = Groups(training.groups, *(None if one is None else one.groups for one in (test, heldout)))
    return Parts(training.raw(), test_raw, heldout_raw, groups=groups)


class _Table:
    """A table: numbers, labels, and where rows belong.

    Attributes:
        numbers: Names of the columns of numbers, in their order.
    """

    def __init__(self, path: Path, settings: DataConfig, *, like: _Table | None = None) -> None:
        self.path, self.settings = path, settings
        named = {
            key: name for key in ("labels", "groups", "split") if (name := getattr(settings, key)) not in ("", "auto")
        }
        self.columns: Columns = columns_of(path, lambda names: [*named.values(), *_labels(names)])
        for key, name in named.items():
            if name not in self.columns:
                raise DataError(
                    f"a column {name!r} in {path}, since {key} under [data] names it",
                    found=_listed(self.columns),
                    remedy=nearest(name, self.columns),
                )
        self.label = named["labels"] if "labels" in named else self._only_label()
        apart = {self.label, *named.values()}
        self.numbers = [name for name in self.columns if name not in apart]
        if like is not None:
            self._follow(like)
        if not self.numbers:
            raise DataError(f"columns of numbers in {path}", found=_listed(self.columns), remedy="add some")
        self.groups = None
        if settings.groups:
            self.groups = group_names(self._column(settings.groups), f"column {settings.groups!r} of {path}")

    @property
    def split(self) -> NDArray[Any]:
        """What the column that ``[data] split`` names says of each row."""
        return self._column(self.settings.split)

    def raw(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of numbers, with their axes as the run file says, and labels.

        A table has no types, so whole numbers from 0 to 255 are pixels of 8 bits where ``shape`` makes images of them.
        """
        rows = np.stack([self._number(name) for name in self.numbers], axis=1)
        if rows.dtype == bool:
            rows = rows.astype(np.float32)
        is_image = self.settings.shape != "auto" and self.settings.axes in ("auto", "channels_last", "channels_first")
        if is_image and rows.dtype.kind in "iu" and rows.min() >= 0 and 1 < rows.max() <= 255:
            rows = rows.astype(np.uint8)
        return channels_last(rows, str(self.path), self.settings), self._whole(self.label)

    def _only_label(self) -> str:
        found = _labels(list(self.columns))
        if len(found) == 1:
            return found[0]
        raise DataError(
            f"one column named {', '.join(LABELS)} in {self.path}",
            found=_listed(found or self.columns),
            remedy="name the column of labels: labels = ... under [data]",
        )

    def _follow(self, like: _Table) -> None:
        """Take the columns in the order of the training table, whose names they must have."""
        missing = [name for name in like.columns if name not in self.columns]
        strange = [name for name in self.columns if name not in like.columns]
        if missing or strange:
            told = [f"{what}: {_listed(names)}" for what, names in (("missing", missing), ("more", strange)) if names]
            raise DataError(
                f"the columns of {like.path.name} in {self.path}", found="; ".join(told), remedy="make them agree"
            )
        self.numbers = like.numbers

    def _column(self, name: str) -> NDArray[Any]:
        """A column without empty cells.

        Raises:
            DataError: There are some.
        """
        column = self.columns[name]
        if count := int(column.is_missing.sum()):
            raise DataError(
                f"a value in each row of column {name!r} in {self.path}",
                found=f"{count} of {len(column.values)} empty or NaN, first in row {column.is_missing.argmax() + 1}",
                remedy="fill these cells, or leave the rows or the column out",
            )
        return column.values

    def _number(self, name: str) -> NDArray[Any]:
        values = self._column(name)
        if values.dtype.kind not in "biuf":
            raise DataError(
                f"numbers in column {name!r} of {self.path}",
                found=f"{values[0]!s:.40}, of type {values.dtype}",
                remedy="write it as numbers or leave it out, or name it under [data]: labels, groups or split",
            )
        return values

    def _whole(self, name: str) -> NDArray[Any]:
        """A column of labels; whole numbers that came as floats as such."""
        values = self._column(name)
        if values.dtype.kind == "f":
            if not np.isfinite(values).all() or (values != np.rint(values)).any():
                fraction = values[~np.isfinite(values) | (values != np.rint(values))][0]
                raise DataError(
                    f"classes in column {name!r} of {self.path}",
                    found=f"the number {fraction}",
                    remedy="give classes: evonas classifies; or name another column: labels = ... under [data]",
                )
            return values.astype(np.int64)
        return values


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def _of_split(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Tables that are named as a split."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and (suffix := _suffix(path)) and path.name[: -len(suffix)].lower() in names
    ]


def _labels(names: list[str]) -> list[str]:
    return [name for name in names if name.lower() in LABELS]


def _listed(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:12]) + f" and {len(names) - 12} more" * (len(names) > 12)
