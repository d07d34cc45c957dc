"""The largest sum of activation tensors that are alive at once."""

from __future__ import annotations

from objectives.device.storage import storage
from objectives.layer import Number, batch_size
from objectives.objective import Layers, Objective


def peak_memory(layers: Layers) -> Number:
    """Bytes of activations alive at the worst moment of running the layers in the order given.

    While a layer runs, alive are: its inputs, its output, what it makes of its input before it begins, the least that
    its kernel needs besides, and every earlier output that a later layer still reads. What is a tensor, how wide, and
    when one takes another's place is in :mod:`objectives.device.storage`. It is what the exported C library asks of its
    caller, to the byte, the image included. Weights are not counted: they may stay in flash. Nor is the stack.

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
