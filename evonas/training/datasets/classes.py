"""Labels as people give them, numbers or names, as numbers from 0 and the names behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError
from objectives.display import plain

SHOWN = 8  # classes that a message names


class Classes:
    """The classes of the training images, in the order of their numbers: numbers by value, names by alphabet.

    Args:
        labels: Of the training images, ``(n,)``: whole numbers, texts or truth values.
        names: Of the classes with numbers 0, 1, …, where the data set brings them.
        source: Where they come from.

    Raises:
        DataError: They are of another type, negative, or all of one class; or a class has no image.

    Attributes:
        names: Of the classes, by number.
    """

    def __init__(self, labels: NDArray[Any], names: Sequence[str] | None, source: str) -> None:
        _check_type(labels, source)
        self.values = np.unique(labels) if names is None else np.arange(len(names))
        self.names = tuple(plain(str(name)) for name in (self.values if names is None else names))
        if len(self.names) < 2:
            raise DataError(f"at least two classes in {source}", found="one", remedy="add images of another class")
        absent = [self.names[index] for index in np.setdiff1d(np.arange(len(self.names)), self.numbers(labels, source))]
        if absent:
            raise DataError(
                f"training images of every class in {source}",
                found=f"none of {', '.join(absent[:SHOWN])}",
                remedy="add some, or leave the class out",
            )

    def numbers(self, labels: NDArray[Any], source: str) -> NDArray[np.int64]:
        """Labels as numbers of classes.

        Raises:
            DataError: One is of no class of the training images.
        """
        _check_type(labels, source)
        known = {value: number for number, value in enumerate(self.values.tolist())}
        given = labels.tolist()
        strange = sorted({str(label) for label in given if label not in known})
        if strange:
            raise DataError(
                f"labels among {_listed(self.names)} in {source}",
                found=_listed(strange),
                remedy="leave these images out, or add such images to the training set",
            )
        return np.array([known[label] for label in given], dtype=np.int64)


def _check_type(labels: NDArray[Any], source: str) -> None:
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"labels as whole numbers, texts or truth values in {source}",
            found=f"labels of type {labels.dtype}",
            remedy="convert them, for example with labels.astype(str)",
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise DataError(
            f"a class for each image in {source}",
            found=f"labels down to {labels.min()}, which often stand for none",
            remedy="leave these images out, or give their class another number",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
