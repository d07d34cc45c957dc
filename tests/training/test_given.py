"""``evonas.search(x, y)``: whatever a program holds becomes the same data as a file of it, or is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

import evonas
from evonas.config.load import RunConfig
from evonas.config.sections import DataConfig
from evonas.errors import DataError, RunFileError, RunFolderError
from evonas.training.datasets.arrays import Checked, checked_parts
from evonas.training.datasets.forms.given import given_parts
from reports.pages.page import run_page
from reports.tables.snapshot import Snapshot

RNG = np.random.default_rng(0)
N = 24
PIXELS = RNG.integers(0, 256, (N, 6, 8, 3), dtype=np.uint8)
LABELS = np.arange(N) % 3
NAMES = np.array(["cat", "dog", "owl"])[LABELS]


class Pairs:
    """A data set as torch has them: only a length and items."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def checked(x: Any, y: Any = None, x_test: Any = None, y_test: Any = None, **data: Any) -> Checked:
    parts, settings = given_parts(x, y, x_test, y_test, DataConfig(source="given", **data))
    return checked_parts(parts, "given", settings)


TENSORS = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
FORMS: dict[str, tuple[Any, Any]] = {
    "arrays": (PIXELS, LABELS),
    "floats": (PIXELS / 255, LABELS),
    "tensors": (torch.from_numpy(PIXELS), torch.from_numpy(LABELS)),
    "lists": ((PIXELS / 255).tolist(), LABELS.tolist()),
    "series": (PIXELS, pd.Series(LABELS, index=np.arange(N)[::-1])),
    "floats that are whole": (PIXELS, LABELS.astype(float)),
    "a TensorDataset": (TensorDataset(TENSORS, torch.from_numpy(LABELS)), None),
    "float tensors": (TensorDataset(TENSORS.float() / 255, torch.from_numpy(LABELS)), None),
    "pictures": (Pairs([(Image.fromarray(p), int(label)) for p, label in zip(PIXELS, LABELS, strict=True)]), None),
    "dictionaries": (
        Pairs([{"img": Image.fromarray(p), "label": int(label)} for p, label in zip(PIXELS, LABELS, strict=True)]),
        None,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_images(form: str) -> None:
    images, labels = checked(*FORMS[form]).training
    np.testing.assert_array_equal(images, PIXELS.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(labels, LABELS)


def test_signals_of_torch_lie_as_the_run_file_says() -> None:
    signals = torch.from_numpy(PIXELS[:, 0])  # (n, time, channels)
    for x, y in ((signals, LABELS), (TensorDataset(signals, torch.from_numpy(LABELS)), None)):
        parts, settings = given_parts(x, y, None, None, DataConfig(source="given", axes="time_channels"))
        np.testing.assert_array_equal(parts.training[0], PIXELS[:, 0])
        assert settings.axes == "time_channels"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (NAMES, ("cat", "dog", "owl")),
        (NAMES.tolist(), ("cat", "dog", "owl")),
        (pd.Series(NAMES), ("cat", "dog", "owl")),
        (pd.Series(NAMES).astype("category"), ("cat", "dog", "owl")),
        (LABELS > 0, ("False", "True")),
        ([(int(label), "x") for label in LABELS], ("(0, 'x')", "(1, 'x')", "(2, 'x')")),
        ((LABELS + 7).tolist(), ("7", "8", "9")),
    ],
)
def test_labels_of_any_hashable_type_name_the_classes(labels: Any, names: tuple[str, ...]) -> None:
    found = checked(PIXELS, labels)
    assert found.classes == names
    assert [names[index] for index in found.training[1]] == [str(label) for label in labels]


def test_a_test_set_is_kept_apart() -> None:
    found = checked(PIXELS, NAMES, PIXELS[:4], NAMES[:4])
    assert found.test is not None
    np.testing.assert_array_equal(found.test[1], LABELS[:4])
    found = checked(TensorDataset(TENSORS, torch.from_numpy(LABELS)), None, TensorDataset(TENSORS[:5], torch.zeros(5)))
    assert found.test is not None
    assert len(found.test[1]) == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((PIXELS,), "call evonas.search"),
        ((None, LABELS), "call evonas.search"),
        ((PIXELS, LABELS, None, LABELS), "call evonas.search"),
        ((PIXELS, LABELS[:5]), "24 labels, one per image"),
        ((PIXELS, [None, *LABELS[1:]]), "1 of 24 missing"),
        ((PIXELS, pd.Series([np.nan, *LABELS[1:]])), "1 of 24 missing"),
        ((PIXELS, LABELS + 0.5), "evonas classifies"),
        ((PIXELS, [1, "1"] * 12), "labels that differ by their text"),
        ((pd.DataFrame(PIXELS.reshape(N, -1)), LABELS), "images as .n, height, width."),
        (([[[1, 2], [3]], [[1], [2]]], [0, 1]), "images of one size"),
        ((np.array([["a"]]), [0]), "images as numbers"),
        ((Pairs([(PIXELS[0],)]),), "an image and its label"),
        ((Pairs([]),), "a data set that holds images"),
        ((Pairs([(PIXELS[0], 0), (PIXELS[0][:3], 1)]),), r"shapes \(3, 8, 3\), \(6, 8, 3\)"),
        ((PIXELS, [[0], [1]] * 12), "no list of them"),
        ((Pairs([{"pixels": PIXELS[0], "label": 0}]),), "an image and its label"),
    ],
)
def test_what_cannot_be_used_is_explained(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        checked(*given)


def test_a_search_on_arrays_keeps_them_and_the_names_of_their_classes(small_config: RunConfig, tmp_path: Path) -> None:
    """In the run, on its page, and in the file that goes to a device."""
    keys = small_config.model_dump(exclude={"name", "data", "seed"})
    overrides = {**keys, "search": {**keys["search"], "budget": 12, "has_baseline": False}}
    x, y = (
        np.repeat(RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8), 3, axis=0),
        np.tile(["cat", 'a "dog"', "owl"], 40),
    )
    run = evonas.search(x, y, out=tmp_path / "run", overrides=overrides)
    assert (tmp_path / "run" / "data.npz").exists()
    assert run.folder.facts().expects["classes"] == '["a \\"dog\\"", "cat", "owl"]'
    assert "1x8x8 (channels x height x width)" in run_page(Snapshot(run.folder))
    again = evonas.resume(tmp_path / "run")
    pd.testing.assert_frame_equal(again.front(), run.front())
    source = run.export("knee", format_name="c")[0].read_text(encoding="ascii")
    assert '_NAMES {"a \\042dog\\042", "cat", "owl"}' in source
    assert "input: 1x8x8" in source


def test_two_run_files_are_one_too_many() -> None:
    with pytest.raises(RunFileError, match="one run file"):
        evonas.search("one.toml", run_file="other.toml")


def test_nothing_of_the_user_s_is_touched_where_a_run_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"mine")
    with pytest.raises(RunFolderError):
        evonas.search(PIXELS, LABELS, out=tmp_path)
    assert (tmp_path / "data.npz").read_bytes() == b"mine"
    with pytest.raises(DataError):
        evonas.search(PIXELS[:3], LABELS[:3], out=tmp_path / "new")
    assert not (tmp_path / "new").exists()
