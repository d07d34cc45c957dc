"""The formats of exported networks, written and opened by name. ``FORMATS`` is the table."""

from __future__ import annotations

from pathlib import Path

from evonas.errors import ExportError, nearest
from evonas.export.format import Format, Runner
from evonas.export.seal import Sealed, seal
from evonas.files import write_atomically
from evonas.nets.frozen import FrozenNetwork

FORMATS: dict[str, Format] = {
    "onnx": Format(
        ".onnx",
        "ONNX of standard operators with packed weights: 1, 1.6 or k bits each",
        write="evonas.export.onnx.files:packed_file",
        run="evonas.export.onnx.onnx_runtime:run_onnx",
        stored="evonas.export.onnx.files:stored_bytes",
        extra="export",
    ),
    "onnx-qdq": Format(
        ".qdq.onnx",
        "ONNX for compilers of 8 bits: int8 weights, QuantizeLinear; codes within one of the exact ones",
        write="evonas.export.onnx.files:qdq_file",
        run="evonas.export.onnx.onnx_runtime:run_onnx",
        extra="export",
        is_exact=False,
        weights="one byte each, however few bits they need: integer convolutions read no fewer",
    ),
    "qonnx": Format(
        ".qonnx",
        "QONNX for hls4ml, FINN and similar tools; weights in float32, so not a small file",
        write="evonas.export.onnx.files:qonnx_file",
        run="evonas.export.onnx.qonnx_runtime:run_qonnx",
        extra="export",
        is_exact=False,
        weights="four bytes each: quantizers are operations on floats",
    ),
    "torch": Format(
        ".safetensors",
        "packed weights and the architecture, for torch",
        write="evonas.export.torch_file:torch_file",
        run="evonas.export.torch_file:run_torch_file",
        stored="evonas.export.torch_file:stored_bytes",
    ),
    "c": Format(
        ".c",
        "C99 for a microcontroller, one file or a library: no dependency, no allocation",
        write="evonas.export.c.source:c_file",
        run="evonas.export.c.run:run_c",
    ),
    "openvino": Format(
        ".openvino.zip",
        "OpenVINO, whose binary layers run in bits on x86; networks that have some",
        write="evonas.export.onnx.openvino_file:openvino_file",
        run="evonas.export.onnx.openvino_file:run_openvino",
        extra="openvino",
        is_exact=False,
    ),
}


def known_format(name: str) -> Format:
    """Look a format up.

    Raises:
        ExportError: There is none of that name.
    """
    if name not in FORMATS:
        forms = "; ".join(f"{known} ({form.summary})" for known, form in FORMATS.items())
        raise ExportError(f"a known format: {forms}", found=repr(name), remedy=nearest(name, FORMATS))
    return FORMATS[name]


def opened(sealed: Sealed) -> Runner:
    """Open a checked file in its runtime.

    Raises:
        ExportError: Its runtime is not there, or cannot run it.
    """
    form = known_format(sealed.format)
    runner: Runner = form.call(form.run, sealed)
    return runner


def stored_bytes(sealed: Sealed) -> dict[str, int]:
    """Bytes that a checked file holds for each convolution; nothing where its format mixes them with others."""
    form = known_format(sealed.format)
    return dict(form.call(form.stored, sealed)) if form.stored else {}


def written(frozen: FrozenNetwork, format_name: str) -> bytes:
    """The bytes of a network's file; errors as in :func:`write_file`."""
    form = known_format(format_name)
    return seal(form.call(form.write, frozen))


def write_file(frozen: FrozenNetwork, path: Path, *, format_name: str) -> None:
    """Write a network so that the file is either complete or not there.

    Raises:
        ExportError: The format is unknown, an extra is missing, or the file cannot be written.
    """
    raw = written(frozen, format_name)
    try:
        write_atomically(path, raw)
    except OSError as error:
        raise ExportError("a place to write the file to", found=str(error), remedy="change --out") from error
