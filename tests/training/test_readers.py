"""Every form of data set is read as it lies on disk, and a damaged one is told in plain words that name the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evonas.config.load import parse_config
from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.dataset import dataset_hash, load_dataset
from evonas.training.datasets.forms import cifar
from evonas.training.datasets.readers import READERS, read

RNG = np.random.default_rng(0)


def records(n: int, *, label_bytes: int = 1, classes: int = 10) -> np.ndarray:
    rows = RNG.integers(0, 256, (n, label_bytes + cifar.PIXELS), dtype=np.uint8)
    rows[:, :label_bytes] = (np.arange(n) % classes)[:, None]
    return rows


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (tmp_path / f"{name}.bin").write_bytes(records(20).tobytes())
    return tmp_path


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of ten PNGs of 5x4 pixels each, the first of which is all of its class number."""
    for label, name in enumerate(("ant", "bee")):
        for index in range(10):
            save_picture(tmp_path / "train" / name / f"{index}.png", np.full((4, 5, 3), 100 * label + index, np.uint8))
    return tmp_path


def test_every_form_is_recognised_by_one_reader_alone(cifar10: Path, pictures: Path) -> None:
    assert cifar10 == pictures  # a folder of both is read as the first that fits
    for source, name in (("digits", "digits"), ("hf:mnist", "hugging_face"), (str(cifar10), "cifar")):
        assert next(key for key, reader in READERS.items() if reader.fits(source)) == name


def test_cifar_10_gives_pixels_and_labels_in_their_places(cifar10: Path) -> None:
    rows = np.frombuffer((cifar10 / "data_batch_2.bin").read_bytes(), np.uint8).reshape(20, -1)
    (images, labels), test, *_ = read(str(cifar10))
    assert test is not None
    assert (images.shape, test[0].shape) == ((100, 3, 32, 32), (20, 3, 32, 32))
    np.testing.assert_array_equal(labels[20:40], rows[:, 0])
    np.testing.assert_array_equal(images[23, 1, 7], rows[3, 1 + 1024 + 7 * 32 :][:32])  # green, row 7


def test_cifar_100_counts_its_fine_labels(tmp_path: Path) -> None:
    rows = records(200, label_bytes=2, classes=100)
    rows[:, 0] = 7  # coarse
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(rows.tobytes())
    (images, labels), *_ = read(str(tmp_path))
    np.testing.assert_array_equal(labels, np.arange(200) % 100)
    np.testing.assert_array_equal(images[5].reshape(-1), rows[5, 2:])


def cut(folder: Path) -> None:
    path = folder / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])


def relabelled(folder: Path) -> None:
    rows = records(20)
    rows[4, 0] = 10
    (folder / "test_batch.bin").write_bytes(rows.tobytes())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, r"whole records of 3,073 bytes in .*data_batch_3"),
        (relabelled, r"labels from 0 to 9 in .*test_batch(.|\n)*10 in record 4"),
        (lambda folder: (folder / "data_batch_5.bin").unlink(), r"the file data_batch_5\.bin"),
        (lambda folder: (folder / "data_batch_1.bin").write_bytes(b""), r"whole records"),
    ],
)
def test_a_damaged_cifar_file_is_named(cifar10: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(cifar10)
    with pytest.raises(DataError, match=message):
        read(str(cifar10))


def test_pictures_are_sorted_by_class_and_name(pictures: Path) -> None:
    (images, labels), test, *_ = read(str(pictures))
    assert test is None
    assert images.shape == (20, 3, 4, 5)
    np.testing.assert_array_equal(labels, [0] * 10 + [1] * 10)
    np.testing.assert_array_equal(images[:, 0, 0, 0], [*range(10), *range(100, 110)])


def test_grey_jpegs_have_one_channel_and_a_test_set_uses_the_training_classes(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save_picture(tmp_path / "train" / name / "0.JPG", np.full((4, 4), 80, np.uint8))
    save_picture(tmp_path / "test" / "c" / "0.jpeg", np.full((4, 4), 80, np.uint8))
    (images, _), test, *_ = read(str(tmp_path))
    assert images.shape == (3, 1, 4, 4)
    assert test is not None
    assert test[1].tolist() == [2]
    save_picture(tmp_path / "test" / "d" / "0.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="only classes of the training pictures"):
        read(str(tmp_path))


def halved(folder: Path) -> None:
    path = folder / "train" / "bee" / "3.png"
    path.write_bytes(path.read_bytes()[:45])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (halved, r"a whole picture at .*bee/3\.png"),
        (lambda folder: (folder / "train/ant/2.png").write_text("no"), r"a whole picture at .*ant/2\.png"),
        (lambda folder: save_picture(folder / "train/bee/7.png", np.zeros((5, 5), np.uint8)), r"5x5 at .*bee/7\.png"),
        (lambda folder: save_picture(folder / "train/ant/9.png", np.zeros((4, 5, 4), np.uint8)), r"mode RGBA"),
        (lambda folder: (folder / "train/cat").mkdir(), r"pictures .* in .*cat"),
    ],
)
def test_a_bad_picture_is_named(pictures: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(pictures)
    with pytest.raises(DataError, match=message):
        read(str(pictures))


def test_a_folder_without_classes_is_explained(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="a folder for each class"):
        read(str(tmp_path))


@pytest.mark.parametrize("method", ["read_bytes", "iterdir"])
def test_files_that_may_not_be_read_are_explained(
    cifar10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, method, denied)
    source = cifar10 if method == "read_bytes" else tmp_path / ".."
    with pytest.raises(DataError, match=r"files that may be read(.|\n)*Permission denied"):
        read(str(source))


def test_a_folder_of_something_else_lists_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(DataError, match=r"readme\.txt"):
        read(str(tmp_path))


def test_one_changed_picture_changes_the_hash_of_the_data(pictures: Path) -> None:
    settings = DataConfig(source=str(pictures))
    before = dataset_hash(load_dataset(settings))
    assert dataset_hash(load_dataset(settings)) == before
    save_picture(pictures / "train" / "ant" / "4.png", np.full((4, 5, 3), 250, np.uint8))
    assert dataset_hash(load_dataset(settings)) != before


def test_names_of_the_hub_are_no_paths() -> None:
    config = parse_config({"data": {"source": "hf:ylecun/mnist:small"}}, source="tests")
    assert config.data.source == "hf:ylecun/mnist:small"
    assert config.name == "mnist-small"


class ImageColumn:
    """Stands for datasets.Image."""


class ClassLabel:
    """Stands for datasets.ClassLabel."""


ImageColumn.__name__ = "Image"


class FakeSplit(dict[str, Any]):
    features: dict[str, Any] = {"img": ImageColumn(), "coarse": ClassLabel(), "fine_label": ClassLabel()}  # noqa: RUF012


def install_fake(monkeypatch: pytest.MonkeyPatch, load_dataset: Callable[..., Any]) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))  # type: ignore[arg-type]


def fake_split(n: int) -> FakeSplit:
    images = [Image.fromarray(np.full((3, 3), index, np.uint8)) for index in range(n)]
    return FakeSplit(img=images, coarse=[9] * n, fine_label=[index % 2 for index in range(n)])


def test_a_data_set_of_the_hub_is_fetched_by_name_and_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(*names: str | None) -> dict[str, FakeSplit]:
        asked.append(names)
        return {"train": fake_split(12), "test": fake_split(4)}

    install_fake(monkeypatch, load_dataset)
    (images, labels), test, *_ = read("hf:somebody/small:plain")
    assert asked == [("somebody/small", "plain")]
    assert images[:, 0, 0, 0].tolist() == list(range(12))
    assert labels.tolist() == [0, 1] * 6
    assert test is not None
    assert len(test[1]) == 4


def test_trouble_with_the_hub_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*names: str | None) -> None:
        raise ConnectionError("no route\nto host")

    install_fake(monkeypatch, unreachable)
    with pytest.raises(DataError, match="found:  no route\n"):
        read("hf:somebody/small")
    install_fake(monkeypatch, lambda *names: {"validation": fake_split(3)})
    with pytest.raises(DataError, match="a split train"):
        read("hf:somebody/small")
    text = fake_split(3)
    text.features = {"text": object(), "label": ClassLabel()}
    install_fake(monkeypatch, lambda *names: {"train": text})
    with pytest.raises(DataError, match="a column of images"):
        read("hf:somebody/small")


def test_without_its_package_the_hub_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"pip install evonas\[hf\]"):
        read("hf:mnist")
