"""The forms that data sets come in. ``READERS`` is the table behind ``[data] source``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evonas.config.sections import DataConfig
from evonas.errors import DataError
from evonas.training.datasets.arrays import Checked, Parts, checked_parts
from evonas.training.datasets.forms import cifar, digits, hugging_face, idx, named_arrays, npy, npz, tables
from evonas.training.datasets.forms.folders import image_folder, wav_folder


@dataclass(frozen=True)
class Reader:
    """A form that data sets come in.

    Attributes:
        form: What a user writes, or what lies at the path.
        fits: Whether a source is of this form, by names alone.
        read: Training images and labels, and those of a test and a held-out set if it brings them, not yet checked.
        keys: Of ``FORM_KEYS``, those that it follows.
    """

    form: str
    fits: Callable[[str], bool]
    read: Callable[[str, DataConfig], Parts]
    keys: tuple[str, ...] = ()


FORM_KEYS = (*named_arrays.KEYS, *wav_folder.KEYS)
"""Keys of ``[data]`` that some forms follow, and which are refused for others."""

READERS: dict[str, Reader] = {
    "digits": Reader('"digits" (1,797 images of 8x8, inside scikit-learn)', digits.fits, digits.read),
    "hugging_face": Reader('"hf:NAME" or "hf:NAME:CONFIG"', hugging_face.fits, hugging_face.read),
    "npz": Reader("an .npz file", npz.fits, npz.read, named_arrays.KEYS),
    "idx": Reader("a folder of IDX files", idx.fits, idx.read),
    "cifar": Reader("a folder of CIFAR's binary version", cifar.fits, cifar.read),
    "recordings": Reader(
        "a folder with .wav recordings as CLASS/* or train/CLASS/*", wav_folder.fits, wav_folder.read, wav_folder.KEYS
    ),
    "images": Reader(
        "a folder with pictures as CLASS/* or train/CLASS/*", image_folder.fits, image_folder.read, image_folder.KEYS
    ),
    "npy": Reader("a folder of .npy files", npy.fits, npy.read, named_arrays.KEYS),
    "tables": Reader(
        "a .csv, .tsv or .parquet table, or a folder with train.csv", tables.fits, tables.read, tables.KEYS
    ),
}


def read(source: str, settings: DataConfig = DataConfig()) -> Checked:  # noqa: B008  # frozen
    """Read a data set and check it.

    Args:
        source: In one of the forms of ``READERS``.
        settings: The run file's ``[data]``: what arrays and columns mean, and how they are read.

    Raises:
        DataError: Nothing is there, it may not be read, or it is malformed, NaN or out of range.

    Returns:
        Images ``(n, channels, height, width)``, pixels as uint8 or numbers as float32, and labels ``(n,)`` as int64:
        for training, and a test and a held-out set if the data set brings them.
    """
    try:
        for reader in READERS.values():
            if reader.fits(source):
                _check_keys(reader, source, settings)
                return checked_parts(reader.read(source, settings), source, settings)
        path = Path(source).expanduser()
        found = f"nothing of the kind at {source!r}"
        if path.is_dir():
            found += f", but {', '.join(sorted(entry.name for entry in path.iterdir())[:8]) or 'an empty folder'}"
    except PermissionError as error:
        raise DataError(
            f"files that may be read at {source}",
            found=str(error),
            remedy="change their permissions, or copy them to a folder of your own",
        ) from error
    raise DataError(
        f"a data set: {'; '.join(reader.form for reader in READERS.values())}",
        found=found,
        remedy="correct source under [data] in the run file; a relative path starts where evonas was called",
    )


def _check_keys(reader: Reader, source: str, settings: DataConfig) -> None:
    """Nothing that a run file asks for is passed over in silence."""
    fields = DataConfig.model_fields
    given = [
        key
        for key in dict.fromkeys(FORM_KEYS)
        if key not in reader.keys and getattr(settings, key) != fields[key].default
    ]
    if given:
        raise DataError(
            f"keys of [data] that tell of {reader.form} in {source}",
            found=", ".join(f"{key} = {getattr(settings, key)!r}" for key in given),
            remedy="leave them out; they tell of other forms of data",
        )
