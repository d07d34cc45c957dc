"""Data sets: read, checked, and split into train, held-out and test, as tensors of 8-bit pixels."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.errors import DataError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


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

    def taken(self, chosen: NDArray[np.int64]) -> Split:
        """The images of these indices."""
        return Split(self.images[chosen], self.labels[chosen])

    def joined(self, other: Split) -> Split:
        """Both splits as one."""
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))


@dataclass(frozen=True)
class Data:
    """A data set in three disjoint parts.

    Attributes:
        train: Trains supernets and networks.
        heldout: Scores networks during the search.
        test: Touched once, by ``evonas train``.
        n_classes: Labels are 0 to ``n_classes - 1``.
    """

    train: Split
    heldout: Split
    test: Split
    n_classes: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)`` of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load_data(
    source: str, *, test_share: float, heldout_share: float, split_seed: int, limit: int = 0, pool: int = 1
) -> Data:
    """Read a data set and split it, stratified by class and the same for the same seed.

    Args:
        source: ``"digits"`` (1,797 images of 8x8, inside scikit-learn), an ``.npz`` file, or a folder of IDX files.
            An ``.npz`` holds ``images`` and ``labels``, and if it has a test set of its own ``test_images`` and
            ``test_labels``; images are ``(n, height, width)`` or ``(n, height, width, channels)``, uint8 or floats
            within 0–1.
            An IDX folder holds ``train-images-idx3-ubyte`` and so on, as MNIST and Fashion-MNIST do, gzipped or not.
        test_share: Share of all images to set aside for the test, where the source has no test set of its own.
        heldout_share: Share of the rest to hold out for the search.
        split_seed: Of the split.
        limit: Training and held-out images to keep, evenly from the classes; 0 keeps all. The test stays whole.
        pool: Side of the squares of pixels averaged into one; what does not fill a square is cut off.

    Raises:
        DataError: Nothing is there, or it is malformed, NaN, out of range, or too small to split.
    """
    training, test = _read(source)
    rng = np.random.default_rng(split_seed)
    if test is None:
        rest, chosen = _stratified(training[1], test_share, rng)
        training, test = (training[0][rest], training[1][rest]), (training[0][chosen], training[1][chosen])
    n_classes = int(training[1].max()) + 1
    if 0 < limit < 4 * n_classes:
        raise DataError(
            f"a limit of at least four images for each of {n_classes} classes",
            found=str(limit),
            remedy="raise limit under [data], or set it to 0 for all images",
        )
    if 0 < limit < len(training[1]):
        _, chosen = _stratified(training[1], limit / len(training[1]), rng)
        training = training[0][chosen], training[1][chosen]
    kept, heldout = _stratified(training[1], heldout_share, rng)
    return Data(
        train=_split(training[0][kept], training[1][kept], pool),
        heldout=_split(training[0][heldout], training[1][heldout], pool),
        test=_split(*test, pool),
        n_classes=n_classes,
    )


def folds(labels: Tensor, *, n: int, seed: int) -> list[NDArray[np.int64]]:
    """Indices of ``n`` disjoint parts, each with an equal share of every class, up to one image."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels.numpy()[order], kind="stable")]
    return [np.sort(order[index::n]) for index in range(n)]


def batches(
    split: Split, *, batch_size: int, shift: int, flip: bool, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented batches for ever; a new order every pass, incomplete batches left out.

    Args:
        split: Where from.
        batch_size: Images a batch; all of them if the split is smaller.
        shift: Largest random displacement in pixels, up, down and sideways; the border is filled with zeros.
        flip: Whether to mirror half of the images left to right.
        generator: Draws order and augmentation.
    """
    size = min(batch_size, len(split))
    while True:
        order = torch.randperm(len(split), generator=generator)
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            images = split.images[chosen].float() / 255
            if shift:
                images = _shifted(images, shift, generator)
            if flip:
                mirrored = torch.rand(size, generator=generator) < 0.5
                images[mirrored] = images[mirrored].flip(3)
            yield images, split.labels[chosen]


def _shifted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    n, channels, height, width = images.shape
    padded = torch.nn.functional.pad(images, (shift, shift, shift, shift))
    top, left = torch.randint(2 * shift + 1, (2, n, 1), generator=generator)
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    sample, channel = torch.arange(n), torch.arange(channels)
    return padded[
        sample[:, None, None, None], channel[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]
    ]


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], pool: int) -> Split:
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    if pool > 1:
        if min(pixels.shape[2:]) < pool:
            raise DataError(
                f"images of at least {pool}x{pool} pixels for pool = {pool}",
                found=f"{pixels.shape[2]}x{pixels.shape[3]}",
                remedy="lower pool under [data]",
            )
        pixels = torch.nn.functional.avg_pool2d(pixels.float(), pool).round().to(torch.uint8)
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


def _read(source: str) -> tuple[Arrays, Arrays | None]:
    if source == "digits":
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        return _pair((digits.images / 16, digits.target), None, source)
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_idx(path)
    if path.suffix == ".npz" and path.is_file():
        return _read_npz(path)
    raise DataError(
        'a data set: "digits", an .npz file, or a folder of IDX files',
        found=f"nothing of the kind at {source!r}",
        remedy="mend source under [data] in the run file; a relative path starts where evonas was called",
    )


def _read_npz(path: Path) -> tuple[Arrays, Arrays | None]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile, zlib.error, RuntimeError) as error:
        wanted = "arrays of plain numbers" if "pickle" in str(error) else "a readable .npz file"
        raise DataError(
            f"{wanted} in {path}",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="save it again with numpy.savez(path, images=..., labels=...)",
        ) from error
    pairs = [("images", "labels")] + [("test_images", "test_labels")] * any(name.startswith("test_") for name in arrays)
    if missing := [name for pair in pairs for name in pair if name not in arrays]:
        raise DataError(
            f"arrays named {' and '.join(name for pair in pairs for name in pair)} in {path}",
            found=f"{', '.join(arrays) or 'nothing'}; {' and '.join(missing)} missing",
            remedy="save it with numpy.savez(path, images=..., labels=...)",
        )
    parts = [(arrays[images], arrays[labels]) for images, labels in pairs]
    return _pair(parts[0], parts[1] if len(parts) == 2 else None, str(path))


def _read_idx(folder: Path) -> tuple[Arrays, Arrays | None]:
    training, test = (
        (_idx(folder, f"{prefix}-images-idx3-ubyte"), _idx(folder, f"{prefix}-labels-idx1-ubyte"))
        for prefix in ("train", "t10k")
    )
    return _pair(training, test, str(folder))


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file: two zero bytes, type 8 (uint8), the number of axes, each length as 4 bytes, the data."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            raw = path.read_bytes()
            break
    else:
        raise DataError(
            f"the IDX file {name} or {name}.gz in {folder}",
            found=", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "an empty folder",
            remedy="point source under [data] at a folder of MNIST-like files, or at an .npz file",
        )
    n_axes = 3 if "images" in name else 1
    header = 4 + 4 * n_axes
    try:
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        if raw[:4] != bytes([0, 0, 8, n_axes]) or len(raw) < header:
            raise ValueError(f"{len(raw)} bytes that begin with {raw[:4].hex(' ')}")
        shape = tuple(np.frombuffer(raw[4:header], ">u4").astype(int))
        return np.frombuffer(raw[header:], np.uint8).reshape(shape).copy()  # torch wants memory it may write to
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(
            f"a complete IDX file of uint8 with {n_axes} axes at {path}",
            found=str(error),
            remedy="copy or download the file again",
        ) from error


def _pair(training: tuple[Any, Any], test: tuple[Any, Any] | None, source: str) -> tuple[Arrays, Arrays | None]:
    """Check training and test arrays, each alone and against one another."""
    images, labels = _checked(*training, source, most_classes=len(training[1]))
    n_classes = int(labels.max()) + 1
    if n_classes < 2:
        raise DataError(f"at least two classes in {source}", found="one", remedy="add images of another class")
    absent = np.setdiff1d(np.arange(n_classes), labels)
    if len(absent):
        raise DataError(
            f"training images of every class from 0 to {n_classes - 1} in {source}",
            found=f"none of class {', '.join(map(str, absent[:8]))}",
            remedy="number the classes from 0 without gaps, or check the labels",
        )
    if test is None:
        return (images, labels), None
    test_images, test_labels = _checked(*test, f"the test set of {source}", most_classes=n_classes)
    if test_images.shape[1:] != images.shape[1:]:
        raise DataError(
            f"test images of the training images' shape {images.shape[1:]} in {source}",
            found=f"{test_images.shape[1:]} (channels, height, width)",
            remedy="bring all images to one size",
        )
    return (images, labels), (test_images, test_labels)


def _checked(images: NDArray[Any], labels: NDArray[Any], source: str, *, most_classes: int) -> Arrays:
    """Bring images to uint8 ``(n, channels, height, width)`` and labels to int64, or say what is wrong with them."""

    def wrong(wanted: str, found: str, remedy: str) -> DataError:
        return DataError(f"{wanted} in {source}", found=found, remedy=remedy)

    if images.ndim not in (3, 4) or len(images) == 0:
        raise wrong("images as (n, height, width) or (n, height, width, channels)", f"shape {images.shape}", "reshape")
    if 0 in images.shape:
        raise wrong("images of at least one pixel", f"shape {images.shape}", "give images with pixels")
    if labels.shape != (len(images),):
        raise wrong(f"{len(images)} labels, one an image", f"shape {labels.shape}", "give one label an image")
    if not np.issubdtype(labels.dtype, np.integer):
        raise wrong("labels as whole numbers from 0", f"labels of type {labels.dtype}", "number the classes from 0")
    if labels.min() < 0 or labels.max() >= most_classes:
        raise wrong(
            f"labels as whole numbers from 0 to {most_classes - 1} at most",
            f"{labels.min()} to {labels.max()}",
            "number the classes from 0",
        )
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            bad = int((~np.isfinite(images)).sum())
            raise wrong("finite pixels", f"{bad} NaN or infinite", "remove or repair these images")
        if images.min() < 0 or images.max() > 1:
            raise wrong("float pixels within 0 to 1", f"{images.min():g} to {images.max():g}", "rescale, or use uint8")
        images = np.round(images * 255).astype(np.uint8)
    elif images.dtype != np.uint8:
        raise wrong("pixels as uint8, or as floats in 0 to 1", f"{images.dtype}", "convert the pixels")
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), labels.astype(np.int64)
