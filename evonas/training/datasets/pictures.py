"""Pictures as pillow opens them, made one array: all of one size, grey only if all are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evonas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

GREY, COLOUR = ("1", "L"), ("RGB", "P")  # pillow's modes; others have transparency, 16 bits or other colours


def stacked(pictures: Iterable[tuple[str, Image]]) -> NDArray[np.uint8]:
    """Decode pictures and stack them.

    Args:
        pictures: Each with where it comes from, which error messages name.

    Raises:
        DataError: One is damaged, of another size than the first, or neither grey nor RGB.

    Returns:
        ``(n, height, width)`` if all are grey, else ``(n, height, width, 3)``.
    """
    arrays: list[NDArray[np.uint8]] = []
    is_grey, first = True, ""
    for where, picture in pictures:
        first = first or where
        if picture.mode not in GREY + COLOUR:
            raise DataError(
                f"a grey or RGB picture at {where}",
                found=f"mode {picture.mode}",
                remedy="convert it, for example with pillow: Image.open(path).convert('RGB').save(path)",
            )
        is_grey &= picture.mode in GREY
        try:
            arrays.append(np.asarray(picture.convert("RGB")))
        except PermissionError:
            raise
        except Exception as error:  # pillow tells damage by many kinds
            raise damaged(where, error) from error
        if arrays[-1].shape != arrays[0].shape:
            sizes = ["x".join(map(str, array.shape[1::-1])) for array in (arrays[0], arrays[-1])]
            raise DataError(
                f"pictures of one size, {sizes[0]} pixels as {first}",
                found=f"{sizes[1]} at {where}",
                remedy="bring all pictures to one size",
            )
    images = np.stack(arrays) if arrays else np.zeros((0, 0, 0, 3), np.uint8)
    return images[..., 0] if is_grey else images


def damaged(where: str, error: Exception) -> DataError:
    """The error for a picture that pillow cannot read."""
    found = str(error).partition("\n")[0] or type(error).__name__
    return DataError(f"a whole picture at {where}", found=found, remedy="copy the file again, or delete it")
