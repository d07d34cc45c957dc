"""Runs QONNX files in the executor of the package qonnx."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from evonas.export.format import Logits, Runner
from evonas.export.onnx.files import parsed
from evonas.export.seal import Sealed

BATCH = 100  # images at once: the executor takes its time for every node, not for every image


def run_qonnx(sealed: Sealed) -> Runner:
    """Open a checked file; its graph is sized to each batch that comes."""
    sized: dict[int, Any] = {}
    parsed(sealed)  # or it is refused

    def run(images: NDArray[Any]) -> Logits:
        parts = []
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH].astype(np.float32)
            if len(batch) not in sized:
                model = parsed(sealed)
                for value in (*model.graph.input, *model.graph.output):
                    value.type.tensor_type.shape.dim[0].dim_value = len(batch)
                sized[len(batch)] = ModelWrapper(model).transform(InferShapes())
            name = sized[len(batch)].graph.input[0].name
            parts.append(execute_onnx(sized[len(batch)], {name: batch})["logits"])
        return np.concatenate(parts)

    return run
