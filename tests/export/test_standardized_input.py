"""Networks of numbers that are no pixels: every format standardises them alike, ties and peaks included."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evonas.architecture.input_codes import InputCodes
from evonas.architecture.scheme import Scheme
from evonas.export.c.source import c_source
from evonas.export.closeness import closeness
from evonas.export.formats import FORMATS, opened, stored_bytes, write_file
from evonas.export.seal import read_sealed
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork
from evonas.nets.network import Network
from evonas.spaces.staged.residual import ResidualSpace
from objectives.model_size import model_size

SHAPE = (2, 5, 4)
KEPT = {
    "all": (1, 1, 1),
    "channel": (2, 1, 1),
    "row": (2, 5, 1),
    "column": (2, 1, 4),
    "feature": SHAPE,
    "less its mean": (2, 1, 1),
    "less its maximum": (2, 1, 1),
}
FORMS = [name for name in FORMATS if name != "openvino"]


def codes_of(per: str) -> InputCodes:
    rng = np.random.default_rng(0)
    centre, density = rng.normal(size=KEPT[per]), rng.gamma(1, 30, size=KEPT[per])
    found = InputCodes(-127, 127, 32, centre.astype(np.float32), density.astype(np.float32))
    levels = {"less its mean": ("mean", None), "less its maximum": ("maximum", -2.5)}
    level, floor = levels.get(per, ("nothing", None))
    return replace(found, level=level, floor=floor)


def numbers(codes: InputCodes, n: int = 20) -> NDArray[np.float32]:
    """Numbers half of which lie between two codes, or as close to that as floats allow; some far outside."""
    rng = np.random.default_rng(1)
    assert codes.standards is not None
    centre, density = codes.standards
    steps = rng.integers(-140, 140, (n, *SHAPE)) + np.where(rng.random((n, *SHAPE)) < 0.5, 0.5, rng.random((n, *SHAPE)))
    found = (steps / density + centre).astype(np.float32)
    found[0, :, 0, 0] = [3e38, -3e38]
    return found


def frozen_of(per: str, first: str = "conv") -> FrozenNetwork:
    codes, generator = codes_of(per), torch.Generator().manual_seed(0)
    space = ResidualSpace.of(SHAPE, 3, depth=8, channels=4, scheme=Scheme(input_values=codes.n_stored))
    network = Network([space.decode(space.sample(np.random.default_rng(0), 1)[0])], generator=generator)
    network.calibrate(torch.from_numpy(codes.encode(numbers(codes))).float() / codes.per_one)
    return freeze(network, codes=codes, facts={"network": first})


@pytest.mark.parametrize(
    ("per", "form"),
    [
        (per, form)
        for per in KEPT
        for form in FORMS
        if per in ("column", "less its mean", "less its maximum") or form in ("torch", "onnx")
    ],
)
def test_every_format_takes_the_numbers_themselves(per: str, form: str, tmp_path: Path) -> None:
    frozen = frozen_of(per)
    given_numbers = numbers(frozen.codes)
    exact = IntegerNetwork(frozen)
    expected = exact(torch.from_numpy(given_numbers)).numpy()
    path = tmp_path / f"network{FORMATS[form].suffix}"
    write_file(frozen, path, format_name=form)
    sealed = read_sealed(path)
    found = closeness(opened(sealed)(given_numbers), expected, frozen)
    assert found.difference == 0 if FORMATS[form].is_exact else found.equal >= 0.9
    codes = frozen.codes.encode(given_numbers)
    np.testing.assert_array_equal(exact.of_codes(torch.from_numpy(codes)).numpy(), expected)
    assert expected.std(axis=0).min() > 0
    stored = stored_bytes(sealed)
    assert not FORMATS[form].stored or stored["input"] == 8 * np.prod(KEPT[per])
    assert sum(frozen.stored_bytes.values()) == model_size(frozen.architecture.layers)


@pytest.mark.parametrize("per", KEPT)
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_c_makes_the_same_code_of_every_number(per: str, tmp_path: Path) -> None:
    frozen = frozen_of(per)
    (tmp_path / "n.c").write_text(c_source(frozen, name="n"))
    (tmp_path / "main.c").write_text("""#include "n.c"
        #include <stdio.h>
        static float x[N_CHANNELS * N_HEIGHT * N_WIDTH];
        static uint8_t image[N_CHANNELS * N_HEIGHT * N_WIDTH];
        int main(void) {
            while (fread(x, sizeof x, 1, stdin)) {
                n_encode(x, image);
                fwrite(image, sizeof image, 1, stdout);
                #if defined N_SUBTRACTS_MEAN || defined N_SUBTRACTS_MAXIMUM
                x[N_WIDTH + 1] -= n_level(x);
                #endif
                if (n_code(x[N_WIDTH + 1], 0, 1, 1) != image[N_WIDTH + 1]) { return 1; }
            }
            return 0;
        }""")
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, "-o", tmp_path / "main", tmp_path / "main.c"], check=True)
    given_numbers = numbers(frozen.codes, 500)
    done = subprocess.run([tmp_path / "main"], input=given_numbers.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, np.uint8).astype(int).reshape(given_numbers.shape) - 127
    np.testing.assert_array_equal(found, frozen.codes.encode(given_numbers))


@given(st.floats(-1e6, 1e6, width=32), st.floats(-1e3, 1e3, width=32), st.floats(0.125, 1e3, width=32))
def test_a_code_is_the_nearest_whole_number_of_steps_from_the_centre(x: float, centre: float, density: float) -> None:
    one = np.ones((1, 1, 1), np.float32)
    codes = InputCodes(-127, 127, 32, one * np.float32(centre), one * np.float32(density))
    code = codes.encode(np.full((1, 1, 1, 1), x, np.float32)).item()
    steps = (x - centre) * density
    assert abs(code) <= 127
    assert abs(code - np.clip(steps, -127, 127)) <= 0.5 + 1e-5 * abs(steps) + 1e-6 * (abs(x) + abs(centre)) * density
