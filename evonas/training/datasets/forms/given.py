"""Data that a Python program holds: arrays, tensors, data frames, data sets of torch; as arrays that a run can keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image  # pillow comes with matplotlib

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Groups, Parts, Raw
from evonas.training.datasets.forms.folders.pictures import held_open, picture_parts
from evonas.training.datasets.forms.membership import group_names

PICTURES, LABELS = ("image", "img", "picture"), ("label", "labels", "fine_label", "target")


GROUPS = "groups"  # the name of their array


def given_parts(
    x: Any, y: Any, x_test: Any, y_test: Any, settings: DataConfig, *, groups: Any = None
) -> tuple[Parts, DataConfig]:
    """What a program gives, as arrays.

    Args:
        x: Images: anything that NumPy makes an array of, ``(n, height, width)`` or with an axis of channels; or,
            without ``y``, a data set whose items are pairs of image and label, or dictionaries of both.
        y: A label for each: numbers, texts, or anything that can be told apart by its text.
        x_test, y_test: The same for the test; None if there is none.
        settings: The run file's ``[data]``.
        groups: Whom or what each of ``x`` is of, ``(n,)``; None if it does not matter.

    Raises:
        DataError: Something is missing, a key names an array of a file, or no images or labels can be made of it.

    Returns:
        The arrays, not yet checked, and ``[data]`` with the order of their axes, where the form has one, and the name
        of their groups.
    """
    _check_keys(settings)
    settings = settings.model_copy(update={"groups": "" if groups is None else GROUPS})
    if x is None or (y is None) != _is_dataset(x) or (x_test is None and y_test is not None):
        raise DataError(
            "images and as many labels, or a data set that holds both",
            found=f"x: {type(x).__name__}, y: {type(y).__name__}, "
            f"x_test: {type(x_test).__name__}, y_test: {type(y_test).__name__}",
            remedy="call evonas.search(x, y), evonas.search(x, y, x_test, y_test), or evonas.search(dataset)",
        )
    if y is not None:
        test = None if x_test is None else (_array(x_test), _labels(y_test))
        labels = _labels(y)
        return Parts((_array(x), labels), test, groups=_groups(groups, len(labels))), settings
    parts = [None if one is None else _items(one) for one in (x, x_test)]
    last = settings.model_copy(update={"axes": "channels_last"})
    if isinstance(parts[0][0][0], Image):  # type: ignore[index]  # the first is there
        training, test_part = (
            None if one is None else (held_open(one[0], "the data set"), _labels(one[1])) for one in parts
        )
        assert training is not None
        known = _groups(groups, len(training[1]))
        return picture_parts(training, test_part, None, settings=settings, classes=None, groups=known), last
    is_torch = settings.axes == "auto"  # if not, the run file says how the axes of these tensors lie
    raws = [
        None if one is None else (_channels_last(one[0]) if is_torch else _stacked(one[0]), _labels(one[1]))
        for one in parts
    ]
    assert raws[0] is not None
    known = _groups(groups, len(raws[0][1]))
    return Parts(raws[0], raws[1], groups=known), last if is_torch else settings


def _check_keys(settings: DataConfig) -> None:
    """Names of arrays are those of a file; here each array has its place."""
    named = {"inputs": settings.inputs, "labels": settings.labels, "groups": settings.groups, "split": settings.split}
    if given := [f"{key} = {name!r}" for key, name in named.items() if name not in ("", "auto")]:
        raise DataError(
            "arrays by their place: evonas.search(x, y, x_test, y_test, groups=...)",
            found=f"{', '.join(given)} under [data]",
            remedy="leave these keys out, or name the file that holds the arrays as source",
        )


def _groups(groups: Any, n: int) -> Groups | None:
    if groups is None:
        return None
    names = group_names(_labels(groups, what="group"), "groups=")
    if len(names) != n:
        raise DataError(f"{n} groups, one per label", found=str(len(names)), remedy="name the group of each of x")
    return Groups(names)


def _is_dataset(x: Any) -> bool:
    """Whether it is a collection of pairs, and no array, list or data frame."""
    is_plain = isinstance(x, (list, tuple)) or hasattr(x, "shape")
    return not is_plain and hasattr(x, "__getitem__") and hasattr(x, "__len__")


def _items(dataset: Any) -> tuple[list[Any], list[Any]]:
    images, labels = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        if isinstance(item, dict):
            named = [[name for name in names if name in item] for names in (PICTURES, LABELS)]
            item = tuple(item[names[0]] for names in named if names)
        if not isinstance(item, Sequence) or len(item) != 2:
            raise DataError(
                "items of an image and its label in the data set",
                found=f"{type(item).__name__} at {index}",
                remedy=f"give pairs, or dictionaries with {' or '.join(PICTURES)} and {' or '.join(LABELS)}",
            )
        images.append(item[0])
        labels.append(item[1])
    if not images:
        raise DataError("a data set that holds images", found="none", remedy="give one with at least two classes")
    return images, labels


def _array(x: Any) -> NDArray[Any]:
    """Of an array, a tensor of any library, a data frame or nested lists."""
    for convert in ("detach", "cpu", "to_numpy"):
        if hasattr(x, convert):
            x = getattr(x, convert)()
    try:
        found = np.asarray(x)
    except ValueError as error:  # lists of several lengths
        raise DataError(
            "images of one size", found=str(error).partition(".")[0], remedy="bring them to one size"
        ) from error
    if found.dtype.kind not in "biuf":
        remedy = "convert them, or bring them to one size"
        raise DataError("images as numbers", found=f"type {found.dtype}", remedy=remedy)
    return found


def _stacked(images: Sequence[Any]) -> NDArray[Any]:
    arrays = [_array(image) for image in images]
    if len(shapes := {array.shape for array in arrays}) > 1:
        found = ", ".join(map(str, sorted(shapes)[:5]))
        raise DataError("images of one size", found=f"shapes {found}", remedy="bring them to one size")
    return np.stack(arrays)


def _channels_last(images: Sequence[Any]) -> NDArray[Any]:
    """Of tensors as torch has them, ``(channels, height, width)``, or without channels."""
    found = _stacked(images)
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found


def _labels(y: Any, *, what: str = "label") -> NDArray[Any]:
    """Numbers and texts as they are; whole numbers that came as floats; everything else by its text."""
    for convert in ("detach", "cpu", "to_numpy"):
        if hasattr(y, convert):
            y = getattr(y, convert)()
    values = y if isinstance(y, np.ndarray) else np.array([*y, None], dtype=object)[:-1]
    if values.dtype.kind in "biuU":
        return values
    plain = [value.item() if hasattr(value, "item") else value for value in values.tolist()]
    missing = sum(value is None or value != value for value in plain)  # noqa: PLR0124  # NaN, of any kind
    if missing:
        raise DataError(f"a {what} for each image", found=f"{missing} of {len(plain)} missing", remedy="leave them out")
    if all(isinstance(value, float) and value.is_integer() for value in plain):
        return np.array(plain, dtype=np.int64)
    if any(isinstance(value, float) for value in plain):
        number = next(value for value in plain if isinstance(value, float))
        remedy = "give classes: evonas classifies" if what == "label" else "name them"
        raise DataError(
            f"{what}s of classes" if what == "label" else f"{what}s", found=f"the number {number}", remedy=remedy
        )
    if all(isinstance(value, int) for value in plain):
        return np.array(plain)
    try:
        texts = {value: str(value) for value in plain}
    except TypeError as error:
        raise DataError(
            f"a {what} for each image", found=str(error), remedy=f"give one {what}, no list of them"
        ) from error
    if len(set(texts.values())) < len(texts):
        raise DataError(
            f"{what}s that differ by their text",
            found=", ".join(sorted(map(repr, texts)))[:200],
            remedy=f"give {'classes' if what == 'label' else 'groups'} names of their own",
        )
    return np.array([texts[value] for value in plain])


def named_arrays(parts: Parts) -> dict[str, NDArray[Any]]:
    """Arrays by the names that an .npz file has them under."""
    pairs: list[tuple[str, Raw | None]] = [("", parts.training), ("test_", parts.test)]
    arrays: dict[str, NDArray[Any]] = {
        f"{prefix}{name}": array
        for prefix, pair in pairs
        if pair is not None
        for name, array in zip(("images", "labels"), pair, strict=True)
    }
    return arrays if parts.groups is None else {**arrays, GROUPS: parts.groups.training}
