"""Every format computes what the frozen network computes, to the bit, and stores what ``model_size`` counts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.precision import FLOAT, PRECISIONS, Precision, precision
from evonas.architecture.scheme import Scheme
from evonas.errors import ExportError
from evonas.export.format import Runner
from evonas.export.formats import FORMATS, opened, stored_bytes, write_file
from evonas.export.seal import VERSION, Sealed, read_sealed
from evonas.nets.execution.operations import run_op
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork, apply_rule, average_image, average_pool, sum_in_pairs
from evonas.nets.network import Network
from evonas.nets.packing.codes import pack, unpack
from evonas.spaces import SPACES, NetworkSpace
from objectives.model_size import model_size, packed_bytes
from tests.support.quantizers import make
from tests.support.spaces import EVERY_SPACE, UNEVEN, uneven

# Graphs for compilers and C have files of their own; OpenVINO is an extra, and not for every network
FAST = [name for name, form in FORMATS.items() if form.is_exact and name != "c"]
LEVELS = [p.levels for p in PRECISIONS.values() if p.levels]


def trained(architecture: Architecture, seed: int = 0) -> Network:
    """A network with random weights and thresholds, calibrated on random images."""
    generator = torch.Generator().manual_seed(seed)
    network = Network([architecture], generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    network.calibrate(torch.from_numpy(pixels(architecture, 32)).float() / 255)
    return network


def pixels(architecture: Architecture, n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (n, *architecture.input_shape), dtype=np.uint8)


def a_network(space: NetworkSpace, seed: int = 0, **kept: Precision) -> FrozenNetwork:
    architecture = space.decode(space.sample(np.random.default_rng(seed), 1)[0])
    return freeze(trained(replace(architecture, **kept)), facts={"network": "7"})


def written(frozen: FrozenNetwork, name: str, folder: Path) -> Path:
    path = folder / f"network{FORMATS[name].suffix}"
    write_file(frozen, path, format_name=name)
    return path


def run_of(path: Path) -> tuple[Sealed, Runner]:
    sealed = read_sealed(path)
    return sealed, opened(sealed)


@given(seed=st.integers(0, 99), n=st.integers(1, 40), levels=st.sampled_from(LEVELS))
def test_packing_loses_nothing_and_takes_the_bytes_that_are_counted(seed: int, n: int, levels: int) -> None:
    codes = np.random.default_rng(seed).integers(0, levels, n)
    packed = pack(codes, levels=levels)
    assert len(packed) == packed_bytes(n, levels=levels)
    assert (unpack(packed, levels=levels, n=n) == codes).all()


@pytest.mark.parametrize("name", EVERY_SPACE)
def test_stored_bytes_are_the_model_size_layer_by_layer(name: str) -> None:
    for seed in range(3):
        frozen = a_network(EVERY_SPACE[name], seed)
        counted = {layer.name: model_size([layer]) for layer in frozen.architecture.layers}
        counted = {name: size for name, size in counted.items() if size}
        assert frozen.stored_bytes == counted


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("name", EVERY_SPACE)
def test_every_format_gives_the_logits_of_the_frozen_network(name: str, form: str, tmp_path: Path) -> None:
    frozen = a_network(EVERY_SPACE[name])
    sealed, run = run_of(written(frozen, form, tmp_path))
    assert (sealed.format, sealed.facts) == (form, {"network": "7"})
    images = pixels(frozen.architecture, 8)
    expected = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    is_whole = all(op.kind != "conv" or not (op.weight.is_float or op.act.is_float) for op in frozen.architecture.ops)
    np.testing.assert_allclose(run(images), expected, atol=0 if is_whole else 1e-4)
    assert expected.std() > 0
    is_counted = bool(FORMATS[form].stored)
    assert not is_counted or stored_bytes(sealed) == frozen.stored_bytes


@pytest.mark.parametrize("name", ["four nodes", "inverted, odd sides", *UNEVEN])
def test_kernels_that_are_not_square_are_exported_exactly(name: str, tmp_path: Path) -> None:
    space = SPACES[name].of((2, 7, 2), 3, **UNEVEN[name]) if name in UNEVEN else EVERY_SPACE[name]
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    architecture = architecture if name in UNEVEN else uneven(architecture, 0)
    network = trained(replace(architecture, norms=FLOAT, scales=FLOAT))  # of which torch computes nearly the same
    frozen, images = freeze(network), pixels(architecture, 8)
    expected = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    for form in FAST:
        np.testing.assert_allclose(run_of(written(frozen, form, tmp_path))[1](images), expected, atol=1e-4)
    torch.testing.assert_close(
        network(torch.from_numpy(images).float() / 255).detach(), torch.from_numpy(expected), rtol=1e-3, atol=1e-3
    )


def test_openvino_runs_binary_layers_in_bits_to_the_same_logits(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    binary = small(Scheme(), "binary", "binary", width=8)
    frozen = freeze(trained(binary))
    path = written(frozen, "openvino", tmp_path)
    assert b"BinaryConvolution" in path.read_bytes()
    images = pixels(binary, 5)
    assert (run_of(path)[1](images) == IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()).all()
    with pytest.raises(ExportError, match="--format onnx"):
        written(freeze(trained(small(Scheme(), "ternary", "2-bit"))), "openvino", tmp_path)


def small(scheme: Scheme, weight: str, act: str, *, width: int = 6) -> Architecture:
    """Convolutions of one scheme: of pixels, grouped with a bias, and behind a pool."""
    formats = {"weight": precision(weight), "act": precision(act)}
    ops = (
        Op(
            "stem",
            "conv",
            ("input",),
            4,
            kernel=(3, 3),
            weight=precision(weight),
            act=PRECISIONS["8-bit"],
            steps=("conv",),
        ),
        Op("middle", "conv", ("stem",), width, kernel=(3, 3), stride=(2, 2), groups=2, has_bias=True, **formats),
        Op("last", "conv", ("middle",), 3, steps=("norm", "relu", "pool", "quant", "conv"), has_bias=True, **formats),
    )
    return Architecture((2, 7, 5), ops, scheme)


SCHEMES = [
    (name, p, {f"{kind}_{method.role}": name})
    for name, method in QUANTIZERS.items()
    for p in method.serves
    for kind in [{"binary": "binary", "ternary": "ternary"}.get(p, "multibit")]
]


@pytest.mark.parametrize(("name", "number_format", "keys"), SCHEMES, ids=[f"{n} {p}" for n, p, _ in SCHEMES])
def test_every_quantizer_freezes_to_what_it_trains_as(
    name: str, number_format: str, keys: dict[str, str], tmp_path: Path
) -> None:
    role = QUANTIZERS[name].role
    weight, act = (number_format, "2-bit") if role == "weight" else ("ternary", number_format)
    architecture = small(Scheme(**keys), weight, act)
    network = trained(architecture)
    frozen = freeze(network)
    counted = {layer.name: model_size([layer]) for layer in architecture.layers if layer.weights}
    assert frozen.stored_bytes == counted
    images = pixels(architecture, 16)
    with torch.no_grad():
        expected = network(torch.from_numpy(images).float() / 255).numpy()
    exact = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    # sums of floats and of whole numbers may differ by a code where an activation lies on the edge between two
    assert np.quantile(np.abs(exact - expected).max(axis=1), 0.8) < 1e-4
    for form in FAST:
        assert (run_of(written(frozen, form, tmp_path))[1](images) == exact).all()


def test_packed_onnx_is_plain_valid_onnx(tmp_path: Path) -> None:
    model = onnx.load(written(a_network(EVERY_SPACE["digits"]), "onnx", tmp_path))
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}


@pytest.mark.parametrize("form", [*FAST, "onnx-qdq", "qonnx", "c"])
def test_a_damaged_file_is_refused_with_its_reason(form: str, tmp_path: Path) -> None:
    path = written(a_network(EVERY_SPACE["no residual"]), form, tmp_path)
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in (0, len(raw) - 1, *rng.integers(0, len(raw), 60)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ (1 << rng.integers(8))]) + raw[place + 1 :])
        with pytest.raises(ExportError):
            run_of(path)
    for length in (0, 10, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(ExportError, match="truncated"):
            run_of(path)
    path.write_bytes(raw.replace(f"version:{VERSION} ".encode(), f"version:{VERSION + 1} ".encode()))
    with pytest.raises(ExportError, match=f"version {VERSION + 1}"):
        run_of(path)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("evonas.export.onnx.")]:
        monkeypatch.delitem(sys.modules, name)  # to be loaded anew
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match=r"evonas\[export\]"):
        written(a_network(EVERY_SPACE["no residual"]), "onnx", tmp_path)


def test_a_quantizer_that_does_not_say_how_it_works_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained(small(Scheme(), "ternary", "2-bit"))
    monkeypatch.setattr("evonas.nets.quant.lsq.LsqActivation.activation_rule", lambda self: None)
    with pytest.raises(ExportError, match="activation_rule"):
        freeze(network)


@given(n=st.integers(1, 70))
def test_sums_in_pairs_are_sums(n: int) -> None:
    whole = torch.randint(-99, 99, (3, n)).double()
    assert (sum_in_pairs(whole) == whole.sum(dim=1)).all()


def test_exact_averages_are_torchs_but_for_rounding() -> None:
    x = torch.randn(2, 3, 9, 7)
    torch.testing.assert_close(average_image(x), x.mean(dim=(2, 3), keepdim=True))
    for kernel, stride in (((3, 3), (1, 1)), ((3, 3), (2, 2)), ((2, 2), (2, 2)), ((1, 3), (1, 2)), ((5, 1), (3, 1))):
        op = Op("pool", "avg_pool", ("x",), 3, kernel=kernel, stride=stride)
        torch.testing.assert_close(average_pool(x, kernel, stride), run_op(op, [x], 1))


@pytest.mark.parametrize("name", [name for name, method in QUANTIZERS.items() if method.role == "act"])
def test_an_activation_rule_does_what_its_quantizer_does(name: str) -> None:
    method = QUANTIZERS[name]
    x = 2 * torch.randn((2, 1, 20, 50), generator=torch.Generator().manual_seed(0))
    for p in method.serves:
        quantizer = make(name, p)
        rule = quantizer.activation_rule()
        assert rule is not None
        assert len(rule.stored) == method.stored
        codes, scale = apply_rule(rule, x)
        assert (codes == quantizer.codes(x)).all()
        torch.testing.assert_close(scale.expand_as(codes), quantizer.scale(x).expand_as(codes))
        assert (codes.min(), codes.max()) == (rule.low, rule.high)
