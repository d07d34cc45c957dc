"""Pictures as pillow opens them, decoded by stated rules: what they show is never changed in silence."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps  # pillow comes with matplotlib

from evonas.config.sections import DataConfig
from evonas.errors import DataError, DataWarning
from evonas.files import most_memory
from evonas.training.datasets.arrays import Groups, Parts, Raw
from evonas.training.datasets.forms.folders.damage import tell_damaged
from evonas.training.datasets.sizes import LEVELS, to_size

GREY, COLOUR, TRANSPARENT = ("1", "L", "LA", "La"), ("RGB", "P", "CMYK", "YCbCr"), ("RGBA", "RGBa", "PA", "LA", "La")
DEEP = 65535  # the largest value of 16 bits

Opened = Callable[[], Image.Image]
Labelled = tuple[Iterable[tuple[str, Opened]], NDArray[Any]]


class Decoded(NamedTuple):
    """A picture as RGB, ``(height, width, 3)`` uint8."""

    pixels: NDArray[np.uint8]
    is_grey: bool
    largest_of_16_bits: int
    """0 for 8 bits."""


class Stack(NamedTuple):
    """Pictures of one size as RGB, ``(n, height, width, 3)`` uint8."""

    images: NDArray[np.uint8]
    kept: list[int]
    """Which of the pictures; damaged ones are left out where the run file says so."""
    is_grey: bool
    """Whether all of them are grey."""


def stacked(pictures: Iterable[tuple[str, Opened]], settings: DataConfig) -> Stack:
    """Decode pictures and stack them.

    Args:
        pictures: Where each comes from, which error messages name, and what opens it.
        settings: The run file's ``[data]``.

    Raises:
        DataError: One is damaged, of another size than the first where the run file names none, or shows something that
            8-bit grey or RGB cannot hold.
    """
    decoded: list[Decoded] = []
    kept: list[int] = []
    broken: list[tuple[str, str]] = []
    first, n_bytes = "", 0
    for index, (where, opened) in enumerate(pictures):
        try:
            one = _decoded(opened(), where, settings)
        except (PermissionError, DataError):
            raise
        except Exception as error:  # pillow tells damage by many kinds
            broken.append((where, str(error).partition("\n")[0] or type(error).__name__))
            continue
        one = one._replace(pixels=to_size(one.pixels, settings))
        first = first or where
        decoded.append(one)
        kept.append(index)
        n_bytes += one.pixels.nbytes
        if 2 * n_bytes > most_memory():  # one by one, and then all in one piece
            raise DataError(
                "pictures that memory can hold",
                found=f"{len(decoded):,} of {n_bytes / 1e9:,.0f} GB up to {where}, and more",
                remedy="set a smaller size under [data], or use fewer pictures",
            )
        if one.pixels.shape != decoded[0].pixels.shape:
            sizes = ["x".join(map(str, pixels.shape[1::-1])) for pixels in (decoded[0].pixels, one.pixels)]
            raise DataError(
                f"pictures of one size, {sizes[0]} pixels as {first}",
                found=f"{sizes[1]} at {where}",
                remedy="set size = [height, width] under [data], and fit = pad, crop or stretch",
            )
    tell_damaged(broken, len(decoded), settings, kind="picture")
    largest = max((one.largest_of_16_bits for one in decoded), default=0)
    if 0 < largest <= DEEP // 2:
        levels = largest * 255 // DEEP + 1
        _warn(
            f"16-bit pictures beside {first} use values up to {largest:,} of {DEEP:,}, of which 8 bits keep {levels} "
            "levels; multiply their values to use the whole range"
        )
    images = np.stack([one.pixels for one in decoded]) if decoded else np.zeros((0, 0, 0, 3), np.uint8)
    return Stack(images, kept, all(one.is_grey for one in decoded))


def held_open(pictures: Iterable[Image.Image], source: str) -> Iterator[tuple[str, Opened]]:
    """Pictures that are in memory, for :func:`stacked`."""
    for index, picture in enumerate(pictures):
        yield f"{source}, picture {index}", picture.copy


def picture_parts(
    training: Labelled,
    test: Labelled | None,
    heldout: Labelled | None,
    *,
    settings: DataConfig,
    classes: tuple[str, ...] | None,
    groups: Groups | None = None,
) -> Parts:
    """The parts of a data set of pictures: grey if all pictures of all parts are, else all of them RGB.

    Args:
        training, test, heldout: Pictures as for :func:`stacked`, and their labels, ``(n,)``.
        settings: The run file's ``[data]``.
        classes: Names of the classes, where labels are numbers and the data set names them.
        groups: Of the pictures, if known.

    Raises:
        DataError: See :func:`stacked`.
    """
    given = [training, test, heldout]
    stacks = [None if part is None else stacked(part[0], settings) for part in given]
    is_grey = all(stack is None or stack.is_grey for stack in stacks)

    def raw(index: int) -> Raw | None:
        part, stack = given[index], stacks[index]
        if part is None or stack is None:
            return None
        return (stack.images[..., 0] if is_grey else stack.images), part[1][stack.kept]

    first = raw(0)
    assert first is not None
    if groups is not None:
        names = [of if of is None or one is None else of[one.kept] for of, one in zip(groups, stacks, strict=True)]
        assert names[0] is not None
        groups = Groups(names[0], names[1], names[2])
    return Parts(first, raw(1), raw(2), classes, groups)


def _decoded(picture: Image.Image, where: str, settings: DataConfig) -> Decoded:
    if getattr(picture, "n_frames", 1) > 1:
        raise DataError(
            f"a picture of one frame at {where}",
            found=f"{picture.n_frames} frames",  # type: ignore[attr-defined]
            remedy="save the frames that count as pictures of their own, in new files",
        )
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        return _of_16_bits(picture, where)
    if picture.mode in TRANSPARENT or "transparency" in picture.info:
        return _on_ground(picture, where, settings)
    if picture.mode not in GREY + COLOUR:
        raise DataError(
            f"a picture of 8 or 16 bits, grey or in colours, at {where}",
            found=f"mode {picture.mode}",
            remedy="save such data as an .npz file with images and labels",
        )
    return _of_8_bits(picture, is_grey=picture.mode in GREY)


def _of_8_bits(picture: Image.Image, *, is_grey: bool) -> Decoded:
    pixels = np.asarray(picture.convert("RGB"))
    # a palette says nothing of colours but what it holds
    is_grey = is_grey or (picture.mode == "P" and bool((pixels == pixels[..., :1]).all()))
    return Decoded(pixels, is_grey, 0)


def _of_16_bits(picture: Image.Image, where: str) -> Decoded:
    values = np.asarray(picture).astype(np.int64)
    if "transparency" in picture.info or values.min() < 0 or values.max() > DEEP:
        found = "a transparent value" if "transparency" in picture.info else f"{values.min():,} to {values.max():,}"
        raise DataError(
            f"grey values from 0 to {DEEP:,}, none of them transparent, at {where}",
            found=found,
            remedy="save such data as an .npz file with images and labels",
        )
    grey = np.round(values * (255 / DEEP)).astype(np.uint8)
    return Decoded(np.repeat(grey[..., None], 3, axis=2), is_grey=True, largest_of_16_bits=int(values.max()))


def _on_ground(picture: Image.Image, where: str, settings: DataConfig) -> Decoded:
    """A picture with transparent pixels, on the ground that the run file names."""
    whole = picture.convert("RGBA")
    if np.asarray(whole.getchannel("A")).min() < 255:
        if settings.background == "none":
            raise DataError(
                f"a picture without transparent pixels at {where}, or the ground that they lie on",
                found=f"mode {picture.mode} with transparent pixels",
                remedy='set background = "white" or "black" under [data]; the files stay as they are',
            )
        ground = Image.new("RGBA", whole.size, (*[LEVELS[settings.background]] * 3, 255))
        whole = Image.alpha_composite(ground, whole)
    pixels = np.asarray(whole.convert("RGB"))
    is_declared = picture.mode in GREY
    return Decoded(pixels, is_declared or (picture.mode in ("P", "PA") and bool((pixels == pixels[..., :1]).all())), 0)


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=3)
