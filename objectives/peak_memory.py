"""The largest sum of activation tensors that are alive at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from objectives.layer import Number, batch_size
from objectives.objective import Layers, Objective


def peak_memory(layers: Layers) -> Number:
    """Bytes of activations alive at the worst moment of running the layers in the order given.

    While a layer runs, alive are: its inputs, its output, its workspace, and every earlier output that a later layer
    still reads. A tensor is freed after its last reader. Weights are not counted: they may stay in flash. Nor is what
    a kernel needs besides, such as the rows that it has unpacked: some hundred bytes to a few kB in exported C.
    Each tensor takes whole bytes.

    Args:
        layers: In execution order, the image first; of one network, or of many as arrays.

    Returns:
        Bytes for one sample; 0 for no layers; an array ``(n,)`` for many networks.
    """
    n = batch_size(layers)
    if n is not None:
        return _of_many(layers, n)
    last_reader: dict[str, int] = {}
    for step, layer in enumerate(layers):
        last_reader[layer.name] = step  # an output that nobody reads is freed at once
        for name in layer.inputs:
            last_reader[name] = step
    alive: dict[str, int] = {}
    peak = 0
    for step, layer in enumerate(layers):
        alive[layer.name] = _bytes(layer.output_elements * layer.output_bits)
        peak = max(peak, sum(alive.values()) + _bytes(layer.workspace_bits))
        for name in [name for name in alive if last_reader[name] <= step]:
            del alive[name]
    return peak


def _of_many(layers: Layers, n: int) -> NDArray[np.int64]:
    """The same walk for ``n`` networks at once. A view holds its input as long as its own readers do."""
    step = {layer.name: index for index, layer in enumerate(layers)}
    last = np.tile(np.arange(len(layers)), (n, 1))
    for index, layer in reversed(list(enumerate(layers))):
        until = np.where(layer.is_view, last[:, index], index)
        for name, reads in zip(layer.inputs, layer.reads or [True] * len(layer.inputs), strict=True):
            source = step[name]
            last[:, source] = np.where(reads, np.maximum(last[:, source], until), last[:, source])
    change = np.zeros((n, len(layers) + 1), dtype=np.int64)
    workspace = np.zeros((n, len(layers)), dtype=np.int64)
    network = np.arange(n)
    for index, layer in enumerate(layers):
        size = _bytes(layer.output_elements * layer.output_bits)
        change[:, index] += size
        change[network, last[:, index] + 1] -= size
        workspace[:, index] = _bytes(layer.workspace_bits)
    peaks: NDArray[np.int64] = (change[:, :-1].cumsum(axis=1) + workspace).max(axis=1)
    return peaks


def _bytes(bits: Number) -> Number:
    return -(-bits // 8)


PEAK_MEMORY = Objective(name="peak_memory", unit="bytes", title="peak activation memory", measure=peak_memory)
