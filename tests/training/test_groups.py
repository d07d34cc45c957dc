"""Groups such as speakers are never on both sides of a split, and every class is on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import evonas
from evonas.config.load import RunConfig
from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.run import engine
from evonas.training.datasets.arrays import checked_parts
from evonas.training.datasets.dataset import Dataset, Split, folds, load_dataset
from evonas.training.datasets.forms.given import given_parts, named_arrays
from evonas.training.datasets.grouping import whole_groups

N = 60
LABELS = np.arange(N) % 3
SPEAKERS = np.array(["ada", "ben", "cy", "dot", "eve"])[np.arange(N) // 3 % 5]
IMAGES = np.zeros((N, 4, 4), np.uint8)
IMAGES[:, 0, 0] = np.arange(N)  # so that an image tells which one it is


def load(path: Path, arrays: dict[str, Any] | None = None, **data: Any) -> Dataset:
    given = {"x": IMAGES, "y": LABELS, "who": SPEAKERS} if arrays is None else arrays
    np.savez(path / "set.npz", **given)
    return load_dataset(DataConfig.of(source=str(path / "set.npz"), **{"groups": "who", **data}))


def numbers(split: Split) -> np.ndarray:
    return split.images[:, 0, 0, 0].numpy()


def test_no_group_is_in_two_parts_and_every_class_in_each(tmp_path: Path) -> None:
    data = load(tmp_path)
    parts = (data.train, data.heldout, data.test)
    assert sorted(np.concatenate([numbers(part) for part in parts]).tolist()) == list(range(N))
    for part in parts:
        assert part.groups is not None
        np.testing.assert_array_equal(part.groups, SPEAKERS[numbers(part)])
        np.testing.assert_array_equal(part.labels, LABELS[numbers(part)])
        assert set(part.labels.tolist()) == {0, 1, 2}
    assert [len(np.unique(SPEAKERS[numbers(part)])) for part in parts] == [3, 1, 1]
    assert len({name for part in parts for name in np.unique(SPEAKERS[numbers(part)])}) == 5


def test_a_split_by_groups_depends_on_its_seed_only(tmp_path: Path) -> None:
    chosen = [numbers(load(tmp_path, split_seed=seed).test).tolist() for seed in (0, 0, 1, 2, 3, 4)]
    assert chosen[0] == chosen[1]
    assert len({tuple(sorted(one)) for one in chosen}) > 1


def test_parts_are_named_groups_on_request(tmp_path: Path) -> None:
    data = load(tmp_path, test_groups=["dot"], heldout_groups=["ada", "cy"])
    assert [sorted(set(SPEAKERS[numbers(part)])) for part in (data.train, data.heldout, data.test)] == [
        ["ben", "eve"],
        ["ada", "cy"],
        ["dot"],
    ]


def test_groups_may_be_numbers(tmp_path: Path) -> None:
    subjects = np.arange(N) // 3 % 5 + 1
    data = load(tmp_path, {"x": IMAGES, "y": LABELS, "who": subjects}, test_groups=[2, "3"])
    assert sorted(set(subjects[numbers(data.test)])) == [2, 3]


BY_CLASS = np.array(["ada", "ben", "cy"])[LABELS]


@pytest.mark.parametrize(
    ("arrays", "data", "message"),
    [
        ({}, {"test_groups": ["theo"]}, r"groups among ada, ben, cy, dot, eve\nfound:  test_groups = theo"),
        ({}, {"test_groups": ["ada"], "heldout_groups": ["ada"]}, r"groups among ben(.|\n)*heldout_groups = ada"),
        ({}, {"test_groups": ["a", "b", "ada"]}, r"found:  test_groups = a, b\n"),
        ({"who": BY_CLASS}, {}, r"at least 3 groups with(.|\n)*3 groups; groups of class 0: 1, 1: 1, 2: 1"),
        ({"who": BY_CLASS}, {"test_groups": ["ben"]}, r"every class outside of test_groups\nfound:  none of 1"),
        ({"who": np.where(LABELS < 5, "ada", "")}, {}, r"at least 3 groups(.|\n)*1 groups"),
        ({}, {"groups": "", "test_groups": ["ada"]}, r"test_groups under \[data\] does\nfound:  no groups"),
        ({"x_test": IMAGES, "y_test": LABELS}, {"test_groups": ["ada"]}, r"data that bring this set"),
    ],
)
def test_groups_that_cannot_be_divided_are_explained(
    tmp_path: Path, arrays: dict[str, Any], data: dict[str, Any], message: str
) -> None:
    known = {"x": IMAGES, "y": LABELS, "who": SPEAKERS, **arrays}
    if data.get("groups") == "":
        del known["who"]
    with pytest.raises(DataError, match=message):
        load(tmp_path, known, **data)


def test_a_test_set_that_shares_groups_is_told(tmp_path: Path) -> None:
    arrays = {"x": IMAGES, "y": LABELS, "who": SPEAKERS, "part": np.arange(N) >= N - 6}
    with pytest.warns(DataWarning, match=r"in the training set and in the test set: dot, eve"):
        data = load(tmp_path, arrays, split="part")
    assert not set(SPEAKERS[numbers(data.heldout)]) & set(SPEAKERS[numbers(data.train)])
    assert sorted(numbers(data.test).tolist()) == list(range(N - 6, N))


def test_a_held_out_set_that_shares_groups_with_the_test_set_is_told(tmp_path: Path) -> None:
    """In the end, networks are trained on it."""
    arrays = {"x": IMAGES, "y": LABELS, "who": SPEAKERS, "part": np.arange(N) >= N - 6}
    with pytest.warns(DataWarning, match=r"in the held-out set, .* and in the test set: dot, eve"):
        load(tmp_path, arrays, split="part", heldout_groups=("dot", "eve"))


def test_a_limit_keeps_groups_apart(tmp_path: Path) -> None:
    data = load(tmp_path, limit=24)
    assert len(data.train) + len(data.heldout) == 24
    assert not set(SPEAKERS[numbers(data.heldout)]) & set(SPEAKERS[numbers(data.train)])


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(2, 4), st.integers(0, 99))
def test_whole_groups_come_close_to_the_share(n_groups: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.arange(n_groups).repeat(rng.integers(n_classes, 12, n_groups))
    labels = np.concatenate([np.arange((groups == one).sum()) % n_classes for one in range(n_groups)])
    classes = [str(index) for index in range(n_classes)]
    rest, chosen = whole_groups(labels, groups.astype(str), 0.3, classes=classes, n_later=1, rng=rng)
    assert sorted([*rest, *chosen]) == list(range(len(labels)))
    assert not set(groups[rest]) & set(groups[chosen])
    assert set(labels[rest]) == set(labels[chosen]) == set(range(n_classes))
    largest = np.bincount(groups).max()
    assert abs(len(chosen) - 0.3 * len(labels)) <= largest


@pytest.mark.parametrize("n_groups", [4, 20])
def test_enough_groups_are_left_for_later_parts(n_groups: int) -> None:
    labels, groups = np.tile([0, 1], 3 * n_groups), np.arange(n_groups).repeat(6)
    rng = np.random.default_rng(0)
    rest, _ = whole_groups(labels, groups.astype(str), 0.99, classes=("a", "b"), n_later=1, rng=rng)
    assert len(set(groups[rest])) == 2


def test_folds_keep_groups_together() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 11, 200).astype(str)
    labels = torch.from_numpy(rng.integers(0, 3, 200))
    parts = folds(labels, n=4, seed=0, groups=groups)
    assert sorted(np.concatenate(parts).tolist()) == list(range(200))
    owners = [set(groups[part]) for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 11
    assert max(map(len, parts)) - min(map(len, parts)) <= 30
    lopsided = np.array(["big"] * 190 + list("abcdefghij"))
    assert min(map(len, folds(labels, n=4, seed=0, groups=lopsided))) >= 1
    assert min(map(len, folds(labels, n=3, seed=0, groups=labels.numpy().astype(str)))) >= 1  # a class each
    with pytest.raises(DataError, match=r"at least 12 groups(.|\n)*found:  11: 0, 1"):
        folds(labels, n=12, seed=0, groups=groups)


def test_splits_hand_groups_on(tmp_path: Path) -> None:
    data = load(tmp_path)
    taken = data.train.taken(np.array([3, 1])).joined(data.test)
    assert taken.groups is not None
    np.testing.assert_array_equal(taken.groups, SPEAKERS[numbers(taken)])


def test_folders_of_pictures_have_groups_in_their_paths(tmp_path: Path) -> None:
    for index in range(N):
        path = tmp_path / "set" / f"class{LABELS[index]}" / SPEAKERS[index] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[index]).save(path)
    data = load_dataset(DataConfig(source=str(tmp_path / "set"), groups=r"class\d/(\w+)/"))
    for part in (data.train, data.heldout, data.test):
        assert part.groups is not None
        np.testing.assert_array_equal(part.groups, SPEAKERS[numbers(part)])
    assert not set(SPEAKERS[numbers(data.heldout)]) & set(SPEAKERS[numbers(data.train)])


def test_groups_given_in_python_are_kept_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StopError(Exception):
        pass

    def search(config: RunConfig, *_: Any, arrays: dict[str, np.ndarray], **__: Any) -> None:
        np.savez(tmp_path / "data.npz", **arrays)
        data = load_dataset(config.data.model_copy(update={"source": str(tmp_path / "data.npz")}))
        assert set(SPEAKERS[numbers(data.test)]) == {"dot"}
        assert not set(SPEAKERS[numbers(data.heldout)]) & set(SPEAKERS[numbers(data.train)])
        raise StopError

    monkeypatch.setattr(engine, "search", search)
    with pytest.raises(StopError):
        evonas.search(IMAGES, LABELS, groups=SPEAKERS.tolist(), overrides={"data": {"test_groups": ["dot"]}})


def test_groups_in_python_are_checked() -> None:
    for groups, message in ((SPEAKERS[:4], "60 groups"), ([None, *SPEAKERS[1:]], "a group for each image")):
        with pytest.raises(DataError, match=message):
            given_parts(IMAGES, LABELS, None, None, DataConfig(), groups=groups)
    with pytest.raises(DataError, match=r"arrays by their place(.|\n)*groups = 'who' under \[data\]"):
        given_parts(IMAGES, LABELS, None, None, DataConfig(groups="who"))
    parts, data = given_parts(IMAGES, LABELS, None, None, DataConfig(), groups=SPEAKERS)
    assert data.groups == "groups"
    assert set(named_arrays(parts)) == {"images", "labels", "groups"}
    assert checked_parts(parts, "given", data).groups == parts.groups
