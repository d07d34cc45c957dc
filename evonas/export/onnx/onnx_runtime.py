"""Runs ONNX files in ONNX Runtime."""

from __future__ import annotations

import onnxruntime

from evonas.export.format import Runner
from evonas.export.onnx.files import parsed
from evonas.export.seal import Sealed


def run_onnx(sealed: Sealed) -> Runner:
    """Open a checked file on one core."""
    parsed(sealed)  # or it is refused
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its threads spin, which slows other processes down
    options.log_severity_level = 3
    # without VNNI its integer kernels would cut sums of two products at 2^15
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(sealed.raw, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]
