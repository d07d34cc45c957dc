"""Arrays by name: the run file says which one counts, where its rows belong, and how their axes lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.arrays import Checked, Parts
from evonas.training.datasets.dataset import load_dataset
from evonas.training.datasets.forms import npz
from evonas.training.datasets.readers import read

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 4, 6), dtype=np.uint8)
LABELS = np.arange(24) % 3
SPEAKERS = np.array(["ada", "ben", "cy", "dot"]).repeat(6)
IS_TEST = np.arange(24) % 4 == 0


def parts(tmp_path: Path, arrays: dict[str, Any], **data: Any) -> Parts:
    np.savez(tmp_path / "set.npz", **arrays)
    return npz.read(str(tmp_path / "set.npz"), DataConfig(**data))


def folder(path: Path, **arrays: Any) -> Path:
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def checked(path: Path, **data: Any) -> Checked:
    return read(str(path), DataConfig(**data))


@pytest.mark.parametrize("names", [("X", "y"), ("x_train", "y_train"), ("images", "labels"), ("train_data", "Target")])
def test_a_folder_of_npy_files_is_read_as_the_npz_of_its_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    arrays = {names[0]: IMAGES, names[1]: LABELS, "x_test": IMAGES[:5], "y_test": LABELS[:5]}
    np.savez(tmp_path / "set.npz", **arrays)
    found, same = checked(folder(tmp_path / "set", **arrays)), checked(tmp_path / "set.npz")
    for one, other in zip(found[:2], same[:2], strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_array_equal(found.training[0][:, 0], IMAGES)


def test_a_single_npy_file_leads_to_its_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder of \.npy files(.|\n)*x_train\.npy(.|\n)*set source = .*set'"):
        checked(folder(tmp_path / "set", x_train=IMAGES) / "x_train.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{}", b"\x93NUMPY\x01\x00\x06\x00{'a':\n" + bytes(9)])
def test_a_damaged_npy_file_is_told(tmp_path: Path, content: bytes) -> None:
    source = folder(tmp_path / "set", y=LABELS)
    (source / "X.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"a readable \.npy file in .*X\.npy"):
        checked(source)


def test_npy_files_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="arrays of plain numbers"):
        checked(folder(tmp_path / "set", X=np.array([{}] * 4, dtype=object), y=LABELS[:4]))


def test_the_run_file_names_inputs_labels_groups_and_split(tmp_path: Path) -> None:
    arrays = {
        "audio": IMAGES[:, 0],
        "log_mel": IMAGES / np.float32(10) - 7,  # raw values of any range
        "word": LABELS,
        "labels": LABELS * 0,
        "speaker": SPEAKERS,
        "official_test": IS_TEST,
    }
    with pytest.warns(DataWarning, match="left out: audio, labels$"):
        found = parts(tmp_path, arrays, inputs="log_mel", labels="word", groups="speaker", split="official_test")
    assert found.test is not None
    assert found.groups is not None
    np.testing.assert_array_equal(found.training[0], arrays["log_mel"][~IS_TEST])
    np.testing.assert_array_equal(found.test[0], arrays["log_mel"][IS_TEST])
    np.testing.assert_array_equal(found.test[1], LABELS[IS_TEST])
    np.testing.assert_array_equal(found.groups.training, SPEAKERS[~IS_TEST])
    assert found.groups.test is not None
    np.testing.assert_array_equal(found.groups.test, SPEAKERS[IS_TEST])


def test_named_arrays_have_splits_too(tmp_path: Path) -> None:
    arrays = {
        "mel_train": IMAGES,
        "y_train": LABELS,
        "mel_test": IMAGES[:3],
        "y_test": LABELS[:3],
        "who": SPEAKERS,
        "who_test": SPEAKERS[:3],
    }
    found = parts(tmp_path, arrays, inputs="mel", groups="who")
    assert found.test is not None
    assert len(found.test[0]) == 3
    assert found.groups is not None
    assert found.groups.test is not None
    assert found.groups.test.tolist() == ["ada"] * 3


def test_a_name_to_the_letter_comes_first(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match="left out: X$"):
        found = parts(tmp_path, {"X": IMAGES, "x": IMAGES + 1, "y": LABELS}, inputs="x")
    np.testing.assert_array_equal(found.training[0], IMAGES + 1)
    with pytest.raises(DataError, match="several: X, x"):
        parts(tmp_path, {"X": IMAGES, "x": IMAGES, "y": LABELS})


@pytest.mark.parametrize("split", [IS_TEST, IS_TEST.astype(int), np.where(IS_TEST, " Test", "TRAIN")])
def test_a_split_is_said_by_words_or_by_truth(tmp_path: Path, split: np.ndarray) -> None:
    found = parts(tmp_path, {"x": IMAGES, "y": LABELS, "part": split}, split="part")
    assert found.heldout is None
    assert found.test is not None
    np.testing.assert_array_equal(found.test[0], IMAGES[IS_TEST])


@pytest.mark.parametrize("word", ["val", "Valid", "validation", "heldout"])
def test_a_split_may_have_a_held_out_part(tmp_path: Path, word: str) -> None:
    found = parts(tmp_path, {"x": IMAGES, "y": LABELS, "part": np.where(IS_TEST, word, "train")}, split="part")
    assert found.test is None
    assert found.heldout is not None
    np.testing.assert_array_equal(found.heldout[0], IMAGES[IS_TEST])


GOOD = {"x": IMAGES, "y": LABELS}


@pytest.mark.parametrize(
    ("arrays", "data", "message"),
    [
        (GOOD, {"inputs": "mel"}, r"an array 'mel' in (.|\n)*x, y"),
        (GOOD, {"groups": "xs"}, r"an array 'xs'(.|\n)*did you mean 'x'"),
        (GOOD | {"part": np.array(["train", "exam"] * 12)}, {"split": "part"}, r"test(.|\n)*found:  'exam'"),
        (GOOD | {"part": np.arange(24)}, {"split": "part"}, "true and false"),
        (GOOD | {"part": np.ones(24, bool)}, {"split": "part"}, "examples for training in part"),
        (GOOD | {"part": IS_TEST[:5]}, {"split": "part"}, "a value for each of 24 examples"),
        (
            GOOD | {"part": IS_TEST, "x_test": IMAGES, "y_test": LABELS},
            {"split": "part"},
            "either split = 'part' or arrays",
        ),
        (GOOD | {"who": SPEAKERS[:5]}, {"groups": "who"}, "24 groups, one per label"),
        (GOOD | {"who": np.where(IS_TEST, "", "x")}, {"groups": "who"}, "a group for each example(.|\n)*6 without"),
        (GOOD | {"who": LABELS / 2}, {"groups": "who"}, "groups as texts or whole numbers"),
        ({"x": IMAGES.reshape(24, -1), "y": LABELS}, {}, r"\(24, 24\)(.|\n)*\"features\"(.|\n)*\"time\"(.|\n)*shape ="),
        ({"x": IMAGES.reshape(24, -1), "y": LABELS}, {"shape": (5, 5)}, r"5 x 5 = 25 numbers(.|\n)*shape \(24, 24\)"),
        ({"x": IMAGES, "y": LABELS}, {"shape": (6, 4)}, r"6 x 4 = 24 numbers(.|\n)*shape \(24, 4, 6\)"),
        ({"x": IMAGES, "y": LABELS}, {"axes": "features"}, r"arrays \(n, features\)"),
        ({"x": IMAGES[:, 0], "y": LABELS}, {"axes": "features", "pool": 2}, "leave pool and size out"),
    ],
)
def test_what_names_and_shapes_do_not_fit_is_explained(
    tmp_path: Path, arrays: dict[str, Any], data: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=message):
        checked(tmp_path / "set.npz", **data)


@pytest.mark.filterwarnings("ignore:groups in the training set")
def test_rows_of_numbers_are_arranged_as_the_run_file_says(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=IMAGES.reshape(24, -1), y=LABELS)

    def images(**data: Any) -> np.ndarray:
        return checked(tmp_path / "set.npz", **data).training[0]

    np.testing.assert_array_equal(images(shape=(4, 6))[:, 0], IMAGES)
    np.testing.assert_array_equal(images(shape=(4, 6), axes="time_channels")[:, :, 0], IMAGES.transpose(0, 2, 1))
    np.testing.assert_array_equal(images(axes="time")[:, 0, 0], IMAGES.reshape(24, -1))
    np.testing.assert_array_equal(images(axes="features")[:, :, 0, 0], IMAGES.reshape(24, -1))
    assert load_dataset(DataConfig(source=str(tmp_path / "set.npz"), axes="features")).input_shape == (24, 1, 1)


def test_a_key_that_a_form_does_not_know_is_refused() -> None:
    for key, value in {"groups": "who", "sample_rate": 8000, "inputs": "x", "shape": (8, 8)}.items():
        with pytest.raises(DataError, match=rf"\"digits\"(.|\n)*found:  {key} = (.|\n)*leave them out"):
            read("digits", DataConfig.of(**{key: value}))
