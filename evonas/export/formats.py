"""The formats of exported networks: how each is written, and how it is run again. ``FORMATS`` is the table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evonas.errors import ExportError, nearest
from evonas.export.seal import Sealed, seal, unsealed
from evonas.nets.frozen import FrozenNetwork

if TYPE_CHECKING:
    from onnx import ModelProto

    from evonas.export.onnx.graph import Dialect

Logits = NDArray[np.float32]
Runner = Callable[[NDArray[np.uint8]], Logits]
"""Pixels ``(n, channels, height, width)`` to logits ``(n, classes)``."""
QONNX_BATCH = 100  # images at once: its executor takes its time for every node, not for every image


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        suffix: Of its files.
        summary: What it is for.
        write: A network to the bytes of a file.
        run: A checked file to a function that runs it, in the runtime that its users have.
        stored: Bytes that a checked file holds for each convolution; None where they cannot be told apart.
        extra: What to install for it: ``pip install evonas[EXTRA]``; empty if nothing.
    """

    suffix: str
    summary: str
    write: Callable[[FrozenNetwork], bytes]
    run: Callable[[Sealed], Runner]
    stored: Callable[[Sealed], dict[str, int]] | None = None
    extra: str = ""


def opened(sealed: Sealed) -> Runner:
    """Open a checked file in its runtime.

    Raises:
        ExportError: Its runtime is not there, or cannot run it.
    """
    form = known_format(sealed.format)
    runner: Runner = _guarded(form.run, sealed, extra=form.extra)
    return runner


def written(frozen: FrozenNetwork, format_name: str) -> bytes:
    """The bytes of a network's file; errors as in :func:`write_file`."""
    form = known_format(format_name)
    return seal(_guarded(form.write, frozen, extra=form.extra))


def write_file(frozen: FrozenNetwork, path: Path, *, format_name: str) -> None:
    """Write a network so that the file is either complete or not there.

    Raises:
        ExportError: The format is unknown, an extra is missing, or the file cannot be written.
    """
    raw = written(frozen, format_name)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(raw)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise ExportError("a place to write the file to", found=str(error), remedy="change --out") from error


def known_format(name: str) -> Format:
    """Look a format up.

    Raises:
        ExportError: There is none of that name.
    """
    if name not in FORMATS:
        forms = "; ".join(f"{known} ({form.summary})" for known, form in FORMATS.items())
        raise ExportError(f"a known format: {forms}", found=repr(name), remedy=nearest(name, FORMATS))
    return FORMATS[name]


def _guarded(function: Callable[[Any], Any], argument: Any, *, extra: str) -> Any:
    """Call a function that may need an extra."""
    try:
        return function(argument)
    except ModuleNotFoundError as error:
        raise ExportError(
            f"the package {error.name}",
            found="it is not installed",
            remedy=f"install it: pip install 'evonas[{extra}]'",
        ) from error


def _write_torch(frozen: FrozenNetwork) -> bytes:
    from evonas.export.torch_file import torch_file

    return torch_file(frozen)


def _run_torch(sealed: Sealed) -> Runner:
    import torch

    from evonas.export.torch_file import read_torch_file
    from evonas.nets.integer_network import IntegerNetwork

    network = IntegerNetwork(read_torch_file(sealed.raw))
    return lambda pixels: network(torch.from_numpy(pixels)).numpy()


def _torch_bytes(sealed: Sealed) -> dict[str, int]:
    from safetensors.numpy import load

    return _added_up((name, array.nbytes) for name, array in load(sealed.raw).items())


def _onnx_writer(name: str, dialect: Callable[[], Dialect]) -> Callable[[FrozenNetwork], bytes]:
    def write(frozen: FrozenNetwork) -> bytes:
        from onnx import helper

        from evonas.export.onnx.graph import onnx_model

        model = onnx_model(frozen, dialect())
        facts = {f"evonas.{key}": value for key, value in frozen.facts.items()}
        helper.set_model_props(model, {"evonas": unsealed(name, frozen.facts), **facts})
        raw: bytes = model.SerializeToString(deterministic=True)
        return raw

    return write


def _packed() -> Dialect:
    from evonas.export.onnx.dialects import Packed

    return Packed()


def _qdq() -> Dialect:
    from evonas.export.onnx.dialects import Qdq

    return Qdq()


def _qonnx() -> Dialect:
    from evonas.export.onnx.dialects import Qonnx

    return Qonnx()


def _run_onnx(sealed: Sealed) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its threads spin, to the harm of whatever runs beside them
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(sealed.raw, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})[0]


def _run_qonnx(sealed: Sealed) -> Runner:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    sized: dict[int, Any] = {}

    def run(pixels: NDArray[np.uint8]) -> Logits:
        parts = []
        for start in range(0, len(pixels), QONNX_BATCH):
            batch = pixels[start : start + QONNX_BATCH].astype(np.float32)
            if len(batch) not in sized:
                model = _onnx(sealed)
                for value in (*model.graph.input, *model.graph.output):
                    value.type.tensor_type.shape.dim[0].dim_value = len(batch)
                sized[len(batch)] = ModelWrapper(model).transform(InferShapes())
            parts.append(execute_onnx(sized[len(batch)], {"pixels": batch})["logits"])
        return np.concatenate(parts)

    return run


def _onnx(sealed: Sealed) -> ModelProto:
    from onnx import ModelProto

    model = ModelProto()
    model.ParseFromString(sealed.raw)
    return model


def _onnx_bytes(sealed: Sealed) -> dict[str, int]:
    return _added_up((tensor.name, len(tensor.raw_data)) for tensor in _onnx(sealed).graph.initializer)


def _write_openvino(frozen: FrozenNetwork) -> bytes:
    from evonas.export.onnx.openvino_file import openvino_file

    return openvino_file(frozen)


def _run_openvino(sealed: Sealed) -> Runner:
    from evonas.export.onnx.openvino_file import compiled

    network = compiled(sealed.raw)
    return lambda pixels: np.concatenate([network(pixels[i : i + 1])[0] for i in range(len(pixels))])


def _write_c(frozen: FrozenNetwork) -> bytes:
    from evonas.export.c.source import c_source

    return c_source(frozen).encode("ascii", errors="replace")


def _run_c(sealed: Sealed) -> Runner:
    from evonas.export.c.run import CProgram

    with tempfile.TemporaryDirectory() as folder:  # what was checked is what is compiled
        path = Path(folder) / "network.c"
        path.write_bytes(sealed.raw)
        return CProgram(path)


def _added_up(sizes: Any) -> dict[str, int]:
    """Bytes by layer of tensors that are named ``layer/part``."""
    total: dict[str, int] = {}
    for name, size in sizes:
        layer = name.rpartition("/")[0]
        total[layer] = total.get(layer, 0) + size
    return total


FORMATS: dict[str, Format] = {
    "onnx": Format(
        ".onnx",
        "ONNX of standard operators with packed weights: 1, 1.6 or k bits each",
        _onnx_writer("onnx", _packed),
        _run_onnx,
        _onnx_bytes,
        "export",
    ),
    "onnx-qdq": Format(
        ".qdq.onnx",
        "ONNX with INT2, INT4 and INT8 weights and QuantizeLinear",
        _onnx_writer("onnx-qdq", _qdq),
        _run_onnx,
        extra="export",
    ),
    "qonnx": Format(
        ".qonnx",
        "QONNX for FINN and its kin; weights in float32, so not a small file",
        _onnx_writer("qonnx", _qonnx),
        _run_qonnx,
        extra="export",
    ),
    "torch": Format(
        ".safetensors", "packed weights and the architecture, for torch", _write_torch, _run_torch, _torch_bytes
    ),
    "c": Format(".c", "one C99 file for a microcontroller: no dependency, no allocation", _write_c, _run_c),
    "openvino": Format(
        ".openvino.zip",
        "OpenVINO, whose binary layers run in bits on x86; networks that have some",
        _write_openvino,
        _run_openvino,
        extra="openvino",
    ),
}
