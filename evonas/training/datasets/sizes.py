"""Images brought to the size that the run file asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps  # pillow comes with matplotlib

from evonas.config.sections import DataConfig
from evonas.errors import DataError

METHOD = Image.Resampling.BILINEAR  # over all pixels that fall into one, so that nothing is skipped when it shrinks
LEVELS = {"none": 0, "black": 0, "white": 255}


def to_size(image: NDArray[np.uint8], settings: DataConfig) -> NDArray[np.uint8]:
    """Bring an image to ``[data] size``, by the rule ``[data] fit``; unchanged if it has that size.

    Args:
        image: ``(height, width, channels)``.
        settings: The run file's ``[data]``.

    Raises:
        DataError: A border would be needed around numbers that are no pixels.
    """
    if settings.size == "auto" or image.shape[:2] == settings.size:
        return image
    height, width = settings.size
    is_scaled = image.dtype == np.uint8 or (image.min() >= 0 and image.max() <= 1)
    if settings.fit == "pad" and not is_scaled and image.shape[0] * width != image.shape[1] * height:
        raise DataError(
            "pixels, which a border of black or white fits",
            found=f"numbers from {image.min():g} to {image.max():g}",
            remedy='set fit = "crop" or "stretch" under [data]',
        )
    level = LEVELS[settings.background] if image.dtype == np.uint8 else LEVELS[settings.background] // 255
    size = (width, height)

    def resized(channel: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = Image.fromarray(channel)
        if settings.fit == "crop":
            return np.asarray(ImageOps.fit(picture, size, METHOD))
        if settings.fit == "pad":
            return np.asarray(ImageOps.pad(picture, size, METHOD, color=level))
        return np.asarray(picture.resize(size, METHOD))

    return np.stack([resized(image[:, :, index]) for index in range(image.shape[2])], axis=2)
