"""Arrays of inputs and labels under the names that people give them: what ``.npz`` and ``.npy`` files share.

Inputs are ``(n, height, width)`` or ``(n, height, width, channels)``, or as ``[data] axes`` and ``shape`` tell.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning, nearest
from evonas.training.datasets.arrays import Groups, Parts, Raw
from evonas.training.datasets.axes import channels_last
from evonas.training.datasets.forms.membership import divided, group_names

IMAGES, LABELS = ("images", "x", "data"), ("labels", "label", "y", "targets", "target")
TRAIN, TEST, HELDOUT = ("train", "training", ""), ("test",), ("val", "valid", "validation", "heldout")
KEYS = ("inputs", "labels", "groups", "split", "shape")
"""Of ``[data]``, those that tell of arrays."""


def named_parts(arrays: Mapping[str, NDArray[Any]], source: str, settings: DataConfig, *, remedy: str) -> Parts:
    """A data set of arrays by name; those that are not used are told in a warning.

    Args:
        arrays: By name: inputs and labels, maybe with ``train``, ``test`` or ``val`` before or after the name.
        source: Where they come from.
        settings: The run file's ``[data]``: names of arrays, and how their axes lie.
        remedy: How such arrays are saved, for messages.

    Raises:
        DataError: An array is missing, or several could be meant.
    """
    known = _Named(arrays, source, settings, remedy)
    pairs = [known.pair(splits) for splits in (TRAIN, TEST, HELDOUT)]
    training, test, heldout = pairs
    if training is None:
        raise DataError(
            f"arrays named images and labels, or x_train and y_train, in {source}",
            found=", ".join(arrays) or "nothing",
            remedy=f"{remedy}, or name them under [data]: inputs and labels",
        )
    groups = known.groups()
    split = known.array("split", TRAIN) if settings.split else None
    if others := [name for name in arrays if name not in known.used]:
        warnings.warn(f"arrays in {source} that are left out: {', '.join(others)}", DataWarning, stacklevel=2)
    if split is None:
        return Parts(training, test, heldout, groups=groups)
    if test is not None or heldout is not None:
        raise DataError(
            f"either split = {settings.split!r} or arrays of a test or held-out set in {source}",
            found=", ".join(name for name in arrays if name in known.used),
            remedy="leave split out under [data], or name other arrays under inputs and labels",
        )
    of_training = None if groups is None else groups.training
    return divided(training, groups=of_training, split=split, where=f"{settings.split} of {source}")


class _Named:
    """Arrays, found by what they hold and the split that they are of."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], source: str, settings: DataConfig, remedy: str) -> None:
        self.arrays, self.source, self.settings, self.remedy = arrays, source, settings, remedy
        self.used: set[str] = set()
        self.names = {
            key: (getattr(settings, key),) if getattr(settings, key) != "auto" else usual
            for key, usual in (("inputs", IMAGES), ("labels", LABELS), ("groups", ()), ("split", ()))
        }
        for key, names in self.names.items():
            if len(names) == 1 and names[0] and not self.found(key, TRAIN):
                raise DataError(
                    f"an array {names[0]!r} in {source}, since {key} under [data] names it",
                    found=", ".join(arrays) or "nothing",
                    remedy=nearest(names[0], arrays),
                )

    def found(self, key: str, splits: tuple[str, ...]) -> list[str]:
        """Names of the arrays that a key means, of a split; the one that is named to the letter before others."""
        names = [name for name in self.arrays if _is_named(name, self.names[key], splits)]
        exact = [name for name in names if name in self.names[key] and name == getattr(self.settings, key)]
        return exact or names

    def array(self, key: str, splits: tuple[str, ...]) -> NDArray[Any]:
        """The one array that a key means.

        Raises:
            DataError: There are several.
        """
        names = self.found(key, splits)
        if len(names) > 1:
            raise DataError(f"one array for {key} in {self.source}", found=", ".join(names), remedy="rename the others")
        self.used.update(names)
        return self.arrays[names[0]]

    def pair(self, splits: tuple[str, ...]) -> Raw | None:
        """Inputs and labels of a split, or None if there is neither."""
        images, labels = self.found("inputs", splits), self.found("labels", splits)
        if not images and not labels:
            return None
        if len(images) != 1 or len(labels) != 1:
            several = [name for names in (images, labels) if len(names) > 1 for name in names]
            missing = "images" if not images else "labels"
            raise DataError(
                f"one array of images and one of labels for each split in {self.source}",
                found=f"{', '.join(self.arrays)}; "
                + (f"several: {', '.join(several)}" if several else f"{missing} missing"),
                remedy=f"{self.remedy}, or name the arrays under [data]: inputs and labels",
            )
        self.used.update((*images, *labels))
        return channels_last(self.arrays[images[0]], self.source, self.settings), self.arrays[labels[0]]

    def groups(self) -> Groups | None:
        """Groups of the examples of each split, where there are arrays of them."""
        if not self.settings.groups:
            return None

        def names(splits: tuple[str, ...]) -> NDArray[np.str_] | None:
            if not self.found("groups", splits):
                return None
            return group_names(self.array("groups", splits), f"{self.settings.groups} of {self.source}")

        training = names(TRAIN)
        assert training is not None
        return Groups(training, names(TEST), names(HELDOUT))


def _is_named(name: str, kinds: tuple[str, ...], splits: tuple[str, ...]) -> bool:
    """Whether an array is, by its name, one of a kind in a split: ``x_train``, ``train_images``, ``X``."""
    wanted = {"_".join(parts) for kind in kinds for split in splits for parts in ((kind, split), (split, kind))}
    return name.lower().strip("_") in {one.lower().strip("_") for one in wanted}
