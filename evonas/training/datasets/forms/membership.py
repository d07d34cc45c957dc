"""Where examples belong, as arrays or columns say: to a part of the split, and to a group such as a speaker."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError
from evonas.training.datasets.arrays import Groups, Parts, Raw

TRAIN, TEST, HELDOUT = ("train", "training"), ("test", "testing"), ("val", "valid", "validation", "heldout")


def group_names(groups: NDArray[Any], where: str) -> NDArray[np.str_]:
    """Groups by name.

    Args:
        groups: ``(n,)`` texts, whole numbers or truth values.
        where: What they are and where they come from, for messages.

    Raises:
        DataError: They are of another type, or one is missing.
    """
    if groups.dtype.kind == "f" and np.isfinite(groups).all() and (groups == np.rint(groups)).all():
        groups = groups.astype(np.int64)  # of a table in which one cell looks like a fraction
    if groups.ndim != 1 or groups.dtype.kind not in "biuU":
        raise DataError(
            f"groups as texts or whole numbers, one per example, in {where}",
            found=f"{groups.dtype} of shape {groups.shape}",
            remedy="give each example the name of its group",
        )
    names = groups.astype(np.str_)
    if missing := int((np.char.strip(names) == "").sum()):
        raise DataError(
            f"a group for each example in {where}", found=f"{missing} without", remedy="name them, or leave these out"
        )
    return names


def divided(raw: Raw, *, groups: NDArray[np.str_] | None, split: NDArray[Any], where: str) -> Parts:
    """The parts that an array or a column names for each example.

    Args:
        raw: All inputs and labels.
        groups: Their groups, if known.
        split: ``(n,)``: texts such as ``train``, ``val`` and ``test`` in any case; or truth values, or 0 and 1, of
            which true is the test set.
        where: Name and place of ``split``, for messages.

    Raises:
        DataError: A value is none of these, or no example is for training.
    """
    kinds = _kinds(split, where)
    images, labels = raw
    if not len(kinds) == len(labels) == len(images) or (groups is not None and len(groups) != len(kinds)):
        raise DataError(
            f"a value for each of {len(labels)} examples in {where}",
            found=f"{len(kinds)} values for {len(images)} inputs",
            remedy="give one value per example",
        )
    if not (kinds == "train").any():
        raise DataError(
            f"examples for training in {where}",
            found=", ".join(sorted({str(value) for value in split.tolist()})),
            remedy="name some of them train",
        )

    def part(kind: str) -> tuple[Raw | None, NDArray[np.str_] | None]:
        chosen = np.flatnonzero(kinds == kind)
        if not len(chosen):
            return None, None
        return (images[chosen], labels[chosen]), None if groups is None else groups[chosen]

    (training, of_training), (test, of_test), (heldout, of_heldout) = map(part, ("train", "test", "heldout"))
    assert training is not None
    known = None if of_training is None else Groups(of_training, of_test, of_heldout)
    return Parts(training, test, heldout, groups=known)


def _kinds(split: NDArray[Any], where: str) -> NDArray[np.str_]:
    """``train``, ``test`` or ``heldout`` for each example."""
    if split.ndim == 1 and (split.dtype.kind == "b" or (split.dtype.kind in "iu" and set(split.tolist()) <= {0, 1})):
        return np.where(split.astype(bool), "test", "train")
    table = {word: words[0] for words in (TRAIN, TEST) for word in words} | dict.fromkeys(HELDOUT, "heldout")
    words = [str(value).strip().lower() for value in split.reshape(-1).tolist()]
    strange = sorted(set(words) - set(table))
    if split.ndim != 1 or strange:
        raise DataError(
            f"{', '.join(table)}, or true and false, for each example in {where}",
            found=", ".join(map(repr, strange[:8])) or f"shape {split.shape}",
            remedy="name the part of each example so, or leave split out under [data]",
        )
    return np.array([table[word] for word in words])
