"""The largest sum of activation tensors that are alive at once."""

from __future__ import annotations

from objectives.model_size import display_bytes
from objectives.objective import Layers, Objective


def peak_memory(layers: Layers) -> int:
    """Bytes of activations alive at the worst moment of running the layers in the order given.

    While a layer runs, alive are: its inputs, its output, its workspace, and every earlier output that a later layer
    still reads. A tensor is freed after its last reader. Weights are not counted: they may stay in flash.
    Each tensor takes whole bytes.

    Args:
        layers: In execution order, the image first.

    Returns:
        Bytes for one sample; 0 for no layers.
    """
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


def _bytes(bits: int) -> int:
    return -(-bits // 8)


PEAK_MEMORY = Objective(
    name="peak_memory",
    unit="bytes",
    title="peak activation memory",
    measure=peak_memory,
    is_log=True,
    display=display_bytes,
)
