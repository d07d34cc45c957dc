"""Microcontrollers in a simulator: the very logits, and what a network takes of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from evonas.errors import ExportError
from evonas.export.c.options import COptions
from evonas.export.c.source import c_parts
from evonas.export.c.targets import simulate as simulation
from evonas.export.c.targets import target as tools
from evonas.export.c.targets.link_map import Sizes, sizes_of
from evonas.export.c.targets.simulate import Memory, linked_sizes, simulate
from evonas.export.c.targets.target import TARGETS
from evonas.nets.integer_network import IntegerNetwork
from objectives.device.cores import CORES
from objectives.device.instructions import instructions
from tests.export.test_c_library import SHAPE, frozen_of, numbers

MAP = """\
 .text.unused   0x00000000       0x99 network.o

Linker script and memory map

 .text.my_run
                0x00000040       0x20 network.o
 .text          0x00000060       0x10 main.o
 *fill*         0x00000070        0x2
 .text          0x00000072        0x8 /usr/lib/thumb/libgcc.a(_arm_mulsf3.o)
 .rodata.layer  0x00000100      0x100 network.o
 .srodata.cst4  0x00000200        0x4 network.o
 .bss.state     0x20000000        0x6 network.o
"""
KEPT = {  # tensors, norms, other numbers
    "cortex-m4": ("float", "float", "float"),
    "cortex-m0": ("8-bit", "8-bit", "8-bit"),
    "rv32": ("16-bit", "8-bit", "16-bit"),
    "rv32e": ("8-bit", "power-of-two", "16-bit"),
}
SIZES = Sizes(code=0x20, constants=0x104, helpers=8, variables=6)


def missing(name: str) -> str:
    programs = (TARGETS[name].compiler, TARGETS[name].simulator[0])
    return ", ".join(program for program in programs if shutil.which(program) is None)


def images(n: int, dtype: type) -> np.ndarray:
    return (np.random.default_rng(0).integers(0, 256, (n, *SHAPE)) / (1 if dtype is np.uint8 else 50)).astype(dtype)


@pytest.mark.parametrize("name", TARGETS)
def test_a_network_computes_the_same_on_a_microcontroller(name: str) -> None:
    if gone := missing(name):
        pytest.skip(f"not installed: {gone}")
    options = COptions("my", "hwc")
    codes = numbers() if name == "cortex-m4" else None
    frozen = frozen_of(options, codes=codes, kept=KEPT[name])
    memory = Memory(65_536, 16_384) if name in ("cortex-m0", "rv32e") else None
    found = simulate(frozen, name, images(3, np.uint8 if codes is None else np.float32), memory=memory)
    assert (found.images, found.difference, found.is_self_tested, found.is_sound) == (3, 0, True, True)
    parts = c_parts(frozen, options)
    assert found.arena_bytes == parts.arena_bytes
    assert found.sizes.variables == 0
    assert parts.weight_bytes < found.sizes.constants < parts.weight_bytes + 200 * len(frozen.architecture.ops)
    assert 1000 < found.sizes.code < 25_000
    assert (found.sizes.helpers > 1000) == (name != "cortex-m4")  # floats in software
    assert 200 < found.stack_bytes < 2000
    assert {*frozen.convs} <= {*found.layers} <= {op.name for op in frozen.architecture.ops}
    assert sum(found.layers.values()) == pytest.approx(found.instructions, rel=0.1)
    core = next(core for core, facts in CORES.items() if facts.target == name)
    assert instructions(frozen.architecture.layers, core=core) == pytest.approx(
        found.instructions, rel=0.15 if name != "rv32e" else 0.3
    )


def test_a_board_may_have_the_memory_of_a_device() -> None:
    if gone := missing("cortex-m0"):
        pytest.skip(f"not installed: {gone}")
    with pytest.raises(ExportError, match=r"within 65,536 bytes of flash and 512 bytes of RAM"):
        linked_sizes(frozen_of(COptions("my")), "cortex-m0", memory=Memory(65_536, 512))


def test_every_core_has_a_target() -> None:
    assert [core.target for core in CORES.values()] == list(TARGETS)


@pytest.mark.parametrize(("shift", "has_passed"), [(0, True), (1e-3, True), (0, False)])
def test_logits_that_are_off_and_a_self_test_that_fails_are_told(
    shift: float, has_passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, given = frozen_of(COptions("my")), images(4, np.uint8)
    said = {"self_test": [int(not has_passed)], "stack": [9], "ticks": [7], "layer": [1] * len(frozen.architecture.ops)}
    logits = IntegerNetwork(frozen)(torch.from_numpy(given)).numpy()
    logits[3, 2] += shift
    monkeypatch.setattr(simulation, "known_target", TARGETS.__getitem__)
    monkeypatch.setattr(simulation._Board, "take", lambda *_, **__: None)
    monkeypatch.setattr(simulation._Board, "run", lambda *_, **__: (SIZES, said, logits.ravel()))
    monkeypatch.setattr(simulation._Board, "called", lambda *_, **__: b"a compiler")
    found = simulate(frozen, "cortex-m4", given)
    assert found.difference == pytest.approx(shift, rel=1e-3)
    assert (found.is_self_tested, found.is_sound) == (has_passed, has_passed and not shift)
    assert found.instructions == 40 * 7 / 4


def test_a_map_tells_a_network_from_the_rest() -> None:
    assert sizes_of(MAP, object_name="network.o") == SIZES


def test_missing_tools_and_unknown_targets_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match=r"RISC-V(.|\n)*did you mean 'cortex-m4'"):
        tools.known_target("cortex-m44")
    monkeypatch.setattr(tools.shutil, "which", lambda program: None)
    for name, target in TARGETS.items():
        with pytest.raises(ExportError, match=rf"no {target.compiler} and no qemu(.|\n)*apt-get install gcc-"):
            simulate(frozen_of(COptions("my")), name, images(1, np.uint8))


def test_everything_that_a_board_needs_is_there() -> None:
    files = {path.name for path in simulation.BOARD.iterdir()}
    assert {"board.h", "common.c", "main.c"} <= files
    assert {f"{target.start}.{end}" for target in TARGETS.values() for end in ("c", "ld")} <= files
