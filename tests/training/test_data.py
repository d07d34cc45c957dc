"""Data sets: splits that never mix, augmentation that keeps shapes, bad images refused in plain words."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.dataset import Dataset, load_dataset
from evonas.training.datasets.image_batches import Augmentation, image_batches


def load(source: str | Path, **changed: float) -> Dataset:
    return load_dataset(DataConfig.of(source=str(source), **changed))


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for prefix, n in (("train", 40), ("t10k", 12)):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(rng.integers(0, 256, (n, 5, 4))))
        packed = gzip.compress(idx_bytes(np.arange(n) % 4))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(packed)
    return tmp_path


def test_digits_come_whole_stratified_and_disjoint() -> None:
    data = load("digits")
    assert (data.input_shape, data.n_classes) == ((1, 8, 8), 10)
    assert len(data.train) + len(data.heldout) + len(data.test) == 1797
    assert 0.19 < len(data.test) / 1797 < 0.21
    for split in (data.train, data.heldout, data.test):
        assert torch.bincount(split.labels).min() / len(split) > 0.08
    rows = {bytes(image.numpy().tobytes()) for image in data.train.images}
    assert not rows & {bytes(image.numpy().tobytes()) for image in data.test.images}


def test_a_split_depends_on_its_seed_only() -> None:
    first, same, other = load("digits"), load("digits"), load("digits", split_seed=1)
    assert torch.equal(first.test.images, same.test.images)
    assert not torch.equal(first.test.images, other.test.images)


def test_npz_in_colour(image_file: Path) -> None:
    data = load(image_file)
    assert data.input_shape == (3, 6, 6)
    assert data.train.images.dtype == torch.uint8
    assert 0 <= data.train.inputs().min() <= data.train.inputs().max() <= 1


def test_npz_with_a_test_set_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    images = np.random.default_rng(0).random((30, 4, 4))
    np.savez(path, images=images, labels=np.arange(30) % 2, test_images=images[:6], test_labels=np.arange(6) % 2)
    data = load(path)
    assert len(data.test) == 6
    np.testing.assert_array_equal(data.test.images[0, 0], np.round(images[0] * 255))


def test_a_limit_keeps_the_classes_even_and_the_test_whole() -> None:
    data = load("digits", limit=300)
    assert 295 <= len(data.train) + len(data.heldout) <= 305
    assert len(data.test) == len(load("digits").test)
    counts = torch.bincount(data.train.labels)
    assert counts.max() - counts.min() <= 3


def test_pooling_averages_squares() -> None:
    whole, pooled = load("digits").train.images, load("digits", pool=2).train.images
    assert pooled.shape[2:] == (4, 4)
    mean = whole[5, 0, 2:4, 4:6].float().mean()
    assert abs(pooled[5, 0, 1, 2] - mean) <= 0.5
    with pytest.raises(DataError, match="images of at least 9x9"):
        load("digits", pool=9)


def test_idx_folder_gzipped_or_not(idx_folder: Path) -> None:
    data = load(idx_folder)
    assert data.input_shape == (1, 5, 4)
    assert (len(data.train) + len(data.heldout), len(data.test)) == (40, 12)


def test_batches_shuffle_every_pass_and_keep_label_and_image_together() -> None:
    split = load("digits").train
    stream = image_batches(split, Augmentation(), batch_size=64, generator=torch.Generator().manual_seed(0))
    per_pass = len(split) // 64
    first, second = list(islice(stream, per_pass)), list(islice(stream, per_pass))
    assert not torch.equal(first[0][0], second[0][0])
    known = {split.images[i].numpy().tobytes(): int(split.labels[i]) for i in range(len(split))}
    for images, labels in first:
        for image, label in zip(images, labels, strict=True):
            assert known[(image * 255).round().to(torch.uint8).numpy().tobytes()] == int(label)


def test_shifts_move_whole_images_and_flips_mirror_them() -> None:
    split = load("digits").train
    generator = torch.Generator().manual_seed(0)
    plain = {image.numpy().tobytes() for image in split.images}
    shifted, _ = next(image_batches(split, Augmentation(shift=1), batch_size=200, generator=generator))
    as_bytes = (shifted * 255).round().to(torch.uint8)
    unmoved = sum(image.numpy().tobytes() in plain for image in as_bytes) / 200
    assert 0.03 < unmoved < 0.3  # one in nine is not moved, and some digits have empty borders
    flipped, _ = next(image_batches(split, Augmentation(flip=True), batch_size=200, generator=generator))
    as_bytes = (flipped * 255).round().to(torch.uint8)
    assert 0.35 < sum(image.numpy().tobytes() in plain for image in as_bytes) / 200 < 0.7
    assert all(image.flip(2).numpy().tobytes() in plain or image.numpy().tobytes() in plain for image in as_bytes)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([3, 7, 20], ("3", "7", "20")),
        (["yes", "no", "perhaps"], ("no", "perhaps", "yes")),
        ([True, False, True], ("False", "True")),
        ([1, 2, 1], ("1", "2")),
    ],
)
def test_labels_of_any_kind_are_numbered_and_their_names_kept(
    tmp_path: Path, labels: list[object], names: tuple[str, ...]
) -> None:
    given = np.array(labels * 12)
    images = np.arange(len(given), dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
    np.savez(tmp_path / "set.npz", images=images, labels=given)
    data = load(tmp_path / "set.npz")
    assert data.classes == names
    for split in (data.train, data.heldout, data.test):
        assert [str(given[int(image[0, 0, 0])]) for image in split.images] == [names[i] for i in split.labels]


RNG = np.random.default_rng(0)
SIGNALS = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("axes", "signals"),
    [("time", SIGNALS[:, :, 0]), ("time_channels", SIGNALS), ("channels_time", SIGNALS.transpose(0, 2, 1))],
)
def test_signals_are_images_of_one_row(tmp_path: Path, axes: str, signals: np.ndarray) -> None:
    np.savez(tmp_path / "set.npz", x=signals, y=np.arange(30) % 2, x_test=signals, y_test=np.arange(30) % 2)
    data = load(tmp_path / "set.npz", axes=axes)
    channels = 1 if axes == "time" else 3
    assert data.input_shape == (channels, 1, 20)
    np.testing.assert_array_equal(data.test.images[:, :, 0], SIGNALS.transpose(0, 2, 1)[:, :channels])
    assert load(tmp_path / "set.npz", axes=axes, pool=2).input_shape == (channels, 1, 10)
    with pytest.raises(DataError, match=r"signals with \d axes"):
        load(tmp_path / "set.npz", axes="time_channels" if axes == "time" else "time")


def test_signals_move_along_their_axis_only_and_lose_gaps(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=RNG.integers(1, 256, (60, 20, 2), dtype=np.uint8), y=np.arange(60) % 2)
    split = load(tmp_path / "set.npz", axes="time_channels").train
    generator = torch.Generator().manual_seed(0)
    moved, _ = next(image_batches(split, Augmentation(shift=3), batch_size=30, generator=generator))
    assert ((moved > 0).sum(dim=3) >= 17).all()
    assert ((moved > 0).sum(dim=3) == 17).any()
    cut, _ = next(image_batches(split, Augmentation(cutout=4), batch_size=30, generator=generator))
    left = (cut > 0).sum(dim=3)
    assert left.min() == 16
    assert left.max() < 20


@pytest.mark.parametrize(("shift", "rows", "columns"), [((2, 0), 2, 0), ((0, 1), 0, 1), ((1, 2), 1, 2)])
def test_images_move_as_far_as_each_axis_is_allowed(
    tmp_path: Path, shift: tuple[int, int], rows: int, columns: int
) -> None:
    images = np.zeros((60, 7, 7), np.uint8)
    images[:, 3, 3] = 200
    np.savez(tmp_path / "set.npz", x=images, y=np.arange(60) % 2)
    split, generator = load(tmp_path / "set.npz").train, torch.Generator().manual_seed(0)
    batches = image_batches(split, Augmentation(shift=shift), batch_size=30, generator=generator)
    places = {tuple((image[0] > 0).nonzero()[0].tolist()) for _ in range(12) for image in next(batches)[0]}
    assert places == {
        (3 + down, 3 + aside) for down in range(-rows, rows + 1) for aside in range(-columns, columns + 1)
    }


GOOD_IMAGES, GOOD_LABELS = np.random.default_rng(0).random((20, 4, 4)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GOOD_IMAGES}, "arrays named images and labels"),
        ({"images": np.full((20, 4, 4), np.nan), "labels": GOOD_LABELS}, "NaN or infinite in 20 of 20 images"),
        ({"images": GOOD_IMAGES.astype("datetime64[s]"), "labels": GOOD_LABELS}, "images of numbers"),
        ({"images": GOOD_IMAGES[:, 0], "labels": GOOD_LABELS}, "rows of numbers whose order is known"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS[:9]}, "20 labels, one per image"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS - 1}, "labels down to -1, which often stand for none"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS * 0}, "at least two classes"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS / 2}, "labels of type float64"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS.astype(bytes)}, r"labels of type .S"),
        ({"images": GOOD_IMAGES[:, :0], "labels": GOOD_LABELS}, "images of at least one pixel"),
        (
            {
                "images": GOOD_IMAGES,
                "labels": GOOD_LABELS,
                "test_images": np.zeros((4, 5, 5)),
                "test_labels": np.zeros(4, int),
            },
            "test images of the training images' shape",
        ),
        (
            {"images": GOOD_IMAGES, "labels": GOOD_LABELS, "test_images": GOOD_IMAGES, "test_labels": GOOD_LABELS + 1},
            r"labels among 0, 1 in the test set(.|\n)*found:  2",
        ),
        ({"images": GOOD_IMAGES[:3], "labels": GOOD_LABELS[:3]}, "enough images of class"),
        ({"images": GOOD_IMAGES, "labels": GOOD_LABELS, "test_images": GOOD_IMAGES}, "test_labels"),
    ],
)
def test_bad_arrays_are_explained(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        load(path)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, images=np.array([{}] * 20, dtype=object), labels=GOOD_LABELS)
    with pytest.raises(DataError, match="arrays of plain numbers"):
        load(path)


@pytest.mark.parametrize("name", ["nowhere", "nothing.npz", "."])
def test_a_missing_data_set_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="wanted"):
        load(tmp_path / name)


def test_a_small_test_set_need_not_hold_every_class(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    images, labels = np.random.default_rng(0).random((60, 4, 4)), np.arange(60) % 6
    np.savez(path, images=images, labels=labels, test_images=images[:3], test_labels=np.array([0, 1, 5]))
    assert load(path).test.labels.tolist() == [0, 1, 5]


def test_a_limit_below_the_classes_is_explained() -> None:
    with pytest.raises(DataError, match="at least four images for each of 10 classes"):
        load("digits", limit=5)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08", b"\x1f\x8b\x08 not gzip", b"\x00\x00\x0d\x03" + bytes(40)])
def test_a_damaged_idx_file_is_explained(idx_folder: Path, content: bytes) -> None:
    (idx_folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match="a complete IDX file"):
        load(idx_folder)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{}"])
def test_a_file_that_is_no_npz_is_explained(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "not.npz").write_bytes(content)
    with pytest.raises(DataError, match="wanted"):
        load(tmp_path / "not.npz")


def test_whatever_byte_is_damaged_is_told_as_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    np.savez_compressed(path, images=np.zeros((20, 4, 4)), labels=GOOD_LABELS)
    whole = path.read_bytes()
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            load(path)
        except DataError:
            continue


def test_a_damaged_file_is_explained(tmp_path: Path, idx_folder: Path) -> None:
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 not all of it")
    with pytest.raises(DataError, match=r"a readable \.npz file"):
        load(tmp_path / "cut.npz")
    file = idx_folder / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match="a complete IDX file"):
        load(idx_folder)
