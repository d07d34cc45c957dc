"""A data set in three parts: evenly over the classes, by whole groups where there are some; the same for a seed."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.arrays import Arrays, Checked
from evonas.training.datasets.grouping import Indices, named_groups, whole_groups


class Part(NamedTuple):
    """Part of a data set: images and labels as in :data:`evonas.training.datasets.arrays.Arrays`."""

    images: NDArray[Any]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_] | None
    """``(n,)`` names."""

    def taken(self, chosen: Indices) -> Part:
        """The examples of these indices."""
        return Part(self.images[chosen], self.labels[chosen], None if self.groups is None else self.groups[chosen])


def split_parts(found: Checked, settings: DataConfig) -> tuple[Part, Part, Part]:
    """Set aside what a data set does not bring, and keep as many examples as ``[data] limit`` says.

    Args:
        found: What it brings.
        settings: The run file's ``[data]``.

    Raises:
        DataError: There are too few examples or groups, or named groups that are not there.

    Returns:
        For training, held-out and test.
    """
    limit, classes = settings.limit, found.classes
    training, test, heldout = _parts(found, settings)
    rng = np.random.default_rng(settings.split_seed)
    if test is None:
        aside = _Aside("test", settings.test_share, settings.test_groups, n_later=int(heldout is None))
        training, test = aside.taken(training, classes, rng)
    if 0 < limit < 4 * len(classes):
        raise DataError(
            f"a limit of at least four images for each of {len(classes)} classes",
            found=str(limit),
            remedy="raise limit under [data], or set it to 0 for all images",
        )
    if 0 < limit < len(training.labels):
        _, chosen = _stratified(training.labels, limit / len(training.labels), rng)
        training = training.taken(chosen)
    if heldout is None:
        aside = _Aside("heldout", settings.heldout_share, settings.heldout_groups, n_later=0)
        training, heldout = aside.taken(training, classes, rng)
    _warn_of_shared(training, test, "the training set and in the test set")
    _warn_of_shared(heldout, test, "the held-out set, which networks are trained on in the end, and in the test set")
    _warn_of_shared(training, heldout, "the training set and in the held-out set")
    return training, heldout, test


class _Aside(NamedTuple):
    """A part that is set aside."""

    name: str
    share: float
    groups: tuple[str, ...]
    n_later: int
    """Parts that are set aside of the rest."""

    def taken(self, part: Part, classes: tuple[str, ...], rng: np.random.Generator) -> tuple[Part, Part]:
        """The rest, and what is set aside, both in random order."""
        if part.groups is None:
            rest, chosen = _stratified(part.labels, self.share, rng)
        elif self.groups:
            rest, chosen = named_groups(
                part.labels, part.groups, self.groups, classes=classes, key=f"{self.name}_groups"
            )
        else:
            rest, chosen = whole_groups(
                part.labels, part.groups, self.share, classes=classes, n_later=self.n_later, rng=rng
            )
        if part.groups is not None:
            rest, chosen = rng.permutation(rest), rng.permutation(chosen)
        return part.taken(rest), part.taken(chosen)


def _parts(found: Checked, settings: DataConfig) -> tuple[Part, Part | None, Part | None]:
    """Training, test and held-out as the data set brings them; named groups must be of use."""
    groups = found.groups or (None, None, None)

    def part(arrays: Arrays | None, names: NDArray[np.str_] | None) -> Part | None:
        return None if arrays is None else Part(*arrays, names)

    parts = [part(arrays, names) for arrays, names in zip(found[:3], groups, strict=True)]
    for name, one in (("test", parts[1]), ("heldout", parts[2])):
        key = f"{name}_groups"
        named = getattr(settings, key)
        if named and (found.groups is None or one is not None):
            raise DataError(
                f"groups to choose the {name.replace('heldout', 'held-out')} set from, since {key} under [data] does",
                found="no groups" if found.groups is None else "data that bring this set",
                remedy="name the groups of examples: groups = ... under [data]"
                if found.groups is None
                else f"leave {key} out",
            )
    training, test, heldout = parts
    assert training is not None
    return training, test, heldout


def _warn_of_shared(one: Part, other: Part, names: str) -> None:
    if one.groups is None or other.groups is None:
        return
    shared = np.intersect1d(one.groups, other.groups).tolist()
    if shared:
        more = f" and {len(shared) - 5} more" * (len(shared) > 5)
        warnings.warn(f"groups in {names}: {', '.join(shared[:5])}{more}", DataWarning, stacklevel=3)


def _stratified(labels: NDArray[np.int64], share: float, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Indices of a share of each class, and of the rest, both in random order: ``(rest, chosen)``."""
    rest, chosen = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        n = round(share * len(members))
        if not 0 < n < len(members):
            raise DataError(
                f"enough images of class {label} to set {share:.0%} of them aside",
                found=f"{len(members)} images",
                remedy="add images, or change test_share and heldout_share under [data]",
            )
        chosen.append(members[:n])
        rest.append(members[n:])
    return rng.permutation(np.concatenate(rest)), rng.permutation(np.concatenate(chosen))
