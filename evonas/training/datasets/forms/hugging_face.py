"""A data set of the Hugging Face hub, ``"hf:NAME"`` or ``"hf:NAME:CONFIG"``: fetched because the run file names it.

It needs a split ``train``, and uses ``test`` and ``validation`` if there are. Pictures are the first column of images,
labels the column ``label``, else ``fine_label``, else the only one of classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Parts
from evonas.training.datasets.forms.folders.pictures import Labelled, held_open, picture_parts

PREFIX = "hf:"
LABELS = ("label", "fine_label")


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    return source.startswith(PREFIX)


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`; the library keeps what it fetched in a cache of its own."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataError(
            f"the package datasets, for {source}", found=str(error), remedy="pip install evonas[hf]"
        ) from error
    name, _, config = source.removeprefix(PREFIX).partition(":")
    try:
        splits: Any = load_dataset(name, config or None)
    except Exception as error:  # of the network, of the hub, of the files: the library documents no common class
        raise DataError(
            f"the data set {name} of the Hugging Face hub",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            remedy='check name and network; "hf:NAME:CONFIG" names one of several configurations',
        ) from error
    if "train" not in splits:
        raise DataError(f"a split train in {source}", found=", ".join(splits), remedy="choose another data set")
    columns = _columns(splits["train"].features, source)
    names = getattr(splits["train"].features[columns[1]], "names", None)
    training, test, heldout = (
        _labelled(splits.get(name), *columns, source) for name in ("train", "test", "validation")
    )
    assert training is not None
    classes = tuple(names) if names else None
    return picture_parts(training, test, heldout, settings=settings, classes=classes)


def _columns(features: dict[str, Any], source: str) -> tuple[str, str]:
    """Names of the columns of pictures and of labels."""
    pictures = [name for name, kind in features.items() if type(kind).__name__ == "Image"]
    classes = [name for name, kind in features.items() if type(kind).__name__ == "ClassLabel"]
    known = [name for name in LABELS if name in classes] or classes[:1] * (len(classes) == 1)
    if not pictures or not known:
        raise DataError(
            f"a column of images and one of class labels in {source}",
            found=", ".join(f"{name}: {type(kind).__name__}" for name, kind in features.items()),
            remedy="choose a data set for image classification",
        )
    return pictures[0], known[0]


def _labelled(split: Any, pictures: str, labels: str, source: str) -> Labelled | None:
    if split is None:
        return None
    return held_open(split[pictures], source), np.array(list(split[labels]))
