"""hls4ml takes a QONNX file, and the C++ that it writes computes the network. Skipped where hls4ml is not installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.util.cleanup import cleanup_model

from evonas.export.formats import written
from evonas.nets.integer_network import IntegerNetwork
from evonas.spaces import ResidualSpace
from tests.export.test_export import a_network, pixels

hls4ml = pytest.importorskip("hls4ml", reason="the extra hls4ml is not installed")
PRECISION = "fixed<48,20>"  # of what is no code: batch norms hold scales of 1e-4 and less
SPACE = ResidualSpace.of(
    (1, 4, 4),
    3,
    depth=8,
    channels=2,
    weight_precisions=("binary", "ternary", "4-bit"),
    act_precisions=("ternary", "2-bit", "4-bit"),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_its_simulation_computes_the_network(tmp_path: Path) -> None:
    frozen = a_network(SPACE)
    model = cleanup_model(ModelWrapper(written(frozen, "qonnx")))
    model = cleanup_model(model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))
    settings = {"granularity": "name", "backend": "Vitis", "default_precision": PRECISION}
    config = hls4ml.utils.config.config_from_onnx_model(model, **settings)
    converted = hls4ml.converters.convert_from_onnx_model(
        model, output_dir=str(tmp_path / "hls"), io_type="io_parallel", backend="Vitis", hls_config=config
    )
    converted.compile()
    images = pixels(frozen.architecture, 20)
    found = converted.predict(np.ascontiguousarray(images.transpose(0, 2, 3, 1), dtype=np.float32))
    expected = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-4)
    assert expected.std() > 0
