"""Pictures and arrays as people have them: read by value, or refused; nothing is left out in silence."""

from __future__ import annotations

import gzip
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.arrays import Checked
from evonas.training.datasets.dataset import load_dataset
from evonas.training.datasets.readers import read

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 6, 8
INK, GROUND = 200, 40
Make = Callable[[int], Image.Image]


def grey(index: int = 0) -> Image.Image:
    del index
    return Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8))


def coloured(index: int = 0) -> Image.Image:
    del index
    return Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def folder(
    root: Path, make: Make = grey, *, split: str = "train", suffix: str = "png", n: int = 3, **save: Any
) -> Path:
    """Two classes of pictures."""
    for name in ("ant", "bee"):
        (root / split / name).mkdir(parents=True, exist_ok=True)
        for index in range(n):
            make(index).save(root / split / name / f"{index}.{suffix}", **save)
    return root


def in_silence(source: Path, **data: Any) -> Checked:
    """Read a data set that nothing is to be said of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(str(source), DataConfig(**data))


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "tiff", "ppm", "PNG"])
def test_lossless_kinds_are_read_by_value(tmp_path: Path, suffix: str) -> None:
    pictures = [grey() for _ in range(3)]
    found = in_silence(folder(tmp_path, lambda index: pictures[index], suffix=suffix)).training[0]
    np.testing.assert_array_equal(found[:3, 0], [np.asarray(picture) for picture in pictures])
    assert len(found) == 6


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "jpe", "webp"])
def test_lossy_kinds_are_read(tmp_path: Path, suffix: str) -> None:
    find = {"jpe": "jpeg", "jpg": "jpeg"}.get(suffix, suffix)
    assert in_silence(folder(tmp_path, coloured, suffix=suffix, format=find)).training[0].shape == (6, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("train", "test", "channels"),
    [
        (grey, coloured, 3),
        (coloured, grey, 3),
        (grey, grey, 1),
        (lambda index: coloured() if index == 0 else grey(), grey, 3),
        (grey, lambda index: grey(index).convert("P"), 1),
        (grey, lambda index: coloured(index).convert("P"), 3),
        (grey, lambda index: coloured(index).convert("CMYK"), 3),
        (lambda index: grey(index).convert("1"), grey, 1),
    ],
)
def test_grey_or_rgb_is_decided_once_for_all_splits(tmp_path: Path, train: Make, test: Make, channels: int) -> None:
    folder(tmp_path, train, suffix="tiff")
    found = in_silence(folder(tmp_path, test, split="test", suffix="tiff"))
    assert found.test is not None
    assert found.training[0].shape[1] == found.test[0].shape[1] == channels


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", ".ipynb_checkpoints", ".git"])
def test_what_systems_leave_behind_is_no_class(tmp_path: Path, name: str) -> None:
    for place in (folder(tmp_path) / "train", tmp_path / "train" / "ant"):
        (place / name).mkdir()
        (place / name / "._0.png").write_bytes(b"\0\5\x16\7")
    for file in ("Thumbs.db", "desktop.ini", ".DS_Store", "._1.png"):
        (tmp_path / "train" / "bee" / file).write_bytes(b"\0")
    assert in_silence(tmp_path).training[1].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4"])
def test_16_bits_are_read_by_value(tmp_path: Path, dtype: str) -> None:
    ramp = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)
    found = in_silence(folder(tmp_path, lambda index: Image.fromarray(ramp), suffix="tiff")).training[0]
    np.testing.assert_array_equal(found[0, 0], np.round(ramp / 257))


def test_16_bits_of_which_few_are_used_are_warned_of(tmp_path: Path) -> None:
    dark = np.full((HEIGHT, WIDTH), 4095, np.uint16)
    with pytest.warns(DataWarning, match=r"up to 4,095 of 65,535, of which 8 bits keep 16 levels"):
        read(str(folder(tmp_path, lambda index: Image.fromarray(dark))))


@pytest.mark.parametrize("found", [-3, 70_000])
def test_more_than_16_bits_are_refused(tmp_path: Path, found: int) -> None:
    values = np.full((HEIGHT, WIDTH), found, np.int32)
    with pytest.raises(DataError, match=rf"{found:,} to {found:,}(.|\n)*\.npz"):
        read(str(folder(tmp_path, lambda index: Image.fromarray(values), suffix="tiff")))


def test_float_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mode F(.|\n)*\.npz"):
        read(str(folder(tmp_path, lambda index: grey().convert("F"), suffix="tiff")))


def on_transparent(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """Ink on transparent ground of the same colour, which plain decoding would hide; how it is saved."""
    ink = np.zeros((HEIGHT, WIDTH), bool)
    ink[1:4, 1:4] = True
    if mode == "RGBA":
        return Image.fromarray(np.stack([np.zeros_like(ink, np.uint8)] * 3 + [np.uint8(255) * ink], axis=2)), {}
    if mode == "LA":
        return Image.fromarray(np.stack([np.zeros_like(ink, np.uint8), np.uint8(255) * ink], axis=2), mode="LA"), {}
    if mode == "P":
        picture = Image.fromarray(ink.astype(np.uint8), mode="P")
        picture.putpalette([0] * 768)
        return picture, {"transparency": 0}
    if mode == "L":
        return Image.fromarray(np.where(ink, 0, 1).astype(np.uint8)), {"transparency": 1}
    return Image.fromarray(np.where(ink[..., None], 0, (1, 0, 0)).astype(np.uint8)), {"transparency": (1, 0, 0)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_transparent_pixels_need_a_stated_ground(tmp_path: Path, mode: str) -> None:
    picture, save = on_transparent(mode)
    source = folder(tmp_path, lambda index: picture, **save)
    with pytest.raises(DataError, match=r"transparent pixels(.|\n)*background = \"white\" or \"black\""):
        read(str(source))
    on_white = read(str(source), DataConfig(background="white")).training[0]
    assert (on_white[:, :, 2, 2] == 0).all()
    assert (on_white[:, :, 5, 5] == 255).all()
    assert (read(str(source), DataConfig(background="black")).training[0] <= 1).all()


def test_an_alpha_channel_that_hides_nothing_is_no_transparency(tmp_path: Path) -> None:
    found = in_silence(folder(tmp_path, lambda index: grey(index).convert("LA"))).training[0]
    assert found.shape == (6, 1, HEIGHT, WIDTH)


def test_pictures_are_turned_as_the_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: to be turned by 90 degrees, clockwise
    pixels = np.full((HEIGHT, WIDTH), GROUND, np.uint8)
    pixels[0, 0] = INK
    found = in_silence(folder(tmp_path, lambda index: Image.fromarray(pixels), exif=exif)).training[0]
    assert found.shape[2:] == (WIDTH, HEIGHT)
    assert found[0, 0, 0, -1] == INK


def test_pictures_below_their_class_are_read_and_what_is_no_picture_is_told(tmp_path: Path) -> None:
    folder(tmp_path / "train" / "ant", split="more")
    source = folder(tmp_path)
    assert in_silence(source).training[1].tolist() == [0] * 9 + [1] * 3
    (source / "train" / "bee" / "0.heic").write_bytes(b"no")
    grey().save(source / "train" / "of_no_class.png")
    with pytest.warns(DataWarning, match="no pictures of a class: 2 in "):
        read(str(source))


def test_folders_beside_the_splits_are_told(tmp_path: Path) -> None:
    folder(tmp_path, split="extra")
    with pytest.warns(DataWarning, match="no split are left out: extra"):
        read(str(folder(tmp_path)))


@pytest.mark.parametrize(("train", "heldout", "test"), [("train", "val", "test"), ("Training", "valid", "testing")])
def test_splits_that_a_folder_brings_are_kept(tmp_path: Path, train: str, heldout: str, test: str) -> None:
    folder(tmp_path, split=train, n=5), folder(tmp_path, split=heldout, n=4), folder(tmp_path, split=test, n=3)
    dataset = load_dataset(DataConfig(source=str(tmp_path)))
    assert [len(dataset.train), len(dataset.heldout), len(dataset.test)] == [10, 8, 6]


def test_a_folder_of_classes_alone_is_split(tmp_path: Path) -> None:
    (folder(tmp_path / "all", n=25) / "train").rename(tmp_path / "set")
    dataset = load_dataset(DataConfig(source=str(tmp_path / "set")))
    assert [len(dataset.train), len(dataset.heldout), len(dataset.test)] == [32, 8, 10]


def test_a_test_set_without_a_training_set_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, split="test")
    folder(tmp_path, split="classes")
    with pytest.raises(DataError, match="a folder train beside test"):
        read(str(tmp_path))


def spoilt(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    (source / "train" / "ant" / "1.png").write_bytes(b"no picture")
    whole = (source / "train" / "bee" / "2.png").read_bytes()
    (source / "train" / "bee" / "2.png").write_bytes(whole[: len(whole) // 2])
    return source


def test_damaged_pictures_are_counted_and_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"ant/1\.png(.|\n)*damaged are 2 of 6 pictures; also .*bee/2\.png(.|\n)*skip_d"
    ):
        read(str(spoilt(tmp_path)))


def test_damaged_pictures_are_left_out_on_request_with_their_labels(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="they are damaged: 2 of 6 pictures"):
        images, labels = read(str(spoilt(tmp_path)), DataConfig(skip_damaged=True)).training
    assert labels.tolist() == [0, 0, 1, 1]
    assert len(images) == 4


def test_a_picture_of_several_frames_is_refused(tmp_path: Path) -> None:
    source = folder(tmp_path)
    grey().save(source / "train" / "ant" / "x.gif", save_all=True, append_images=[grey(), grey()])
    with pytest.raises(DataError, match=r"one frame at .*x\.gif(.|\n)*3 frames"):
        read(str(source))


def of_sizes(index: int) -> Image.Image:
    """White pictures of several sizes, one black half each."""
    pixels = np.full((10 + index, 20 + index), 255, np.uint8)
    pixels[:, : (20 + index) // 2] = 0
    return Image.fromarray(pixels)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_pictures_come_to_one_size_by_a_stated_rule(tmp_path: Path, fit: str) -> None:
    source = folder(tmp_path, of_sizes)
    with pytest.raises(DataError, match=r"size = \[height, width\] under \[data\]"):
        read(str(source))
    found = in_silence(source, size=(8, 8), fit=fit).training[0]
    assert found.shape == (6, 1, 8, 8)
    assert found[0, 0, 4].tolist()[::7] == [0, 255]  # both halves are there, each on its side
    assert (found[0, 0, 0, 7] == 0) == (fit == "pad")  # twice as wide as high: the border above is filled


def test_arrays_come_to_a_size_too(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(8) % 2)
    found = in_silence(tmp_path / "set.npz", size=(6, 4), fit="stretch").training[0]
    assert found.shape == (8, 3, 6, 4)
    assert abs(found.astype(float).mean() - images.mean()) < 2


@pytest.mark.parametrize("shape", [(8, 6, 32, 32), (8, 3, 32, 32), (8, 3, 32, 3), (8, 128, 1, 6)])
def test_the_axis_of_channels_is_never_guessed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = RNG.random(shape, dtype=np.float32)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(8) % 2)
    with pytest.raises(DataError, match=r"shape \(8, (.|\n)*axes = \"channels_last\" or \"channels_first\""):
        in_silence(tmp_path / "set.npz")
    pixels = np.round(images * 255).astype(np.uint8)
    first = in_silence(tmp_path / "set.npz", axes="channels_first").training[0]
    np.testing.assert_array_equal(first, pixels)
    last = in_silence(tmp_path / "set.npz", axes="channels_last").training[0]
    np.testing.assert_array_equal(last, pixels.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (("images", "labels"), (20, 0, 0)),
        (("X", "y"), (20, 0, 0)),
        (("x_train", "y_train", "x_test", "y_test"), (20, 10, 0)),
        (("X_train", "y_train", "X_val", "y_val"), (20, 0, 10)),
        (("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"), (20, 10, 10)),
        (("data", "target"), (20, 0, 0)),
    ],
)
def test_arrays_are_found_under_the_names_that_people_give(
    tmp_path: Path, names: tuple[str, ...], sizes: tuple[int, ...]
) -> None:
    arrays = {}
    for index, name in enumerate(names):
        n = 20 if index < 2 else 10
        arrays[name] = np.arange(n) % 2 if index % 2 else RNG.integers(0, 256, (n, 5, 5), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", **arrays)
    found = in_silence(tmp_path / "set.npz")
    assert tuple(0 if part is None else len(part[1]) for part in found[:3]) == sizes


@pytest.mark.parametrize("names", [("images", "x", "labels"), ("images", "labels", "y_test"), ("pictures", "classes")])
def test_arrays_of_unclear_names_are_listed(tmp_path: Path, names: tuple[str, ...]) -> None:
    np.savez(tmp_path / "set.npz", **{name: np.zeros((4, 5, 5), np.uint8) for name in names})
    with pytest.raises(DataError, match=f"found:  {', '.join(names)}"):
        in_silence(tmp_path / "set.npz")


def test_arrays_that_are_not_used_are_told(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (8, 5, 5), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(8) % 2, speaker=np.arange(8))
    with pytest.warns(DataWarning, match="left out: speaker"):
        read(str(tmp_path / "set.npz"))


@pytest.mark.parametrize(
    ("images", "labels", "test"),
    [
        ("{}-images-idx3-ubyte", "{}-labels-idx1-ubyte", "t10k"),
        ("{}-images.idx3-ubyte", "{}-labels.idx1-ubyte", "t10k"),
        ("emnist-letters-{}-images-idx3-ubyte.gz", "emnist-letters-{}-labels-idx1-ubyte.gz", "test"),
    ],
)
def test_idx_files_are_found_as_programs_unpack_them(tmp_path: Path, images: str, labels: str, test: str) -> None:
    for split in ("train", test):
        for name, array in ((images, np.ones((4, 5, 5), np.uint8)), (labels, np.arange(4, dtype=np.uint8) % 2)):
            save_idx(tmp_path / name.format(split), array)
    assert in_silence(tmp_path).training[0].shape == (4, 1, 5, 5)
    if images.endswith("gz"):  # unpacked beside what was fetched
        save_idx(tmp_path / images.format("train").removesuffix(".gz"), np.ones((4, 5, 5), np.uint8))
        assert in_silence(tmp_path).training[0].shape == (4, 1, 5, 5)
        save_idx(tmp_path / "emnist-digits-train-images-idx3-ubyte", np.ones((4, 5, 5), np.uint8))
        with pytest.raises(DataError, match=r"one IDX file(.|\n)*a folder of its own"):
            read(str(tmp_path))


def save_idx(path: Path, array: np.ndarray) -> None:
    raw = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
