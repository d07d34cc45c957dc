"""C as a library: what each build system looks for, a self-test that tells right from wrong, a seal over all files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evonas.architecture.input_codes import InputCodes
from evonas.architecture.precision import NUMBERS
from evonas.architecture.scheme import Scheme
from evonas.errors import ExportError
from evonas.export.bundle import SEAL, read_export, write_files
from evonas.export.c.library.files import library_files
from evonas.export.c.options import PACKAGES, COptions
from evonas.export.formats import opened
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork
from evonas.nets.network import Network
from evonas.spaces.staged.residual import ResidualSpace

GCC, GXX, CMAKE = map(shutil.which, ("gcc", "g++", "cmake"))
needs_gcc = pytest.mark.skipif(not (GCC and GXX), reason="gcc and g++ are not installed")
needs_cmake = pytest.mark.skipif(not (GCC and CMAKE), reason="gcc and cmake are not installed")
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow")
SHAPE = (2, 4, 3)
FLOATS = ("float", "float", "float")
ARDUINO = """
#include <stdio.h>
static struct { void begin(long) {} explicit operator bool() const { return true; } void print(const char *) {}
    void print(int) {} void println(const char *text) { puts(text); } void println(unsigned long) {} } Serial;
static unsigned long micros() { return 0; }
static void delay(int) {}
"""


def frozen_of(
    options: COptions, *, codes: InputCodes | None = None, kept: tuple[str, str, str] = FLOATS, **facts: str
) -> FrozenNetwork:
    """A small network, of which tensors, norms and other numbers are ``kept`` so."""
    codes = codes or InputCodes()
    generator = torch.Generator().manual_seed(0)
    space = ResidualSpace.of(SHAPE, 3, depth=8, channels=3, scheme=Scheme(input_values=codes.n_stored))
    stream, norms, scales = (NUMBERS[name] for name in kept)
    architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
    network = Network([replace(architecture, stream=stream, norms=norms, scales=scales)], generator=generator)
    network.calibrate(torch.rand((9, *SHAPE), generator=generator))
    return freeze(network, codes=codes, facts={"classes": '["a", "\\u00e9*/", "\\"c"]', **facts, **options.facts})


def numbers() -> InputCodes:
    centre, density = (np.full((2, 1, 1), value, np.float32) for value in (0.5, 40))
    return InputCodes(-127, 127, 32, centre, density, level="mean")


def written(path: Path, options: COptions, *, codes: InputCodes | None = None) -> Path:
    write_files(library_files(frozen_of(options, codes=codes)), path)
    return path


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def built(folder: Path, to: Path, *, example: Path) -> Path:
    """The self-test, compiled as C++ and so linked with the network, compiled as C; what others would do."""
    include = [f"-I{one}" for one in {path.parent for path in folder.rglob("*.h")}]
    (code,) = folder.rglob("my.c")
    (test,) = folder.rglob("my_test.c")
    as_cpp = (folder / "library.json").exists()  # PlatformIO may take it for either
    compiler = (GXX, "-x", "c++", "-std=c++17") if as_cpp else (GCC, "-std=c99")
    run(*compiler, *STRICT, *include, "-c", code, "-o", "my.o", cwd=to)
    run(GXX, "-std=c++17", *STRICT, *include, "-x", "c++", test, example, "-x", "none", "my.o", "-o", "program", cwd=to)
    return to / "program"


@needs_gcc
@pytest.mark.parametrize("package", PACKAGES)
def test_a_library_compiles_and_tests_itself(package: str, tmp_path: Path) -> None:
    options = COptions("my", "hwc" if package in ("arduino", "zephyr") else "chw", package)
    codes = numbers() if package in ("plain", "zephyr") else None
    folder = written(tmp_path / "my", options, codes=codes)
    (example,) = (path for path in folder.rglob("*") if path.name in ("main.c", "SelfTest.ino"))
    if package == "arduino":
        sketch = f"{ARDUINO}{example.read_text()}\nint main() {{ setup(); loop(); }}\n"
        example = tmp_path / "sketch.cpp"
        example.write_text(sketch)
    said = run(built(folder, tmp_path, example=example), cwd=tmp_path)
    assert said.startswith("my: self-test passed\n")
    assert package == "arduino" or said.splitlines()[1] in ("my: a", "my: é*/", 'my: "c')


def test_each_build_system_finds_what_it_looks_for(tmp_path: Path) -> None:
    files = {package: library_files(frozen_of(COptions("my", package=package))) for package in PACKAGES}
    assert {"my.h", "my.c", "my_test.c", "my_test_vectors.h", "main.c", "CMakeLists.txt", "README.md"} < {
        *files["plain"]
    }
    properties = dict(line.split("=", 1) for line in files["arduino"]["library.properties"].decode().splitlines())
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category"} <= {*properties}
    assert {"src/my.h", "src/my.c", "examples/SelfTest/SelfTest.ino"} < {*files["arduino"]}
    facts = json.loads(files["platformio"]["library.json"])
    assert (facts["name"], facts["headers"]) == ("my", "my.h")
    assert f"{facts['examples'][0]['base']}/{facts['examples'][0]['files'][0]}" in files["platformio"]
    module = files["zephyr"]["zephyr/module.yml"].decode()
    assert "cmake: zephyr\n" in module
    assert "kconfig: zephyr/Kconfig\n" in module
    assert {"zephyr/CMakeLists.txt", "zephyr/Kconfig", "src/my.c"} < {*files["zephyr"]}
    assert "CONFIG_MY)" in files["zephyr"]["zephyr/CMakeLists.txt"].decode()
    for path, raw in [pair for each in files.values() for pair in each.items()]:
        assert b"$name" not in raw, path
        assert b"\bnet_" not in raw, path


@needs_cmake
def test_cmake_builds_the_library_and_runs_its_test(tmp_path: Path) -> None:
    folder = written(tmp_path / "my", COptions("my", package="plain"))
    run(CMAKE, "-S", folder, "-B", "build", cwd=tmp_path)
    run(CMAKE, "--build", "build", cwd=tmp_path)
    assert "self-test passed" in run(tmp_path / "build" / "my_example", cwd=tmp_path)


@needs_gcc
def test_the_self_test_finds_a_logit_or_an_image_that_is_off(tmp_path: Path) -> None:
    folder = written(tmp_path / "my", COptions("my", package="plain"), codes=numbers())
    main = "int main(void) { static my_arena_t arena; return my_self_test(&arena); }"
    (tmp_path / "main.c").write_text(f'#include "my.h"\n{main}')
    vectors = folder / "my_test_vectors.h"
    whole = vectors.read_text()

    def code_of(text: str) -> int:
        vectors.write_text(text)
        program = built(folder, tmp_path, example=tmp_path / "main.c")
        return subprocess.run([program], check=False).returncode

    logits = whole.index("my_test_logits")
    second = [number.strip() for number in whole[whole.index("{", logits) + 1 : whole.index("}", logits)].split(",")][4]
    other = f"{np.nextafter(np.float32(second[:-1]), np.float32(99))!s}f"
    assert code_of(whole) == 0
    assert code_of(whole[:logits] + whole[logits:].replace(second, other, 1)) == 2  # by its last bit
    first = re.compile(r"(?<=my_test_images\[\d\d\] = \{\n    )\d+")
    assert code_of(first.sub(lambda found: str((int(found[0]) + 1) % 256), whole)) == 1


def test_a_library_gives_the_logits_of_its_network(tmp_path: Path) -> None:
    if not GCC:
        pytest.skip("gcc is not installed")
    for i, (codes, end) in enumerate(((None, ""), (numbers(), ".zip"))):
        options = COptions("my", "hwc", "plain")
        frozen = frozen_of(options, codes=codes)
        path = written(tmp_path / f"{i}{end}", options, codes=codes)
        images = np.random.default_rng(0).integers(0, 256, (9, *SHAPE)).astype(np.uint8)
        given = images if codes is None else images.astype(np.float32) / 50
        expected = IntegerNetwork(frozen)(torch.from_numpy(given)).numpy()
        np.testing.assert_array_equal(opened(read_export(path))(given), expected)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_library_that_was_altered_is_refused(kind: str, tmp_path: Path) -> None:
    files = library_files(frozen_of(COptions("my", package="plain")))
    path = tmp_path / ("my" if kind == "folder" else "my.zip")

    def put(changed: dict[str, bytes]) -> None:
        if kind == "zip":
            write_files(changed, path)
            return
        shutil.rmtree(path, ignore_errors=True)
        for name, raw in changed.items():
            path.mkdir(exist_ok=True)
            (path / name).write_bytes(raw)

    put(files)
    assert dict(read_export(path).files) == {name: raw for name, raw in files.items() if name != SEAL}
    for name, raw in files.items():
        put({**files, name: raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]})
        with pytest.raises(ExportError, match=r"evonas export RUN"):
            read_export(path)
        put({other: one for other, one in files.items() if other != name})
        with pytest.raises(ExportError, match=f"{name} is missing|no seal of evonas|no evonas.seal"):
            read_export(path)
    put({**files, "notes.txt": b"of a user"})
    assert "notes.txt" not in read_export(path).files


def test_a_zip_that_was_cut_or_altered_by_a_byte_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "my.zip", COptions("my", package="plain"))
    raw, rng = path.read_bytes(), np.random.default_rng(0)
    assert zipfile.ZipFile(path).namelist()[0].startswith("my/")
    whole, n_refused = read_export(path).files, 0
    for place in rng.integers(0, len(raw), 60):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ (1 << rng.integers(8))]) + raw[place + 1 :])
        try:
            assert read_export(path).files == whole  # a byte that says when it was packed
        except ExportError:
            n_refused += 1
    assert n_refused > 50
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ExportError, match="truncated"):
        read_export(path)


def test_what_somebody_wrote_is_not_written_over(tmp_path: Path) -> None:
    options = COptions("my", package="plain")
    path = written(tmp_path / "my", options)
    (path / "build").mkdir()
    (path / "build" / "my.o").write_bytes(b"compiled")
    written(path, replace(options, package="zephyr"))  # another one in its place
    assert not (path / "CMakeLists.txt").exists()
    assert (path / "build" / "my.o").exists()
    read_export(path)
    (path / "README.md").write_text("mine")
    with pytest.raises(ExportError, match=r"a file of the library in .*/my\n.*name its folder: .*/my$"):
        read_export(path / "src" / "my.c")
    with pytest.raises(ExportError, match=r"README.md was altered\n(.|\n)*change --out"):
        written(path, options)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my.c").write_text("mine")
    with pytest.raises(ExportError, match=r"no evonas.seal"):
        written(tmp_path / "other", options)
    assert (tmp_path / "other" / "my.c").read_text() == (path / "README.md").read_text() == "mine"
    path = written(tmp_path / "third", options)
    (path / "zephyr").mkdir()
    (path / "zephyr" / "Kconfig").write_text("mine")
    with pytest.raises(ExportError, match=r"zephyr/Kconfig, which is not of the library"):
        written(path, replace(options, package="zephyr"))
    read_export(path)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: COptions("my-net"), "a name that C allows"),
        (lambda: COptions("String", package="plain"), "String_net"),
        (lambda: COptions("my", "hcw"), "did you mean 'hwc'"),
        (lambda: COptions("my", package="cmsis"), "known: plain, arduino, platformio, zephyr"),
    ],
)
def test_choices_that_cannot_be_are_told(make: Callable[[], COptions], told: str) -> None:
    with pytest.raises(ExportError, match=told):
        make()


def test_what_was_chosen_travels_with_the_file() -> None:
    for options in (COptions(), COptions("a", "hwc", "zephyr"), COptions("b_1")):
        assert COptions.of(options.facts) == options
    assert COptions.of({}) == COptions()
