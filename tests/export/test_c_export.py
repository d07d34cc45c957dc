"""Networks as C: the very logits of the exact runtime, thresholds that miss no code, memory as it was counted."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evonas.architecture.graph import CLASSIFIER, INPUT, Architecture, Op, Shape
from evonas.architecture.input_codes import PIXELS
from evonas.architecture.precision import NUMBERS, STREAMS, precision
from evonas.architecture.scheme import Scheme
from evonas.architecture.stored_numbers import of_shifts
from evonas.errors import ExportError
from evonas.export.c import run as c_run
from evonas.export.c.kernels.choice import choose
from evonas.export.c.kernels.weights import c_weights
from evonas.export.c.memory.placing import Buffer, place
from evonas.export.c.memory.plan import CELL, plan_memory
from evonas.export.c.run import CProgram
from evonas.export.c.source import RUNTIME, c_source
from evonas.export.c.thresholds import code_indices, find_thresholds, largest_sum, sums_are_whole
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenConv, FrozenNetwork, Kernel
from evonas.nets.integer_network import IntegerNetwork
from evonas.nets.network import Network
from evonas.spaces import SPACES, ResidualSpace
from objectives.peak_memory import peak_memory
from tests.nets.test_stored_numbers import rounded
from tests.support.spaces import EVERY_SPACE, UNEVEN, random_architectures, uneven

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="gcc is not installed")
WARNED = (
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wdouble-promotion",
)
STRICT = ("-std=c99", *WARNED)
SANITIZED = (*STRICT, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SCHEMES = {
    "two scales": Scheme(ternary_weight="ttq", ternary_act="ternary", multibit_weight="sawb", binary_act="sign"),
    "two planes": Scheme(ternary_weight="tga_x2", ternary_act="ternary_per_image", multibit_act="lsq_signed"),
    "pact": Scheme(ternary_weight="tas", ternary_act="ternary_unsigned", multibit_act="pact"),
}
# Together they hold all kinds of operations, steps, kernels and activation rules.
ARCHITECTURES = {
    f"{name} {i}": one for name, space in EVERY_SPACE.items() for i, one in enumerate(random_architectures(space, 0))
} | {
    f"{name}, {space}": replace(random_architectures(EVERY_SPACE[space], seed)[0], scheme=scheme)
    for seed, (name, scheme) in enumerate(SCHEMES.items(), start=1)
    for space in ("digits", "residual, odd sides")
}
ODD = ("3-bit", "5-bit", "6-bit", "7-bit")  # codes that lie across bytes
ODD_BITS = ResidualSpace.of((2, 5, 7), 3, depth=14, channels=3, weight_precisions=ODD, act_precisions=ODD)
ARCHITECTURES["odd bits"] = random_architectures(ODD_BITS, 0)[0]
WIDE = ResidualSpace.of((1, 1, 310), 3, depth=8, channels=3, kernels=((1, 301),))  # a byte does not hold such a side
ARCHITECTURES["wide kernel"] = random_architectures(WIDE, 0)[0]
ARCHITECTURES |= {
    f"uneven {name}": uneven(random_architectures(EVERY_SPACE[name], 1)[0], 0)
    for name in ("four nodes", "modules", "residual, odd sides", "inverted, odd sides")
}
CUT = {"cells": (1, 1), "inverted_residual": (7, 5), "residual": (1, 9)}  # kernels, strides and pools cut to few pixels
ARCHITECTURES |= {
    f"cut {kind}": random_architectures(SPACES[kind].of((2, *sides), 3, **UNEVEN[kind]), 3)[0]
    for kind, sides in CUT.items()
}
ARCHITECTURES["views"] = Architecture(
    (2, 5, 6),
    (
        Op("pool", "avg_pool", (INPUT,), 2, kernel=(2, 2), stride=(2, 2)),
        Op("most", "max_pool", (INPUT,), 2, kernel=(3, 3), stride=(2, 2)),
        Op("wide", "align", (INPUT,), 3),
        Op("conv", "conv", ("wide",), 2, (3, 3), (2, 2), weight=precision("ternary"), act=precision("4-bit")),
        Op("both", "concat", ("most", "pool", "conv"), 6),
        Op("in", "conv", (INPUT,), 6, (3, 3), (2, 2), weight=precision("4-bit"), act=precision("2-bit")),
        Op("same", "skip", ("in",), 6),
        Op("sum", "add", ("both", "both", "same"), 6),
        Op("twice", "add", ("sum", "both"), 6),
        Op("out", "conv", ("twice",), 3, weight=precision("8-bit"), act=precision("8-bit"), steps=CLASSIFIER),
    ),
)
ARCHITECTURES["shortcut of the image"] = Architecture(
    (2, 5, 6),
    (
        Op("in", "conv", (INPUT,), 2, (3, 3), (2, 2), weight=precision("4-bit"), steps=("conv", "norm", "shortcut")),
        Op("out", "conv", ("in",), 3, weight=precision("8-bit"), act=precision("8-bit"), steps=CLASSIFIER),
    ),
)
STREAMED = (
    "shortcut of",
    "digits 0",
    "modules",
    "residual, odd sides",
    "inverted, odd sides",
    "two planes, residual",
    "views",
)
ARCHITECTURES |= {
    f"{stream} stream, {name}": replace(architecture, stream=STREAMS[stream])
    for name, architecture in ARCHITECTURES.items()
    for stream, names in (("8-bit", STREAMED), ("16-bit", ("digits 0", "inverted, odd sides 0", "views")))
    if name.startswith(names)
}
# Numbers that are no weights: of norms, and all others; networks take turns.
STORED_AS = (
    ("float", "float"),
    ("8-bit", "8-bit"),
    ("power-of-two", "16-bit"),
    ("16-bit", "8-bit"),
    ("8-bit",) * 2,
)
ARCHITECTURES = {
    name: replace(architecture, norms=NUMBERS[norms], scales=NUMBERS[scales])
    for (name, architecture), (norms, scales) in zip(ARCHITECTURES.items(), cycle(STORED_AS), strict=False)
}
NAMES = list(ARCHITECTURES)


def images_of(architecture: Architecture, n: int = 24) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, *architecture.input_shape), dtype=np.uint8)


def frozen_of(name: str) -> FrozenNetwork:
    """With random weights and, so that no sign and no branch is left out, random norms, biases and slopes."""
    architecture, generator = ARCHITECTURES[name], torch.Generator().manual_seed(0)
    network = Network([architecture], generator=generator)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if any(part in key for part in ("gamma", "beta", "bias", "prelu")):
                parameter.add_(torch.randn(parameter.shape, generator=generator) / 2)
    network.calibrate(torch.from_numpy(images_of(architecture)).float() / 255)
    return freeze(network, facts={"genome": "net_1 */ 2"})


@pytest.fixture(scope="module")
def networks() -> dict[str, FrozenNetwork]:
    return {name: frozen_of(name) for name in NAMES}


@pytest.fixture(scope="module")
def program(networks: dict[str, FrozenNetwork], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(networks, tmp_path_factory.mktemp("c"), flags=STRICT)


def compiled(
    networks: Mapping[str, FrozenNetwork],
    folder: Path,
    *,
    flags: tuple[str, ...],
    input_layout: str = "chw",
    compiler: str = str(GCC),
) -> Path:
    """One program of many networks: the first argument says which one runs."""
    cases = []
    for i, frozen in enumerate(networks.values()):
        (folder / f"n{i}.c").write_text(c_source(frozen, name=f"n{i}", input_layout=input_layout))
        cases.append(f"""case {i}: {{
            static uint8_t in[N{i}_CHANNELS * N{i}_HEIGHT * N{i}_WIDTH];
            static float out[N{i}_CLASSES], again[N{i}_CLASSES];
            static n{i}_arena_t arena;
            uint8_t *within = &arena.bytes[N{i}_IMAGE_AT];
            while (fread(in, sizeof in, 1, stdin)) {{
                if (n{i}_run(&arena, in, out) || n{i}_classify(&arena, in) != n{i}_argmax(out)) {{ return 1; }}
                memcpy(within, in, sizeof in);
                if (n{i}_run(&arena, within, again) || memcmp(out, again, sizeof out)) {{ return 2; }}
                fwrite(out, sizeof out, 1, stdout);
            }}
        }} break;""")
    lines = [*(f'#include "n{i}.c"' for i in range(len(networks))), "#include <stdio.h>", "#include <stdlib.h>"]
    lines += ["int main(int n, char **words) {", "switch (n > 1 ? atoi(words[1]) : 0) {", *cases, "} return 0; }"]
    (folder / "main.c").write_text("\n".join(lines) + "\n")
    command = [compiler, *flags, "-o", folder / "main", folder / "main.c"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return folder / "main"


def check_logits(frozen: FrozenNetwork, program: Path, *, index: int, axes: tuple[int, ...] = (0, 1, 2, 3)) -> None:
    images = images_of(frozen.architecture)
    given = images.transpose(axes).tobytes()
    done = subprocess.run([program, str(index)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:3000]
    logits = np.frombuffer(done.stdout, dtype=np.float32).reshape(len(images), -1)
    wanted = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    if all(map(sums_are_whole, frozen.convs.values())):
        np.testing.assert_array_equal(logits, wanted)
    else:
        np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@needs_gcc
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_the_exact_network(name: str, networks: dict[str, FrozenNetwork], program: Path) -> None:
    check_logits(networks[name], program, index=NAMES.index(name))


@needs_gcc
def test_nothing_is_read_or_written_out_of_bounds(networks: dict[str, FrozenNetwork], tmp_path: Path) -> None:
    names = (
        "odd bits",
        "two planes, residual, odd sides",
        "inverted, odd sides 0",
        "uneven modules",
        "8-bit stream, digits 0",
    )
    program = compiled({name: networks[name] for name in names}, tmp_path, flags=SANITIZED)
    for i, name in enumerate(names):
        check_logits(networks[name], program, index=i)


@needs_gcc
def test_channels_of_an_image_may_lie_side_by_side(networks: dict[str, FrozenNetwork], tmp_path: Path) -> None:
    """A first layer reads codes, or floats where it begins with a norm."""
    chosen = {
        is_float: next(one for one in networks.values() if one.architecture.input_shape[0] > 1
        and min(one.architecture.input_shape[1:]) > 1 and bool(re.search(r"_VIEWS_IMAGE 1", c_source(one))) == is_float)
        for is_float in (False, True)
    }  # fmt: skip
    program = compiled({f"{key}": one for key, one in chosen.items()}, tmp_path, flags=SANITIZED, input_layout="hwc")
    for i, frozen in enumerate(chosen.values()):
        check_logits(frozen, program, index=i, axes=(0, 2, 3, 1))


def test_a_network_of_few_bits_that_ends_with_a_pool_is_refused() -> None:
    ops = (Op("in", "conv", (INPUT,), 3, (3, 3), steps=("conv",)), Op("pool", "max_pool", ("in",), 3, (4, 4), (4, 4)))
    architecture = Architecture((1, 4, 4), ops, stream=STREAMS["8-bit"])
    network = Network([architecture], generator=torch.Generator())
    network.calibrate(torch.rand(8, 1, 4, 4))
    with pytest.raises(ExportError, match="ends with a convolution or a sum"):
        c_source(freeze(network))


@needs_gcc
def test_a_network_keeps_nothing_between_calls(networks: dict[str, FrozenNetwork], tmp_path: Path) -> None:
    for i, name in enumerate((NAMES[0], "two planes, residual, odd sides", "uneven modules")):
        (tmp_path / f"{i}.c").write_text(c_source(networks[name], name="my"))
        subprocess.run([str(GCC), "-fno-pie", "-c", f"{i}.c", "-o", f"{i}.o"], cwd=tmp_path, check=True)
        symbols = subprocess.run(["nm", f"{i}.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        assert not re.search(r" [bBdDcC] ", symbols), name  # no variables
        public = set(re.findall(r" T (\w+)", symbols))
        assert public == {"my_run", "my_classify", "my_argmax"}


@needs_gcc
def test_an_arena_that_is_not_aligned_is_refused(networks: dict[str, FrozenNetwork], tmp_path: Path) -> None:
    (tmp_path / "my.c").write_text(
        c_source(networks[NAMES[0]], name="my")
        + """int main(void) {
        static my_arena_t arena;
        static uint8_t image[MY_IMAGE_BYTES];
        float out[MY_CLASSES];
        return my_run(NULL, image, out) != -1 || my_run(&arena.bytes[1], image, out) != -1
            || my_classify(NULL, image) != -1 || my_run(&arena, image, out) != 0;
        }"""
    )
    subprocess.run([str(GCC), *SANITIZED, "my.c", "-o", "my"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "my"], check=True)


UNSAFE = ("-O3", "-mfma", "-ffp-contract=fast", "-funsafe-math-optimizations")
UNSEEN = ("-U__ASSOCIATIVE_MATH__", "-U__RECIPROCAL_MATH__")  # as where a compiler does not tell


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("g++", ("-x", "c++", "-std=c++17", *WARNED)),
        ("clang", ("-std=c99", *WARNED)),
        ("clang-14", ("-std=c99", *WARNED)),
        ("gcc", ("-std=gnu99", *UNSAFE, *UNSEEN)),
    ],
)
def test_other_compilers_and_flags_give_the_same_bits(
    compiler: str, flags: tuple[str, ...], networks: dict[str, FrozenNetwork], tmp_path: Path
) -> None:
    """Also where multiplications and additions may be fused, and sums taken in another order."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if "-mfma" in flags and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no fused multiply-add")
    names = ("two planes, residual, odd sides", "residual 0")
    chosen = {name: with_float_end(networks[name]) for name in names}
    program = compiled(chosen, tmp_path, flags=flags, compiler=compiler)
    for i, frozen in enumerate(chosen.values()):
        check_logits(frozen, program, index=i)


def with_float_end(frozen: FrozenNetwork) -> FrozenNetwork:
    """The same with a norm and a PReLU behind the last layer, which show a rounding that is left out."""
    *ops, last = frozen.architecture.ops
    last = replace(last, steps=(*last.steps, "norm", "prelu"))
    rng = np.random.default_rng(0)
    norm, prelu = (rng.normal(size=(rows, last.channels)).astype(np.float32) for rows in (2, 3))
    conv = frozen.convs[last.name]
    norm[0], norm[1] = rounded(norm[0], conv.norm_precision), rounded(norm[1], of_shifts(conv.norm_precision))
    prelu = np.stack([rounded(row, of_shifts(conv.norm_precision)) for row in prelu])
    conv = replace(conv, op=last, norms={**conv.norms, len(last.steps) - 2: norm}, prelu=prelu)
    architecture = replace(frozen.architecture, ops=(*ops, last))
    return replace(frozen, architecture=architecture, convs={**frozen.convs, last.name: conv})


@needs_gcc
@pytest.mark.parametrize("flag", ["-ffast-math", "-funsafe-math-optimizations", "-freciprocal-math"])
def test_arithmetic_that_is_not_exact_is_refused(flag: str, networks: dict[str, FrozenNetwork], tmp_path: Path) -> None:
    (tmp_path / "my.c").write_text(c_source(networks[NAMES[0]]))
    done = subprocess.run([str(GCC), flag, "-c", "my.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "float arithmetic must be that of IEEE" in done.stderr


def test_the_networks_hold_every_kind_of_work(networks: dict[str, FrozenNetwork]) -> None:
    kinds = {op.kind for frozen in networks.values() for op in frozen.architecture.ops}
    every = [conv for frozen in networks.values() for conv in frozen.convs.values()]
    assert kinds == {"conv", "max_pool", "avg_pool", "skip", "add", "concat", "align", "zeros"}
    steps = {step for conv in every for step in conv.op.steps}
    assert steps >= {"norm", "relu", "pool", "shuffle", "shortcut", "prelu"}
    assert {conv.kernel.per for conv in every} == {"plane", "filter", "sign"}
    assert {conv.act.rule for conv in every if conv.act} == {"sign", "round", "threshold", "per_image"}
    assert {conv.op.kernel for conv in every} >= {(side, side) for side in (1, 2, 3, 5, 7)}
    assert {conv.op.act.bits for conv in every} == {*range(1, 9), 32}
    assert {conv.op.weight.bits for conv in every} == {*range(1, 9), 32}
    assert {conv.op.dilation for conv in every} == {1, 2}
    files = {path.stem for path in (RUNTIME / "kernels").glob("*.c")} - {"window"}
    assert {name for conv in every for name in (choose(conv).family, choose(conv).kernel) if name} == files
    assert {choose(conv).is_direct for conv in every if choose(conv).family == "words"} == {False, True}
    assert any(conv.act and not conv.kernel.levels for conv in every)
    assert any(1 < conv.op.groups < conv.op.channels for conv in every)
    assert any(len(conv.kernel.terms) > 1 and conv.kernel.per == "plane" for conv in every)


def test_a_code_changes_at_its_threshold_and_nowhere_else(networks: dict[str, FrozenNetwork]) -> None:
    n_falling = n_pairs = 0
    for frozen in networks.values():
        for writer, reader in plan_memory(frozen).readers.items():
            conv, then = frozen.convs[writer], frozen.convs[reader]
            thresholds, largest = find_thresholds(conv, then), largest_sum(conv)
            if thresholds is not None:
                n_pairs, n_falling = n_pairs + 1, n_falling + thresholds.is_falling.sum()
                anywhere = np.linspace(-largest, largest, 19).astype(np.int64)[:, None]
                for row in (*thresholds.sums.T, *(thresholds.sums.T - 1), *anywhere):
                    sums = np.broadcast_to(np.clip(row, -largest, largest), len(thresholds.sums))
                    index = (sums[:, None] >= thresholds.sums).sum(axis=1)
                    index = np.where(thresholds.is_falling, thresholds.sums.shape[1] - index, index)
                    np.testing.assert_array_equal(index, code_indices(conv, then, sums))
    assert n_pairs > 5
    assert n_falling > 5


@pytest.mark.parametrize("seed", range(5))
def test_buffers_in_use_at_once_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers([1, 0, 0], [50, 20, 5], (30, 3)).tolist()
    buffers = [Buffer(f"{i}", cells, first, first + more) for i, (cells, first, more) in enumerate(rows)]
    offsets, cells = place(buffers)
    for one, other in combinations(buffers, 2):
        if one.first <= other.last and other.first <= one.last:
            start, where = offsets[one.name], offsets[other.name]
            assert start + one.cells <= where or where + other.cells <= start
    assert cells == max(offsets[buffer.name] + buffer.cells for buffer in buffers)


def convs(frozen: FrozenNetwork) -> list[FrozenConv]:
    return list(frozen.convs.values())


def test_the_arena_is_the_peak_memory_that_was_counted(networks: dict[str, FrozenNetwork]) -> None:
    for name, frozen in networks.items():
        assert plan_memory(frozen).cells * CELL == peak_memory(frozen.architecture.layers), name


def test_the_file_says_what_it_is_and_what_it_takes(networks: dict[str, FrozenNetwork]) -> None:
    for name, frozen in networks.items():
        text, size = c_source(frozen, name="my"), sum(frozen.stored_bytes.values())
        assert text.startswith("/* evonas-format:c version:1 ")
        assert text.count(f"evonas-sha256:{'0' * 64}") == 1
        assert " * genome: net_1 * / 2\n" in text
        assert f"; without thresholds, {size}\n" in text
        n_bytes, arena = (int(re.findall(rf"#define MY_{key}_BYTES (\d+)", text)[0]) for key in ("WEIGHT", "ARENA"))
        assert arena == plan_memory(frozen).cells * CELL
        if "_thresholds[" not in text and "_limits[" not in text:
            assert n_bytes == size, name
        for conv in convs(frozen):
            stored = sum(array.nbytes for array in c_weights(conv, choose(conv)).values())
            assert stored == conv.kernel.stored.nbytes, (name, conv.op.name)


def test_constants_stand_in_the_order_of_the_fields(networks: dict[str, FrozenNetwork]) -> None:
    """They are written without names, as C++ wants them."""
    types = re.sub(r"/\*.*?\*/", "", (RUNTIME / "types.c").read_text(), flags=re.DOTALL)
    text = c_source(networks[NAMES[0]], name="my")
    for kind, start, end in (("source", "typedef struct {", "} net_source;"), ("conv", "struct net_conv {", "};")):
        (body,) = re.findall(re.escape(start) + r"([^{}]*)" + re.escape(end), types)
        names = [name.split()[-1] for name in re.split("[;,]", body) if name.strip()]
        declared = [name.lstrip("*").partition("[")[0] for name in names]
        layers = re.findall(rf"static const my_{kind} \w+ = {{(.*?)\n}};", text, flags=re.DOTALL)
        assert len(layers) == len(networks[NAMES[0]].convs)
        for layer in layers:
            assert re.findall(r"/\* (\w+) \*/", layer) == declared


def test_names_that_c_does_not_allow_are_refused(networks: dict[str, FrozenNetwork]) -> None:
    with pytest.raises(ExportError, match="a name that C allows"):
        c_source(networks[NAMES[0]], name="my-net")


def test_sums_that_overflow_are_refused() -> None:
    op = Op("wide", "conv", ("input",), 1, weight=precision("8-bit"), steps=("conv",))
    kernel = Kernel(np.full((1, 1, 40_000, 1, 1), 255, dtype=np.int16), 256, -255, 2)
    conv = FrozenConv(op, Shape(40_000, 1, 1), kernel, image=PIXELS)
    with pytest.raises(ExportError, match=r"sums of codes within 32 bits in wide\nfound:  up to 2601000000"):
        c_source(FrozenNetwork(Architecture((40_000, 1, 1), (op,)), {"wide": conv}))


@needs_gcc
def test_a_file_is_compiled_and_run(
    networks: dict[str, FrozenNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_run, "FLAGS", (*STRICT, *c_run.FLAGS))  # some warnings come only with -O2
    frozen = networks["digits 0"]
    path, images = tmp_path / "net.c", images_of(frozen.architecture)
    path.write_text(c_source(frozen))
    wanted = IntegerNetwork(frozen)(torch.from_numpy(images)).numpy()
    np.testing.assert_array_equal(CProgram(path)(images), wanted)
    with pytest.raises(ExportError, match="the last image has 36 of 64 bytes"):
        CProgram(path)(images[:1, :, :6, :6])
    path.write_text("no C at all")
    with pytest.raises(ExportError, match=r"that net\.c compiles\n(.|\n)*error"):
        CProgram(path)(images)


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_run, "COMPILERS", ("no-such-compiler",))
    with pytest.raises(ExportError, match=r"a C compiler to run net\.c\nfound:  none of no-such-compiler"):
        CProgram(tmp_path / "net.c")(np.zeros((1, 1, 2, 2), dtype=np.uint8))
