"""What every quantizer promises, and the table of methods."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.methods import QUANTIZERS, Method
from evonas.architecture.precision import TERNARY
from evonas.architecture.scheme import Scheme
from evonas.errors import RunFileError
from evonas.nets.quant.quantizer import build_quantizer
from evonas.nets.quant.weights.twn import Twn
from evonas.plugins import load_object
from tests.support.quantizers import EVERY, gradients, latent, make

every_quantizer = pytest.mark.parametrize(("name", "precision"), EVERY)
weights = pytest.mark.parametrize(
    ("name", "precision"), [(name, precision) for name, precision in EVERY if QUANTIZERS[name].role == "weight"]
)


@every_quantizer
@given(seed=st.integers(0, 99), log_size=st.floats(-6, 6))
@settings(max_examples=10, deadline=None)
def test_effective_is_scale_times_codes_exactly(name: str, precision: str, seed: int, log_size: float) -> None:
    quantizer, x = make(name, precision), latent(seed, size=10**log_size)
    expected = quantizer.scale(x) * quantizer.codes(x)
    if QUANTIZERS[name].planes > 1:
        expected = expected.sum(dim=0)
    assert torch.equal(quantizer(x), expected)
    with torch.no_grad():
        assert torch.equal(quantizer(x), expected)


@every_quantizer
def test_codes_are_whole_and_of_the_declared_levels(name: str, precision: str) -> None:
    quantizer = make(name, precision)
    heavy_tailed = 50 * torch.linspace(-1, 1, 60_000) ** 7  # reaches the outermost levels of most
    gaussian = torch.randn(900_000, generator=torch.Generator().manual_seed(0))  # SAWB's clip is fitted to such
    codes = [quantizer.codes(x.view(1, -1, 1, 1)).flatten() for x in (heavy_tailed, gaussian)]
    found = torch.cat(codes).unique()
    assert torch.equal(found, found.round())
    assert len(found) == quantizer.precision.levels


@every_quantizer
@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(4, 2, 1, 1),
        torch.full((4, 2, 1, 1), 0.3),
        torch.full((4, 2, 1, 1), -0.3),
        torch.ones(1, 1, 1, 1),
        latent(size=1e30),
        latent(size=1e-30),
    ],
    ids=["zero", "constant", "negative constant", "single", "huge", "tiny"],
)
def test_extreme_input_gives_finite_output_and_gradients(name: str, precision: str, x: Tensor) -> None:
    quantizer = make(name, precision)
    assert torch.isfinite(quantizer(x)).all()
    assert (quantizer.scale(x) > 0).all()
    grad_x, grad_parameters = gradients(quantizer, x, torch.ones_like(x))
    assert torch.isfinite(grad_x).all()
    assert len(grad_parameters) == len(list(quantizer.parameters()))
    assert all(torch.isfinite(grad).all() for grad in grad_parameters)


@every_quantizer
def test_twice_gives_the_same(name: str, precision: str) -> None:
    first, second = make(name, precision), make(name, precision)
    assert torch.equal(first(latent()), second(latent()))
    grads = [gradients(quantizer, latent(), latent(1)) for quantizer in (first, second)]
    assert torch.equal(grads[0][0], grads[1][0])


@every_quantizer
def test_a_method_learns_as_many_numbers_as_it_says(name: str, precision: str) -> None:
    learned = sum(parameter.numel() for parameter in make(name, precision).parameters())
    assert learned == QUANTIZERS[name].learned


@weights
def test_stored_scales_are_those_that_the_cost_model_counts(name: str, precision: str) -> None:
    method, quantizer = QUANTIZERS[name], make(name, precision)
    distinct = torch.unique(quantizer.scale(latent())).numel()
    assert distinct <= method.stored * (6 if method.is_stored_per_filter else 1)
    assert quantizer.codes(latent()).numel() == method.planes * latent().numel()


@weights
def test_the_share_of_zeros_is_counted(name: str, precision: str) -> None:
    quantizer = make(name, precision)
    share = quantizer.zero_share(latent())
    assert share == pytest.approx(float((quantizer.codes(latent()) == 0).double().mean()))
    if precision == "ternary" and QUANTIZERS[name].planes == 1:
        assert 0.005 < share < 0.7


@weights
def test_scaling_a_kernel_scales_the_result(name: str, precision: str) -> None:
    """Learned numbers are ratios, so every width of a shared kernel is served alike."""
    quantizer, x = make(name, precision), latent()
    torch.testing.assert_close(quantizer(4 * x), 4 * quantizer(x))


# The table


def test_methods_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RunFileError, match="choose among lsq_weight"):
        Scheme(multibit_weight="sawb").check(weights=["5-bit"], acts=[])
    with pytest.raises(RunFileError, match="which quantizes weights"):
        Scheme(binary_act="xnor").check(weights=[], acts=["binary"])
    with pytest.raises(RunFileError, match="did you mean 'tga'"):
        Scheme(ternary_weight="tgaa").check(weights=["ternary"], acts=[])


def test_the_documentation_is_the_code_s() -> None:
    docs = Path(__file__).parents[2] / "docs"
    made, reference = runpy.run_path(str(docs / "make_quantizers.py"))["page"](), docs / "reference"
    assert (reference / "quantizers.md").read_text(encoding="utf-8") == made, "run: python docs/make_quantizers.py"
    for name in QUANTIZERS:
        assert (reference / "quantizers" / f"{name}.png").is_file()


def test_a_user_s_own_quantizer_is_loaded_by_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from evonas.architecture.methods import Method\nfrom evonas.nets.quant.weights.twn import Twn\n"
        "MINE = Method(Twn, 'weight', ('ternary',))\nOTHER = 3\n"
    )
    scheme = Scheme(ternary_weight=f"{tmp_path / 'mine.py'}:MINE")
    scheme.check(weights=["ternary"], acts=[])
    method = scheme.weight(TERNARY)
    assert method is not None
    assert isinstance(build_quantizer(method, TERNARY), Twn)
    for name, message in (("NOTHING", "nothing"), ("OTHER", "int")):
        with pytest.raises(RunFileError, match=message):
            load_object(f"{tmp_path / 'mine.py'}:{name}", Method)
    (tmp_path / "broken.py").write_text("def (")
    with pytest.raises(RunFileError, match="SyntaxError while running it"):
        load_object(f"{tmp_path / 'broken.py'}:MINE", Method)
    with pytest.raises(RunFileError, match="no such file"):
        load_object(f"{tmp_path / 'absent.py'}:MINE", Method)


@pytest.mark.parametrize("says", [0, 2])
def test_a_method_that_says_another_count_of_learned_numbers_is_refused(says: int) -> None:
    """The count of parameters goes by what it says, without building the quantizer."""
    with pytest.raises(RunFileError, match=rf"learned = {says}, and 1 numbers(.|\n)*learned=1"):
        build_quantizer(Method("evonas.nets.quant.weights.tga:Tga", "weight", ("ternary",), learned=says), TERNARY)


def test_a_method_that_makes_no_quantizer_is_refused() -> None:
    with pytest.raises(RunFileError, match="a Method that makes a Quantizer"):
        build_quantizer(Method(str, "weight", ("ternary",)), TERNARY)
