"""The largest sum of activation tensors that are alive at once."""

from __future__ import annotations

from objectives.layer import Number, batch_size
from objectives.objective import Layers, Objective
from objectives.storage import storage


def peak_memory(layers: Layers) -> Number:
    """Bytes of activations alive at the worst moment of running the layers in the order given.

    While a layer runs, alive are: its inputs, its output, its workspace, and every earlier output that a later layer
    still reads. A tensor is freed after its last reader. What is a tensor, and how wide, is in
    :mod:`objectives.storage`. Weights are not counted: they may stay in flash. Nor is what a kernel needs besides, such
    as the rows that it has unpacked: some hundred bytes to a few kB in exported C. Each tensor takes whole words of
    four bytes.

    Args:
        layers: In execution order, the image first; of one network, or of many as arrays.

    Returns:
        Bytes for one sample; 0 for no layers; an array ``(n,)`` for many networks.
    """
    if not layers:
        return 0
    peaks = storage(layers).alive().max(axis=0)
    return peaks if batch_size(layers) is not None else int(peaks[0])


PEAK_MEMORY = Objective(name="peak_memory", unit="bytes", title="peak activation memory", measure=peak_memory)
