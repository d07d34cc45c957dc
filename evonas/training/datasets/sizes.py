"""Images brought to the size that the run file asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps  # pillow comes with matplotlib

from evonas.config.sections import DataConfig

METHOD = Image.Resampling.BILINEAR  # over all pixels that fall into one, so that nothing is skipped when it shrinks
LEVELS = {"none": 0, "black": 0, "white": 255}


def to_size(image: NDArray[np.uint8], settings: DataConfig) -> NDArray[np.uint8]:
    """Bring an image to ``[data] size``, by the rule ``[data] fit``; unchanged if it has that size.

    Args:
        image: ``(height, width, channels)``.
        settings: The run file's ``[data]``.
    """
    if settings.size == "auto" or image.shape[:2] == settings.size:
        return image
    height, width = settings.size
    size = (width, height)

    def resized(channel: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = Image.fromarray(channel)
        if settings.fit == "crop":
            return np.asarray(ImageOps.fit(picture, size, METHOD))
        if settings.fit == "pad":
            return np.asarray(ImageOps.pad(picture, size, METHOD, color=LEVELS[settings.background]))
        return np.asarray(picture.resize(size, METHOD))

    return np.stack([resized(image[:, :, index]) for index in range(image.shape[2])], axis=2)
