"""One network as a table: what every layer computes, stores and costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from objectives import Layers
from objectives.macs import bitops
from objectives.model_size import model_size, packed_bytes

STORED = {
    "weights": "weight_bytes",
    "scales": "scale_bytes",
    "norms": "norm_bytes",
    "thresholds": "threshold_bytes",
    "biases": "bias_bytes",
}
"""What bytes are stored for, and the column that holds them."""


class LayerLabel(NamedTuple):
    """Names of a layer's operation and precisions for people; its numbers alone do not determine them."""

    operation: str
    weight: str
    act: str


def network_table(layers: Layers, *, labels: Mapping[str, LayerLabel] | None = None) -> pd.DataFrame:
    """List the layers of one network in execution order.

    Args:
        layers: Of a single network, the image first.
        labels: Better names by layer, where the caller knows them: kernel sides, and whether 2-bit activations are
            ternary. Other layers are named after their numbers.

    Returns:
        A row per layer: ``layer``, ``operation``, ``inputs`` (names), ``shape`` of the output (channels, height,
        width), ``weight`` and ``act`` (names of precisions, empty without weights), ``levels`` (distinct values of a
        weight, 0 for float32), ``weights``, ``bytes``, those of each kind (:data:`STORED`), ``macs``, ``bitops``. The
        last ones, from bytes on, add up to the network's.
    """
    labels = labels or {}
    columns = ["layer", "operation", "inputs", "shape", "weight", "act", "levels", "weights", "bytes"]
    columns += [*STORED.values(), "macs", "bitops"]
    rows = []
    for layer in layers:
        known = LayerLabel(
            layer.op.replace("_", " "),
            precision_label(layer.weight_levels),
            precision_label(2**layer.act_bits if layer.act_bits < 32 else 0),
        )
        operation, weight, act = labels.get(layer.name, known)
        if not layer.weights:
            weight = act = ""
        graph = (layer.name, operation, layer.inputs, layer.output_shape)
        kinds = [packed_bytes(layer.weights, levels=layer.weight_levels)]
        kinds += [getattr(layer, name) for name in list(STORED.values())[1:]]
        costs = (layer.weights, model_size([layer]), *kinds, layer.macs, bitops([layer]))
        rows.append((*graph, weight, act, layer.weight_levels, *costs))
    return pd.DataFrame(rows, columns=columns)


def precision_label(levels: int) -> str:
    """Name a precision after its number of distinct values: 2 binary, 3 ternary, ``2^k`` k-bit, 0 float."""
    return {0: "float", 2: "binary", 3: "ternary"}.get(levels) or f"{levels.bit_length() - 1}-bit"
