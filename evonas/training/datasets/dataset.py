"""Data sets: read, checked, and split into train, held-out and test, as tensors of 8-bit pixels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.grouping import group_folds
from evonas.training.datasets.readers import read
from evonas.training.datasets.splitting import Part, split_parts


@dataclass(frozen=True)
class Split:
    """Images ``(n, channels, height, width)`` as uint8, labels ``(n,)`` as int64, and groups ``(n,)`` if known."""

    images: Tensor
    labels: Tensor
    groups: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, limit: int | None = None) -> Tensor:
        """The first ``limit`` images as float32 within 0–1."""
        return self.images[:limit].float() / 255

    def taken(self, chosen: NDArray[np.int64]) -> Split:
        """The images of these indices."""
        groups = None if self.groups is None else self.groups[chosen]
        return Split(self.images[chosen], self.labels[chosen], groups=groups)

    def joined(self, other: Split) -> Split:
        """Both splits as one."""
        has_groups = self.groups is not None and other.groups is not None
        groups = np.concatenate([self.groups, other.groups]) if has_groups else None
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]), groups=groups)


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
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def expects(self) -> dict[str, str]:
        """What its networks expect at deployment and give back, in words; classes as JSON text."""
        shape = "x".join(map(str, self.input_shape))
        return {
            "input": f"{shape} (channels x height x width), 8 bits without sign, of which 0 to 255 stand for 0 to 1",
            **({"features": self.features} if self.features else {}),
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
        DataError: Nothing is there, or it is malformed, NaN, out of range, or too small to split.
    """
    found = read(settings.source, settings)
    training, heldout, test = (_split(part, settings.pool) for part in split_parts(found, settings))
    return Dataset(training, heldout, test, found.classes, found.features)


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
    """SHA-256 of all images and labels, split as they are, and of the classes' names, as hexadecimal text."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.heldout, dataset.test):
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    digest.update(json.dumps(dataset.classes).encode())
    return digest.hexdigest()


def _split(part: Part, pool: int) -> Split:
    pixels = torch.from_numpy(np.ascontiguousarray(part.images))
    if pool > 1:
        window = tuple(1 if side == 1 else pool for side in pixels.shape[2:])  # along signals only
        if any(side < length for side, length in zip(pixels.shape[2:], window, strict=True)):
            raise DataError(
                f"images of at least {pool}x{pool} pixels for pool = {pool}",
                found=f"{pixels.shape[2]}x{pixels.shape[3]}",
                remedy="lower pool under [data]",
            )
        pixels = torch.nn.functional.avg_pool2d(pixels.float(), window).round().to(torch.uint8)
    return Split(pixels, torch.from_numpy(part.labels), groups=part.groups)
