"""Weights in the order in which a kernel reads them: by filter, by pixel of the window, by channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.export.c.kernels.choice import WORD, Choice, is_shuffled
from evonas.nets.frozen import Floats, FrozenConv
from evonas.nets.packing.codes import pack

Array = NDArray[np.uint8] | NDArray[np.uint32] | Floats


def c_weights(conv: FrozenConv, choice: Choice) -> dict[str, Array]:
    """Arrays of weights by name; together they take the bytes of the packed weights.

    - ``floats``: as they are;
    - ``words``: of kernels that read weights as they are stored, all that fill whole words, in the order of pairs;
    - ``codes``: all others, as :func:`evonas.nets.packing.codes.pack` packs them.
    """
    kernel = conv.kernel
    rows = kernel.values.transpose(1, 0, 3, 4, 2)  # filters, planes, height, width, channels
    rows = rows.reshape(rows.shape[0] * rows.shape[1], -1)
    if not kernel.levels:
        return {"floats": rows.astype(np.float32).ravel()}
    indices = (rows.astype(np.int64) - kernel.low) // kernel.stride
    if not choice.is_direct:
        return {"codes": pack(indices, levels=kernel.levels)}
    per_word = WORD // choice.width
    whole = indices.shape[1] // per_word * per_word
    words = indices[:, :whole].reshape(len(rows), -1, per_word) << _shifts(choice)
    arrays: dict[str, Array] = {}
    if whole:
        arrays["words"] = words.sum(axis=2).astype(np.uint32).ravel()
    if whole < indices.shape[1]:
        arrays["codes"] = pack(indices[:, whole:], levels=kernel.levels)
    return arrays


def by_output(conv: FrozenConv, per_filter: NDArray[Any]) -> NDArray[Any]:
    """Numbers of each filter along the last axis, in the order in which its channels lie in the output."""
    if not is_shuffled(conv):
        return per_filter
    order = np.arange(conv.op.channels).reshape(conv.op.groups, -1).T.ravel()
    return per_filter[..., order]


def _shifts(choice: Choice) -> NDArray[np.int64]:
    """Place of each weight in its word: of pairs, one in each half; of ones that are counted, in a row."""
    k = np.arange(WORD // choice.width)
    return k if choice.family == "bits" else (k % 2) * 16 + k // 2 * choice.width
