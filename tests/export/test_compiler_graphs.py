"""Graphs that compilers read: quantizers straight in front of convolutions, fused by them, and close to the network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, numpy_helper

from evonas.architecture.graph import Architecture
from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.precision import FLOAT, NUMBERS
from evonas.architecture.scheme import Scheme
from evonas.export.closeness import closeness
from evonas.export.format import Logits
from evonas.export.formats import written
from evonas.export.onnx.qdq import _whole
from evonas.export.onnx.values import Rounding
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork
from evonas.spaces import InvertedResidualSpace, NetworkSpace
from tests.export.test_export import SCHEMES, a_network, pixels, small, trained
from tests.support.plain_qonnx import in_standard_operators
from tests.support.spaces import EVERY_SPACE

FORMS = {"onnx-qdq": np.uint8, "qonnx": np.float32}
FOUR_BITS = InvertedResidualSpace.of(
    (1, 8, 8),
    10,
    stem_channels=8,
    stages=((8, 1, 1), (12, 2, 2)),
    weight_precisions=("8-bit", "ternary"),
    act_precisions=("4-bit", "8-bit"),
)


def graph_of(frozen: FrozenNetwork, form: str) -> ModelProto:
    model = ModelProto()
    model.ParseFromString(written(frozen, form))
    return model


def logits_of(frozen: FrozenNetwork, form: str, n: int, *, level: str = "ORT_ENABLE_ALL", out: str = "") -> Logits:
    raw = written(frozen, form)
    raw = raw if form == "onnx-qdq" else in_standard_operators(raw).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level, options.optimized_model_filepath = 1, 3, out
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    images = pixels(frozen.architecture, n).astype(FORMS[form])
    found: Logits = session.run(None, {"pixels": images})[0]
    return found


def exact(frozen: FrozenNetwork, n: int) -> Logits:
    logits: Logits = IntegerNetwork(frozen)(torch.from_numpy(pixels(frozen.architecture, n))).numpy()
    return logits


@pytest.mark.parametrize("name", EVERY_SPACE)
def test_logits_are_those_of_the_network_but_for_codes_on_the_edge_between_two(name: str) -> None:
    frozen = a_network(EVERY_SPACE[name], norms=FLOAT, scales=FLOAT)
    expected = exact(frozen, 50)
    # QONNX's batch norms round in other places than two operations do; QDQ's biases are whole numbers besides
    for form, least in (("qonnx", 0.96), ("onnx-qdq", 0.9)):
        assert closeness(logits_of(frozen, form, 50), expected, frozen).equal >= least, form


@pytest.mark.parametrize("name", EVERY_SPACE)
def test_numbers_of_few_bits_leave_more_codes_on_an_edge(name: str) -> None:
    """Where factors and tensors are few whole numbers, so are what is rounded: often half a step."""
    frozen = a_network(EVERY_SPACE[name], norms=NUMBERS["8-bit"], scales=NUMBERS["8-bit"])
    expected = exact(frozen, 50)
    for form in FORMS:
        found = logits_of(frozen, form, 50)
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97, form


@pytest.mark.parametrize(("name", "number_format", "keys"), SCHEMES, ids=[f"{n} {p}" for n, p, _ in SCHEMES])
def test_every_quantizer_is_written_for_compilers(name: str, number_format: str, keys: dict[str, str]) -> None:
    is_weight = QUANTIZERS[name].role == "weight"
    architecture = small(Scheme(**keys), *((number_format, "2-bit") if is_weight else ("ternary", number_format)))
    frozen = freeze(trained(architecture))
    for form in FORMS:
        found = closeness(logits_of(frozen, form, 40), exact(frozen, 40), frozen)
        assert found.equal >= 0.9, form


def direct(model: ModelProto, conv: NodeProto) -> tuple[str, str]:
    """Types of the operations that make what a convolution reads: its input and its weights."""
    made = {node.output[0]: node.op_type for node in model.graph.node}
    return made.get(conv.input[0], conv.input[0]), made.get(conv.input[1], "initializer")


@pytest.mark.parametrize("name", ["digits", "residual", "inverted"])
@pytest.mark.parametrize("form", FORMS)
def test_quantizers_stand_straight_before_convolutions_of_4_d_weights(name: str, form: str) -> None:
    frozen = a_network(EVERY_SPACE[name])
    model = graph_of(frozen, form)
    quantizers = {"DequantizeLinear"} if form == "onnx-qdq" else {"Quant", "BipolarQuant"}
    convs = [node for node in model.graph.node if node.op_type == "Conv" and "/" in node.name]
    assert len(convs) == sum(len(conv.kernel.terms) for conv in frozen.convs.values())
    for conv in convs:
        codes, weights = direct(model, conv)
        assert {weights} <= quantizers
        assert codes in quantizers or (form, codes) == ("qonnx", "pixels")
    arrays = {one.name: one for one in model.graph.initializer}
    weights = {name: one for name, one in arrays.items() if name.endswith("/weight")}
    assert {len(one.dims) for one in weights.values()} == {4}
    assert all(one.raw_data for one in arrays.values())
    assert not {"Round", "Constant"} & {node.op_type for node in model.graph.node}
    layer_weights = sum(layer.weights for layer in frozen.architecture.layers)
    each = 1 if form == "onnx-qdq" else 4
    assert sum(len(one.raw_data) for one in weights.values()) == each * layer_weights


def fusible(architecture: Architecture) -> int:
    """Convolutions of which a quantizer, behind a norm at most, is all that reads them."""
    readers: dict[str, list[tuple[str, ...]]] = {}
    for op in architecture.ops:
        for name in op.inputs:
            readers.setdefault(name, []).append(op.steps if op.kind == "conv" else ())
    ends = {op.name for op in architecture.ops if op.kind == "conv" and op.steps[-1] == "conv"}
    return sum(len(readers.get(name, [])) == 1 and readers[name][0][:2] == ("norm", "quant") for name in ends)


def test_onnxruntime_fuses_integer_convolutions_and_they_change_nothing(tmp_path: Path) -> None:
    frozen = a_network(FOUR_BITS)
    out = tmp_path / "optimized.onnx"
    fused = logits_of(frozen, "onnx-qdq", 20, out=str(out))
    kinds = Counter(node.op_type for node in onnx.load(out).graph.node)
    assert kinds["QLinearConv"] == fusible(frozen.architecture) >= 5
    plain = logits_of(frozen, "onnx-qdq", 20, level="ORT_DISABLE_ALL")
    np.testing.assert_allclose(fused, plain, atol=1e-4 * np.abs(plain).max())
    assert plain.std() > 0


@given(seed=st.integers(0, 999), bits=st.integers(1, 4))
def test_a_whole_bias_leaves_the_code_of_every_sum_as_it_was(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    reader = Rounding(0, 2**bits - 1, float(rng.uniform(0.1, 1)))
    shift, unit = rng.normal(size=7), rng.uniform(1e-5, 1e-4, 7).astype(np.float32)
    bias = _whole(shift, unit, 4096, reader)
    assert (bias == np.round(bias)).all()
    sums = np.arange(-200, 200)[:, None] * 4096 * unit.astype(np.float64)
    exactly, found = (
        np.round(np.clip((sums + one) / reader.scale, reader.low, reader.high)) for one in (shift, bias * unit)
    )
    assert (exactly == found).mean() > 0.999
    assert np.abs(exactly - found).max() <= 1


@pytest.mark.parametrize("space", [EVERY_SPACE["digits"], EVERY_SPACE["modules"]])
def test_the_graph_is_plain_onnx_that_old_compilers_read(space: NetworkSpace) -> None:
    model = graph_of(a_network(space), "onnx-qdq")
    onnx.checker.check_model(model, full_check=True)
    assert {(one.domain, one.version) for one in model.opset_import} == {("", 13)}
    assert {numpy_helper.to_array(one).dtype.name for one in model.graph.initializer} <= {
        *("float32", "int8", "uint8", "int32", "int64")
    }
