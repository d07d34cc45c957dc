"""What QONNX's own tools make of an exported file still computes the network: executor, clean-up, channels last."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.util.cleanup import cleanup_model
from qonnx.util.inference_cost import inference_cost

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.precision import PRECISIONS
from evonas.architecture.scheme import Scheme
from evonas.export.formats import opened, written
from evonas.export.seal import Sealed
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork
from objectives import OBJECTIVES
from tests.export.test_export import pixels, trained


def branched(weight: str = "ternary", act: str = "2-bit") -> Architecture:
    """A sum that is the first of two readers, an uneven pool, channels that are padded, and a mean over the image."""
    form = {"weight": PRECISIONS[weight], "act": PRECISIONS[act]}
    stem = {"weight": PRECISIONS["8-bit"], "act": PRECISIONS["8-bit"], "steps": ("conv",), "kernel": (3, 3)}
    ops = (
        Op("left", "conv", ("input",), 3, **stem),
        Op("right", "conv", ("input",), 3, **stem),
        Op("sum", "add", ("left", "right"), 3),
        Op("inner", "conv", ("left",), 3, kernel=(3, 3), **form),
        Op("both", "add", ("sum", "inner"), 3),
        Op("pool", "max_pool", ("both",), 3, kernel=(2, 2), stride=(2, 2)),
        Op("wide", "align", ("pool",), 4),
        Op("classifier", "conv", ("wide",), 3, steps=("norm", "relu", "pool", "quant", "conv"), has_bias=True, **form),
    )
    return Architecture((1, 5, 4), ops, Scheme())


def model_of(frozen: FrozenNetwork) -> ModelWrapper:
    return ModelWrapper(written(frozen, "qonnx"))


@pytest.mark.filterwarnings("ignore:Could not absorb transpose")  # of one pixel, which flattens alike
@pytest.mark.parametrize(("weight", "act"), [("ternary", "2-bit"), ("binary", "binary")])
def test_executor_clean_up_and_channels_last_compute_the_network(weight: str, act: str) -> None:
    frozen = freeze(trained(branched(weight, act)))
    images = pixels(frozen.architecture, 1)
    expected = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    near = {"atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(opened(Sealed("qonnx", written(frozen, "qonnx"), {}))(images), expected, **near)
    clean = cleanup_model(model_of(frozen))
    last = clean.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    for model, x in ((clean, images), (last, images.transpose(0, 2, 3, 1))):
        found = execute_onnx(model, {model.graph.input[0].name: x.astype(np.float32)})
        np.testing.assert_allclose(found[model.graph.output[0].name], expected, **near)


def test_its_accounting_knows_the_types_of_all_that_a_convolution_reads() -> None:
    """Weights of the network are counted as it stores them; sums of windows and picks of channels come on top."""
    frozen = freeze(trained(branched()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cost = inference_cost(model_of(frozen), discount_sparsity=False)["total_cost"]
    bitops = OBJECTIVES["bitops"].measure
    assert bitops is not None
    float_macs = 3 * 4 * 3 * 2 + 4 * 3 * 2  # channels that are picked, and the mean over the image
    assert cost["total_bops"] == bitops(frozen.architecture.layers) + 32 * float_macs
