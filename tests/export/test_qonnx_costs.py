"""MACs, BitOPs and weight bits against QONNX's own accounting, of the same networks built as QONNX models."""

from __future__ import annotations

import numpy as np
import pytest
from qonnx.analysis import inference_cost as qonnx_analysis
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.inference_cost import compute_bops_and_macs, compute_mem_bits_and_elems, inference_cost

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import PRECISIONS
from evonas.spaces import CellSpace, NetworkSpace
from evonas.spaces.cells.settings import EDGE_OPS
from objectives import OBJECTIVES
from tests.support.qonnx_graph import qonnx_model
from tests.support.spaces import EVERY_SPACE, STAGED_SPACES

EVERYTHING = CellSpace.of(
    (3, 9, 7),
    10,
    cells=("normal", "reduction", "normal"),
    channels=4,
    ops=tuple(name for name, op in EDGE_OPS.items() if op is None or op.kernel[0] == op.kernel[1]),
    modules=("norm-quant-conv", "norm-quant-conv-relu", "quant-conv-norm-shortcut-prelu"),
    weight_precisions=tuple(PRECISIONS),
    act_precisions=tuple(PRECISIONS),
    stem_precisions=tuple(PRECISIONS),
    classifier_precisions=tuple(PRECISIONS),
    residual_downsamplings=("free", *PRECISIONS),
)
SPACES: dict[str, NetworkSpace] = {**EVERY_SPACE, "everything": EVERYTHING}
FORMS = ((1, False), (2, False), (1, True))  # dilation, whether grouped
FREE_OPS = {"GlobalAveragePool", "BipolarQuant", "Gather", "PRelu"}  # that QONNX does not know, and so does not charge


def evonas_costs(architecture: Architecture) -> dict[str, float]:
    layers = architecture.layers
    assert all(layer.float_ops == 0 for layer in layers)  # QONNX would not know of scales computed from each image
    macs, bitops = OBJECTIVES["macs"].measure, OBJECTIVES["bitops"].measure
    assert macs is not None
    assert bitops is not None
    return {
        "macs": macs(layers),
        "bitops": bitops(layers),
        "weights": sum(layer.weights for layer in layers),
        "weight_bits": sum(layer.weights * layer.weight_bits for layer in layers),
    }


def qonnx_costs(model: ModelWrapper) -> dict[str, float]:
    """What ``qonnx.util.inference_cost`` sums up, without its slow renaming of all tensors first."""
    cost = model.analysis(lambda model: qonnx_analysis.inference_cost(model, discount_sparsity=False))["total_cost"]
    assert cost["unsupported"] <= FREE_OPS
    bitops, macs = compute_bops_and_macs(cost)
    weight_bits, weights = compute_mem_bits_and_elems(cost, "mem_w")
    return {"macs": macs, "bitops": bitops, "weights": weights, "weight_bits": weight_bits}


@pytest.mark.parametrize("name", SPACES)
def test_costs_are_those_that_qonnx_counts(name: str) -> None:
    space = SPACES[name]
    for genome in space.sample(
        np.random.default_rng(0), {**dict.fromkeys(STAGED_SPACES, 12), "everything": 10}.get(name, 5)
    ):
        architecture = space.decode(genome)
        model = qonnx_model(architecture)
        for tensor, shape in architecture.shapes.items():
            assert model.get_tensor_shape(tensor) == [1, shape.channels, shape.height, shape.width], tensor
        assert evonas_costs(architecture) == qonnx_costs(model)


@pytest.mark.parametrize("name", SPACES)
def test_costs_stay_when_qonnx_infers_the_types_itself(name: str) -> None:
    """Its public function, with its own preprocessing: types follow from the quantizers, constants are folded."""
    space = SPACES[name]
    architecture = space.decode(space.sample(np.random.default_rng(1), 1)[0])
    cost = inference_cost(qonnx_model(architecture), discount_sparsity=False)["total_cost"]
    totals = [cost[f"total_{what}"] for what in ("macs", "bops", "mem_w_elems", "mem_w_bits")]
    assert list(evonas_costs(architecture).values()) == totals


def test_every_operation_and_precision_was_counted() -> None:
    """Otherwise the tests above would prove less than they say."""
    ops = [op for genome in EVERYTHING.sample(np.random.default_rng(0), 20) for op in EVERYTHING.decode(genome).ops]
    convs = [op for op in ops if op.kind == "conv"]
    assert {op.kind for op in ops} == {"conv", "skip", "max_pool", "avg_pool", "add", "concat", "align", "zeros"}
    assert {op.weight.name for op in convs} == {op.act.name for op in convs} == set(PRECISIONS)
    forms = {(op.kernel, op.stride, op.dilation, op.groups > 1) for op in convs}
    assert {((2, 2), (2, 2), 1, False)} | {
        ((k, k), (s, s), d, g) for k in (3, 5) for s in (1, 2) for d, g in FORMS
    } <= forms
