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
from evonas.training.datasets.readers import read


@dataclass(frozen=True)
class Split:
    """Images ``(n, channels, height, width)`` as uint8 and labels ``(n,)`` as int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, limit: int | None = None) -> Tensor:
        """The first ``limit`` images as float32 within 0–1."""
        return self.images[:limit].float() / 255

    def class_counts(self, n_classes: int) -> list[int]:
        """Images of each class."""
        counts: list[int] = torch.bincount(self.labels, minlength=n_classes).tolist()
        return counts

    def taken(self, chosen: NDArray[np.int64]) -> Split:
        """The images of these indices."""
        return Split(self.images[chosen], self.labels[chosen])

    def joined(self, other: Split) -> Split:
        """Both splits as one."""
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))


@dataclass(frozen=True)
class Dataset:
    """A data set in three disjoint parts.

    Attributes:
        train: Trains supernets and networks.
        heldout: Scores networks during the search.
        test: Touched once, by ``evonas train``.
        classes: Their names; labels are 0 to ``n_classes - 1``.
    """

    train: Split
    heldout: Split
    test: Split
    classes: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def expects(self) -> dict[str, str]:
        """What its networks expect at deployment and give back, in words; classes as JSON text."""
        shape = "x".join(map(str, self.input_shape))
        return {
            "input": f"{shape} (channels x height x width), 8 bits without sign, of which 0 to 255 stand for 0 to 1",
            "output": f"{self.n_classes} numbers, a class each; the largest one decides",
            "classes": json.dumps(self.classes, ensure_ascii=True),
        }

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)`` of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load_dataset(settings: DataConfig) -> Dataset:
    """Read a data set and split it, stratified by class and the same for the same seed, but for sets that it brings.

    Args:
        settings: The run file's ``[data]``; see :data:`evonas.training.datasets.readers.READERS` for sources.

    Raises:
        DataError: Nothing is there, or it is malformed, NaN, out of range, or too small to split.
    """
    limit, pool = settings.limit, settings.pool
    training, test, heldout, classes = read(settings.source, settings)
    rng = np.random.default_rng(settings.split_seed)
    if test is None:
        rest, chosen = _stratified(training[1], settings.test_share, rng)
        training, test = (training[0][rest], training[1][rest]), (training[0][chosen], training[1][chosen])
    if 0 < limit < 4 * len(classes):
        raise DataError(
            f"a limit of at least four images for each of {len(classes)} classes",
            found=str(limit),
            remedy="raise limit under [data], or set it to 0 for all images",
        )
    if 0 < limit < len(training[1]):
        _, chosen = _stratified(training[1], limit / len(training[1]), rng)
        training = training[0][chosen], training[1][chosen]
    if heldout is None:
        kept, chosen = _stratified(training[1], settings.heldout_share, rng)
        training, heldout = (training[0][kept], training[1][kept]), (training[0][chosen], training[1][chosen])
    return Dataset(_split(*training, pool), _split(*heldout, pool), _split(*test, pool), classes)


def folds(labels: Tensor, *, n: int, seed: int) -> list[NDArray[np.int64]]:
    """Indices of ``n`` disjoint parts, each with an equal share of every class, up to one image."""
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


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], pool: int) -> Split:
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    if pool > 1:
        window = tuple(1 if side == 1 else pool for side in pixels.shape[2:])  # along signals only
        if any(side < length for side, length in zip(pixels.shape[2:], window, strict=True)):
            raise DataError(
                f"images of at least {pool}x{pool} pixels for pool = {pool}",
                found=f"{pixels.shape[2]}x{pixels.shape[3]}",
                remedy="lower pool under [data]",
            )
        pixels = torch.nn.functional.avg_pool2d(pixels.float(), window).round().to(torch.uint8)
    return Split(pixels, torch.from_numpy(labels))


def _stratified(
    labels: NDArray[np.int64], share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
