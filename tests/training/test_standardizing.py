"""Numbers that are no pixels: how codes of 8 bits are learned, what is refused, and what networks then read."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.architecture.input_codes import AXES
from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.training.datasets.dataset import Dataset, dataset_hash, load_dataset

N = 120
RNG = np.random.default_rng(0)
LABELS = np.arange(N) % 2
SCALES = np.array([0.01, 3, 500])
NUMBERS = RNG.normal(size=(N, 6, 5, 3)) * SCALES + [-7, 0, 1000]


def loaded(folder: Path, images: np.ndarray, /, test: np.ndarray | None = None, **settings: Any) -> Dataset:
    arrays = {"images": images, "labels": np.arange(len(images)) % 2}
    if test is not None:
        arrays |= {"test_images": test, "test_labels": np.arange(len(test)) % 2}
    np.savez(folder / "set.npz", **arrays)  # type: ignore[arg-type]  # arrays by any name
    settings = {"axes": "channels_last"} | settings
    return load_dataset(DataConfig(source=str(folder / "set.npz"), **settings))


@pytest.mark.parametrize("per", AXES)
def test_what_is_standardized_together_has_mean_zero_and_a_deviation_near_one(per: str, tmp_path: Path) -> None:
    inputs = loaded(tmp_path, NUMBERS, standardize=per).train.inputs().numpy()
    if per == "row":  # three channels of a row, each on a scale of its own
        assert loaded(tmp_path, NUMBERS, standardize=per).codes.standards[0].shape == (3, 6, 1)  # type: ignore[index]
    assert np.abs(inputs.mean(axis=AXES[per])).max() < 0.03
    assert 0.85 < inputs.std(axis=AXES[per]).min() <= inputs.std(axis=AXES[per]).max() < 2


def test_a_code_is_off_by_half_a_step_at_most_and_heavy_tails_keep_their_peaks(tmp_path: Path) -> None:
    heavy = RNG.standard_t(3, size=(N, 8, 8))
    for images, spans in ((NUMBERS[..., 1], (3.5, 4.5)), (heavy, (6, np.inf))):
        data = loaded(tmp_path, images)
        codes = data.codes
        assert codes.standards is not None
        numbers = images.astype(np.float32)[:, None]
        inside = ~codes.is_cut(numbers)
        steps = np.abs(codes.decode(codes.encode(numbers)) - numbers) * codes.standards[1]
        assert steps[inside].max() < 0.501
        assert spans[0] < float(127 / codes.standards[1].item()) / np.median(np.abs(numbers)) * 0.6745 < spans[1]


def test_the_training_images_alone_decide(tmp_path: Path) -> None:
    first, test = NUMBERS[..., 1], NUMBERS[:20, ..., 1]
    with pytest.warns(DataWarning, match="of the test set's numbers lie beyond those of the training images"):
        found = loaded(tmp_path, first, test + 40)
    expected = loaded(tmp_path, first, test)
    for one, other in zip(found.codes.standards or (), expected.codes.standards or (), strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(found.test.images.unique().tolist()) == {127}
    heldout = loaded(tmp_path, first, test, split_seed=1)
    assert dataset_hash(heldout) != dataset_hash(expected)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.int32, np.int64, np.float16, np.float64])
def test_numbers_of_every_type_are_read_by_value(kind: type, tmp_path: Path) -> None:
    whole = RNG.integers(0, 120, (N, 4, 4)).astype(np.float32)
    expected, found = loaded(tmp_path, whole), loaded(tmp_path, whole.astype(kind))
    assert dataset_hash(found) == dataset_hash(expected)


def test_pixels_stay_pixels_unless_the_run_file_says_otherwise(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (N, 4, 4), dtype=np.uint8)
    for images in (pixels, pixels / 255, (pixels / 255).astype(np.float32)):
        data = loaded(tmp_path, images)
        assert data.codes.standards is None
        assert dataset_hash(data) == dataset_hash(loaded(tmp_path, pixels, standardize="none"))
    standardized = loaded(tmp_path, pixels, standardize="channel")
    assert abs(float(standardized.train.inputs().mean())) < 0.01
    truths = loaded(tmp_path, pixels > 99)
    assert sorted(truths.train.images.unique().tolist()) == [0, 255]


def test_numbers_are_averaged_before_they_are_written(tmp_path: Path) -> None:
    data = loaded(tmp_path, NUMBERS[..., :1], pool=2)
    averaged = NUMBERS[:, :6, :4, :1].reshape(N, 3, 2, 2, 2, 1).mean(axis=(2, 4))
    expected = loaded(tmp_path, averaged).train.images
    assert (data.train.images - expected).abs().max() <= 1


def test_numbers_can_be_brought_to_another_size(tmp_path: Path) -> None:
    images = np.repeat(np.repeat(NUMBERS[:, :3, :3, 1], 2, axis=1), 2, axis=2)
    shrunk = loaded(tmp_path, images, size=(3, 3), fit="stretch", axes="auto")
    decoded = shrunk.codes.decode(shrunk.test.images.numpy())
    means = np.sort(NUMBERS[:, :3, :3, 1].mean(axis=(1, 2)))
    assert decoded.shape[1:] == (1, 3, 3)
    assert all(np.abs(means - image.mean()).min() < 0.02 for image in decoded)


@pytest.mark.parametrize("level", ["mean", "maximum"])
def test_an_image_s_own_level_does_not_count_if_it_is_subtracted(level: str, tmp_path: Path) -> None:
    levels = RNG.normal(0, 50, (N, 1, 1))
    images = NUMBERS[..., 1]
    plain, shifted = (loaded(tmp_path, one, subtract=level) for one in (images, images + levels))
    assert (plain.train.images - shifted.train.images).abs().max() <= 1
    assert plain.expects()["input codes"].startswith(f"round((x - {level} of all x - centre) * density)")
    decoded = plain.codes.decode(plain.test.images.numpy())
    np.testing.assert_array_equal(plain.codes.encode(decoded), plain.test.images.numpy())
    pixels = RNG.integers(0, 200, (N, 4, 4), dtype=np.uint8)
    darker, brighter = (loaded(tmp_path, pixels + add, subtract=level) for add in (np.uint8(0), np.uint8(50)))
    assert (darker.train.images - brighter.train.images).abs().max() <= 1
    with pytest.raises(DataError, match=r"all numbers \(0\)"):  # images that differ in their level alone
        loaded(tmp_path, np.broadcast_to(levels, (N, 4, 4)), subtract=level)


def test_what_lies_far_below_an_image_s_maximum_does_not_count(tmp_path: Path) -> None:
    images = RNG.normal(0, 1, (N, 4, 4))
    quiet, silent = (np.where(images < 0, low, images) for low in (-30.0, -900.0))
    one, other = (loaded(tmp_path, found, subtract="maximum", depth=10.0) for found in (quiet, silent))
    np.testing.assert_array_equal(one.train.images, other.train.images)
    assert one.expects()["input codes"].startswith("round((max(x - maximum of all x, -10) - centre)")
    decoded = one.codes.decode(one.train.images.numpy())
    assert decoded.min() == pytest.approx(-10, abs=0.1)
    np.testing.assert_array_equal(one.codes.encode(decoded), one.train.images)


def constant_column(images: np.ndarray) -> np.ndarray:
    images[:, :, 2] = 4
    return images


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        (
            lambda images: np.where(images > 900, np.nan, images),
            {},
            r"NaN or infinite in 1\d\d of 120 images, the first",
        ),
        (lambda images: images * 1e38, {}, "NaN or infinite"),
        (lambda images: images * [0, 1, 1], {}, r"always the same: channel 0 \(0\)"),
        (lambda images: images * 0 + 3.5, {}, r"channel 0 \(3.5\); channel 1 \(3.5\)"),
        (constant_column, {"standardize": "column"}, r"channel 0, column 2 \(4\).*set standardize = \"channel\""),
        (
            constant_column,
            {"standardize": "feature"},
            r"channel 0, row 0, column 2 \(4\); channel 0, row 1, column 2 \(4\).* and 10 more",
        ),
        (lambda images: images, {"standardize": "none"}, r"pixels of 8 bits.*-\d+\.\d+ to .*standardize = \"channel\""),
        (lambda images: np.full(images.shape, 9, np.uint8), {}, "all pixels are 9"),
        (lambda images: images.astype(complex), {}, "type complex128"),
    ],
)
def test_what_tells_nothing_or_is_no_number_is_refused(
    change: Any, settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, change(NUMBERS.copy()), **settings)
    assert re.search(words, str(caught.value), re.DOTALL)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (np.where(RNG.random((N, 3, 3)) < 0.01, -999, RNG.normal(size=(N, 3, 3))), "a few lie far outside"),
        (1.7e9 + RNG.integers(0, 300, (N, 3, 3)), "so far from 0: subtract an offset"),
        (np.where(RNG.random((N, 3, 3)) < 0.01, 1e30, RNG.normal(size=(N, 3, 3))), "a few lie far outside"),
    ],
)
def test_few_codes_left_of_many_numbers_are_told(numbers: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=words):
        loaded(tmp_path, numbers, axes="auto")


def test_rare_events_are_no_reason_to_warn(tmp_path: Path) -> None:
    events = np.where(RNG.random((N, 3, 3)) < 0.02, 5.0, -1.0)
    assert len(loaded(tmp_path, events, axes="auto").train.images.unique()) == 2


def test_features_within_0_and_1_keep_levels_of_their_own(tmp_path: Path) -> None:
    features = RNG.random((N, 4)) * [1, 1, 1, 0.002]
    codes = loaded(tmp_path, features, axes="features").train.images
    assert min(len(codes[:, index].unique()) for index in range(4)) > 50


def test_a_border_of_white_around_floats_is_one_and_there_is_none_around_numbers(tmp_path: Path) -> None:
    pixels = RNG.random((N, 4, 6))
    padded = loaded(tmp_path, pixels, axes="auto", size=(6, 6), background="white").train.images
    assert set(padded[:, :, 0].unique().tolist()) == {255}
    with pytest.raises(DataError, match="border of black or white"):
        loaded(tmp_path, 9 * pixels, axes="auto", size=(6, 6))


def test_a_test_set_beyond_the_range_of_pixels_is_refused_with_a_remedy(tmp_path: Path) -> None:
    images = RNG.random((N, 4, 4))
    with pytest.raises(DataError, match="standardize"):
        loaded(tmp_path, images, images[:20] * 1.5)
    assert loaded(tmp_path, images, images[:20] * 1.02, standardize="channel").codes.standards is not None


def test_what_a_network_expects_is_told_in_words(tmp_path: Path) -> None:
    words = loaded(tmp_path, NUMBERS).expects()
    assert words["input"] == "3x6x5 (channels x height x width)"
    assert "round((x - centre) * density), cut to -127 to 127" in words["input codes"]
    assert words["input centre"].count(",") == 2
    assert (
        "numbers of centre and density are in"
        in loaded(tmp_path, NUMBERS, standardize="feature").expects()["input codes"]
    )
