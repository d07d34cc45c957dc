"""Images and the logits that a network in C gives for them: what its self-test compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.architecture.input_codes import Floats
from evonas.export.c.layers import c_array
from evonas.export.c.options import COptions, as_laid_out
from evonas.export.c.source import is_exact
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork

MOST_IMAGES = 4
MOST_BYTES = 8192  # of all images; one is there in any case
LOOSE = 1e-4  # of the largest logit, where sums of floats have another order


@dataclass(frozen=True, eq=False)
class Vectors:
    """Images as a network in C reads them.

    Attributes:
        images: uint8 ``(n, numbers of an image)``, in the order of its input layout.
        numbers: float32 ``(numbers of an image,)``: what the first image is made of; None for pixels.
        logits: float32 ``(n, classes)``.
        tolerance: How far logits in C may be off.
        origin: Where the images come from, in words.
    """

    images: NDArray[np.uint8]
    numbers: Floats | None
    logits: Floats
    tolerance: float
    origin: str

    @property
    def n_bytes(self) -> int:
        """Of flash."""
        return self.images.nbytes + self.logits.nbytes + (0 if self.numbers is None else self.numbers.nbytes)


def make_vectors(frozen: FrozenNetwork, options: COptions, *, images: NDArray[Any] | None) -> Vectors:
    """Choose some images and run them.

    Args:
        frozen: The network.
        options: How it is written.
        images: Codes ``(n, channels, height, width)`` of held-out images to choose from; None: random ones.
    """
    shape, codes = frozen.architecture.input_shape, frozen.codes
    n = max(1, min(MOST_IMAGES, MOST_BYTES // int(np.prod(shape))))
    if images is None or not len(images):
        chosen = np.random.default_rng(0).integers(codes.low, codes.high + 1, (n, *shape))
    else:
        chosen = images[np.linspace(0, len(images) - 1, min(n, len(images))).astype(int)]
    numbers = None
    if codes.standards is not None:
        numbers = codes.decode(chosen)
        chosen = codes.encode(numbers)  # which differ where each image's own mean is subtracted
    logits = IntegerNetwork(frozen).of_codes(torch.from_numpy(chosen.astype(np.int16))).numpy()
    return Vectors(
        as_laid_out(chosen.astype(np.int16) - codes.low, options).astype(np.uint8).reshape(len(chosen), -1),
        None if numbers is None else as_laid_out(numbers[:1], options).ravel(),
        logits,
        0.0 if is_exact(frozen) else float(LOOSE * np.abs(logits).max()),
        "random ones" if images is None or not len(images) else "held out from training",
    )


def c_vectors(vectors: Vectors, options: COptions) -> str:
    """The header with them."""
    guard = f"{options.name.upper()}_TEST_VECTORS_H"
    arrays: list[tuple[str, NDArray[np.uint8] | Floats]] = [
        ("test_images", vectors.images),
        ("test_logits", vectors.logits),
    ]
    arrays += [] if vectors.numbers is None else [("test_numbers", vectors.numbers)]
    text = "".join("\n" + c_array(f"net_{name}", array, layer="the self-test") for name, array in arrays)
    exact = "to the bit" if not vectors.tolerance else "whose last bits depend on the order of sums"
    return options.prefixed(
        f"/* Images, {vectors.origin}, as net_run takes them, and their logits, {exact}. */\n"
        f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        f"#define NET_TEST_IMAGES {len(vectors.images)}\n"
        f"#define NET_TEST_TOLERANCE {np.float32(vectors.tolerance)!s}f\n{text}\n#endif\n"
    )
