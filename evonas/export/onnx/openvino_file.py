"""A frozen network for OpenVINO, which computes binary layers in bits on x86 processors.

The packed ONNX graph with a ``BinaryConvolution`` in the place of each convolution that can be one: binary weights and
binary activations, one group, input channels in eights (with others its kernels give wrong results). Their weights take
one bit, those of other layers a float32. One zip file holds the two that OpenVINO reads, ``network.xml`` and
``network.bin``; they take one image per call, because binary convolutions need all sides known.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import openvino
from openvino import op, opset1

from evonas.errors import ExportError
from evonas.export.format import Runner
from evonas.export.onnx.graph import onnx_model
from evonas.export.onnx.packed import Packed
from evonas.export.seal import Sealed, unsealed
from evonas.nets.frozen import FrozenConv, FrozenNetwork

MEMBERS = ("network.xml", "network.bin")
A_DATE = (1980, 1, 1, 0, 0, 0)  # the same network makes the same file


class OneImage(Packed):
    """One image per call: binary convolutions need all sides known."""

    batch = 1


def is_xnor(conv: FrozenConv) -> bool:
    """Whether OpenVINO can run a layer in bits."""
    is_binary = conv.kernel.levels == 2 and conv.act is not None and conv.act.rule == "sign"
    return is_binary and conv.op.groups == 1 and conv.source.channels % 8 == 0


def openvino_file(frozen: FrozenNetwork) -> bytes:
    """Write a network down, without its digest yet.

    Raises:
        ExportError: No layer of it can run in bits, so that its ONNX file serves OpenVINO as well.
    """
    convs = {f"{name}/0": conv for name, conv in frozen.convs.items() if is_xnor(conv)}
    if not convs:
        raise ExportError(
            "a layer with binary weights and activations, one group and input channels in eights",
            found="none",
            remedy="take --format onnx, which OpenVINO reads too",
        )
    model = openvino.Core().read_model(onnx_model(frozen, OneImage()).SerializeToString())
    kept_alive = []  # constants of one bit point into these arrays
    for node in model.get_ordered_ops():
        if node.get_friendly_name() not in convs:
            continue
        conv = convs[node.get_friendly_name()]
        values = conv.kernel.values[0]
        bits = np.packbits(values.ravel() > 0, bitorder="little")
        kept_alive.append(bits)
        weight = op.Constant(openvino.Tensor(bits, list(values.shape), openvino.Type.u1), shared_memory=True)
        one_bit = opset1.fake_quantize(node.input_value(0), 0.0, 0.0, 0.0, 1.0, 2)
        form = node.get_attributes()
        sides = (form["strides"], form["pads_begin"], form["pads_end"], form["dilations"])
        binary = opset1.binary_convolution(one_bit, weight, *sides, "xnor-popcount", 0.0)
        node.output(0).replace(binary.output(0))
    with tempfile.TemporaryDirectory() as folder:
        openvino.serialize(model, Path(folder) / MEMBERS[0])
        parts = [(Path(folder) / name).read_bytes() for name in MEMBERS]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in zip(MEMBERS, parts, strict=True):
            archive.writestr(zipfile.ZipInfo(name, A_DATE), part)
        archive.comment = unsealed("openvino", frozen.facts).encode()
    return packed.getvalue()


def run_openvino(sealed: Sealed) -> Runner:
    """Compile what :func:`openvino_file` wrote, in full precision."""
    with zipfile.ZipFile(io.BytesIO(sealed.raw)) as archive:
        xml, weights = (archive.read(name) for name in MEMBERS)
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    network = core.compile_model(core.read_model(xml, weights), "CPU", settings)
    return lambda images: np.concatenate([network(images[i : i + 1])[0] for i in range(len(images))])
