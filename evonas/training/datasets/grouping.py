"""Whole groups of examples, such as all of a speaker's, chosen so that no group is in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError

Indices = NDArray[np.int64]
Names = NDArray[np.str_]

FEW = 12  # groups, of which all choices are compared
STARTS = 8  # random choices of more groups, each of which is improved
LACKING = 1e6  # what a class costs that is not on a side


def whole_groups(
    labels: NDArray[np.int64],
    groups: Names,
    share: float,
    *,
    classes: Sequence[str],
    n_later: int,
    rng: np.random.Generator,
) -> tuple[Indices, Indices]:
    """Choose groups that come close to a share of each class and of all examples, with every class on both sides.

    Of few groups all choices are compared; of more, groups are taken and given back one by one, from some random
    choices, as long as that comes closer. Among equals, chance decides.

    Args:
        labels: ``(n,)`` numbers of classes.
        groups: ``(n,)`` their groups.
        share: Of the examples, to choose.
        classes: Names.
        n_later: How many further parts will be chosen of the rest, which needs groups of each class for them.
        rng: Chance.

    Raises:
        DataError: No choice has every class on both sides.

    Returns:
        Indices of the rest, and of what is chosen, in order.
    """
    names, counts = _counts(labels, groups, len(classes))
    needed = 2 + n_later
    of_class = (counts > 0).sum(axis=0)
    has_examples = counts.sum(axis=0) > 0
    if len(names) < needed or (of_class[has_examples] < needed).any():
        scarce = [
            f"{classes[index]}: {of_class[index]}"
            for index in np.flatnonzero(has_examples & (of_class < needed)).tolist()
        ]
        raise _impossible(len(names), needed, f"; groups of class {', '.join(scarce[:5])}" * bool(scarce))
    order = rng.permutation(len(names))
    taken = _best(counts[order][:, has_examples], share, rng, n_rest=1 + n_later)
    if taken is None:
        raise _impossible(len(names), needed, ", of which no choice has every class on both sides")
    is_chosen = np.isin(groups, names[order][taken])
    return np.flatnonzero(~is_chosen), np.flatnonzero(is_chosen)


def named_groups(
    labels: NDArray[np.int64], groups: Names, wanted: Sequence[str], *, classes: Sequence[str], key: str
) -> tuple[Indices, Indices]:
    """Examples of the groups that the run file names.

    Args:
        labels: ``(n,)`` numbers of classes.
        groups: ``(n,)`` their groups.
        wanted: Groups to choose.
        classes: Names.
        key: That of the run file.

    Raises:
        DataError: One is unknown, or the rest lacks a class.

    Returns:
        Indices of the rest, and of what is chosen, in order.
    """
    known = np.unique(groups).tolist()
    if strange := [name for name in wanted if name not in known]:
        shown = ", ".join(known[:30]) + f" and {len(known) - 30} more" * (len(known) > 30)
        raise DataError(
            f"groups among {shown}", found=f"{key} = {', '.join(strange)}", remedy=f"correct {key} under [data]"
        )
    is_chosen = np.isin(groups, list(wanted))
    if absent := np.setdiff1d(labels, labels[~is_chosen]).tolist():
        raise DataError(
            f"examples of every class outside of {key}",
            found=f"none of {', '.join(classes[index] for index in absent[:5])}",
            remedy=f"name fewer groups in {key} under [data]",
        )
    return np.flatnonzero(~is_chosen), np.flatnonzero(is_chosen)


def group_folds(labels: NDArray[np.int64], groups: Names, *, n: int, seed: int) -> list[Indices]:
    """Indices of ``n`` disjoint parts of whole groups, about equal in every class.

    The largest groups come first, each to the part that it leaves most even; of equal ones, chance decides.

    Raises:
        DataError: There are fewer groups than parts.
    """
    names, counts = _counts(labels, groups, int(labels.max()) + 1)
    if len(names) < n:
        raise DataError(
            f"at least {n} groups in the training set, for {n} parts of whole groups",
            found=f"{len(names)}: {', '.join(names.tolist())}",
            remedy="ask for fewer seeds, add groups, or name smaller ones under groups",
        )
    weights = counts / np.maximum(counts.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    loads, fold_of = np.zeros((n, counts.shape[1])), np.zeros(len(names), dtype=np.int64)
    for place, group in enumerate(order):
        # a part without groups is filled as long as there are no more groups than such parts
        is_empty = ~np.isin(np.arange(n), fold_of[order[:place]])
        open_parts = is_empty if is_empty.sum() >= len(order) - place else np.ones(n, dtype=bool)
        growth = ((loads + weights[group]) ** 2 - loads**2).sum(axis=1)
        chosen = int(np.where(open_parts, growth, np.inf).argmin())
        loads[chosen] += weights[group]
        fold_of[group] = chosen
    of_example = fold_of[np.searchsorted(names, groups)]
    return [np.flatnonzero(of_example == index) for index in range(n)]


def _counts(labels: NDArray[np.int64], groups: Names, n_classes: int) -> tuple[Names, NDArray[np.int64]]:
    """Names of groups in order, and how many examples of each class they have, ``(groups, classes)``."""
    names, numbers = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), n_classes), dtype=np.int64)
    np.add.at(counts, (numbers, labels), 1)
    return names, counts


def _best(
    counts: NDArray[np.int64], share: float, rng: np.random.Generator, *, n_rest: int
) -> NDArray[np.bool_] | None:
    """Which groups to take, ``(groups,)``; None if no choice that is known has every class on both sides."""
    n = len(counts)
    if n <= FEW:
        choices = np.array(list(product((False, True), repeat=n)))
    else:
        choices = np.stack([_climbed(counts, share, rng.random(n) < share, n_rest=n_rest) for _ in range(STARTS)])
    costs = _costs(choices @ counts, choices.astype(np.int64) @ (counts > 0), counts, share, n_rest=n_rest)
    best = int(costs.argmin())
    return None if costs[best] >= LACKING else choices[best]


def _climbed(counts: NDArray[np.int64], share: float, taken: NDArray[np.bool_], *, n_rest: int) -> NDArray[np.bool_]:
    """A choice that no single group improves, found from another one."""
    has, taken, least = counts > 0, taken.copy(), np.inf
    while True:
        chosen = taken.astype(np.int64)
        sums, n_taken = chosen @ counts, chosen @ has
        change: NDArray[np.int64] = np.where(taken, -1, 1)[:, None]
        costs = _costs(sums + change * counts, n_taken + change * has, counts, share, n_rest=n_rest)
        best = int(costs.argmin())
        if not costs[best] < least:
            return taken
        least = costs[best]
        taken[best] ^= True


def _costs(
    sums: NDArray[np.int64], n_taken: NDArray[np.int64], counts: NDArray[np.int64], share: float, *, n_rest: int
) -> NDArray[np.float64]:
    """How far choices are from the share; above a million if a class lacks groups on a side.

    Args:
        sums, n_taken: Examples and groups of each class that are taken, ``(choices, classes)``.
        counts: Examples of all groups, ``(groups, classes)``.
        share: What is wanted, of each class and of all examples.
        n_rest: Groups of each class that must be left.
    """
    deviation = np.abs(sums / counts.sum(axis=0) - share).mean(axis=1)
    deviation += np.abs(sums.sum(axis=1) / counts.sum() - share)
    n_left = (counts > 0).sum(axis=0) - n_taken
    lacking = np.maximum(0, 1 - n_taken).sum(axis=1) + np.maximum(0, n_rest - n_left).sum(axis=1)
    found: NDArray[np.float64] = deviation + LACKING * lacking
    return found


def _impossible(n: int, needed: int, more: str) -> DataError:
    return DataError(
        f"at least {needed} groups with examples of every class, so that each part of the split gets whole groups",
        found=f"{n} groups{more}",
        remedy="name the groups of each part under [data]: test_groups and heldout_groups; or leave groups out",
    )
