"""Data sets: read, checked, and split into train, held-out and test, as tensors of 8-bit codes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.architecture.input_codes import PIXELS, InputCodes
from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.grouping import group_folds
from evonas.training.datasets.readers import read
from evonas.training.datasets.splitting import Part, split_parts
from evonas.training.datasets.standardizing import learned_codes, warn_of_cut


@dataclass(frozen=True)
class Split:
    """Part of a data set.

    Attributes:
        images: Codes ``(n, channels, height, width)``: pixels as uint8, standardised numbers as int8.
        labels: ``(n,)``, int64.
        codes: What the codes stand for.
        groups: Names ``(n,)`` of what no two parts share, if known.
    """

    images: Tensor
    labels: Tensor
    codes: InputCodes = PIXELS
    groups: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, limit: int | None = None) -> Tensor:
        """The first ``limit`` images as networks read them in training: float32, pixels within 0–1."""
        return self.images[:limit].float() / self.codes.per_one

    def class_counts(self, n_classes: int) -> list[int]:
        """Images of each class."""
        counts: list[int] = torch.bincount(self.labels, minlength=n_classes).tolist()
        return counts

    def taken(self, chosen: NDArray[np.int64]) -> Split:
        """The images of these indices."""
        groups = None if self.groups is None else self.groups[chosen]
        return Split(self.images[chosen], self.labels[chosen], self.codes, groups)

    def joined(self, other: Split) -> Split:
        """Both splits as one."""
        has_groups = self.groups is not None and other.groups is not None
        groups = np.concatenate([self.groups, other.groups]) if has_groups else None
        images, labels = torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels])
        return Split(images, labels, self.codes, groups)


@dataclass(frozen=True)
class Dataset:
    """A data set in three disjoint parts.

    Attributes:
        train: Trains supernets and networks.
        heldout: Scores networks during the search.
        test: Touched once, by ``evonas train``.
        classes: Their names; labels are 0 to ``n_classes - 1``.
        features: How images are computed from what a device records, in words; "": they are what it records.
    """

    train: Split
    heldout: Split
    test: Split
    classes: tuple[str, ...]
    features: str = ""

    @property
    def codes(self) -> InputCodes:
        """How its numbers are written."""
        return self.train.codes

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def expects(self) -> dict[str, str]:
        """What its networks expect at deployment and give back, in words; classes as JSON text."""
        return {
            "input": f"{'x'.join(map(str, self.input_shape))} (channels x height x width)",
            **({"features": self.features} if self.features else {}),
            **self.codes.described(),
            "output": f"{self.n_classes} numbers, a class each; the largest one decides",
            "classes": json.dumps(self.classes, ensure_ascii=True),
        }

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)`` of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load_dataset(settings: DataConfig) -> Dataset:
    """Read a data set and split it, stratified by class, in whole groups and the same for the same seed, but for sets
    that it brings.

    Args:
        settings: The run file's ``[data]``; see :data:`evonas.training.datasets.readers.READERS` for sources.

    Raises:
        DataError: Nothing is there, or it is malformed, NaN, constant, out of range, or too small to split.
    """
    found = read(settings.source, settings)
    parts = split_parts(found, settings)
    images = [_pooled(part.images, settings.pool) for part in parts]
    codes = learned_codes(images[0], settings)
    for part, name in zip(images[1:], ("held-out", "test"), strict=True):
        warn_of_cut(codes, part, name)
    splits = [_split(pooled, part, codes) for pooled, part in zip(images, parts, strict=True)]
    return Dataset(splits[0], splits[1], splits[2], found.classes, found.features)


def folds(labels: Tensor, *, n: int, seed: int, groups: NDArray[np.str_] | None = None) -> list[NDArray[np.int64]]:
    """Indices of ``n`` disjoint parts, each with an equal share of every class, up to one image; or of whole groups.

    Raises:
        DataError: There are fewer groups than parts.
    """
    if groups is not None:
        return group_folds(labels.numpy(), groups, n=n, seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels.numpy()[order], kind="stable")]
    return [np.sort(order[index::n]) for index in range(n)]


def dataset_hash(dataset: Dataset) -> str:
    """SHA-256 of all codes, what they stand for, labels, groups and the classes' names, as hexadecimal text."""
    digest = hashlib.sha256()
    for array in dataset.codes.standards or ():
        digest.update(array.tobytes())
    for split in (dataset.train, dataset.heldout, dataset.test):
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
        if split.groups is not None:
            digest.update(json.dumps(split.groups.tolist()).encode())
    digest.update(json.dumps(dataset.classes).encode())
    return digest.hexdigest()


def _pooled(images: NDArray[Any], pool: int) -> NDArray[Any]:
    """Squares of so many pixels averaged into one, of signals stretches; pixels are rounded."""
    if pool == 1:
        return images
    window = tuple(1 if side == 1 else pool for side in images.shape[2:])  # along signals only
    if any(side < length for side, length in zip(images.shape[2:], window, strict=True)):
        raise DataError(
            f"images of at least {pool}x{pool} pixels for pool = {pool}",
            found=f"{images.shape[2]}x{images.shape[3]}",
            remedy="lower pool under [data]",
        )
    pooled = torch.nn.functional.avg_pool2d(torch.from_numpy(images).float(), window)
    return (pooled.round().to(torch.uint8) if images.dtype == np.uint8 else pooled).numpy()


def _split(images: NDArray[Any], part: Part, codes: InputCodes) -> Split:
    encoded = torch.from_numpy(np.ascontiguousarray(codes.encode(images)))
    return Split(encoded, torch.from_numpy(part.labels), codes, part.groups)
