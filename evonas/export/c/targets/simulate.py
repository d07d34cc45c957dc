"""Compiles a network in C for a simulated microcontroller, runs it on images, and says what it takes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.errors import ExportError
from evonas.export.c.library.files import library_files
from evonas.export.c.options import PACKAGE, COptions, as_laid_out
from evonas.export.c.run import run_command
from evonas.export.c.source import c_parts, is_exact
from evonas.export.c.targets.link_map import Sizes, sizes_of
from evonas.export.c.targets.target import Target, known_target
from evonas.export.format import Logits
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.integer_network import IntegerNetwork

BOARD = Path(__file__).parent / "board"
COMPILE = ("-ffunction-sections", "-fdata-sections")
SECONDS = 1800  # limit for a run
LEAST_AGREEMENT = 0.999  # of predictions, where the order of sums decides last bits


class Memory(NamedTuple):
    """Bytes that a board has for a whole program: the network, its self-test, start-up, images, arena and stack."""

    flash: int
    ram: int


@dataclass(frozen=True, eq=False)
class Simulation:
    """What running a network on a simulated microcontroller showed.

    Attributes:
        target: Its name.
        compiler: Name and version.
        flags: With which the network was compiled.
        images: On which it was run.
        difference: Largest difference to the logits of the torch network that the run's weights freeze to.
        agreement: Share of images with the same prediction as that network.
        is_exact: Whether no logit may differ: all sums are whole numbers.
        is_self_tested: Whether its self-test passed.
        sizes: Bytes of flash, and of RAM beside the arena.
        arena_bytes: RAM that the caller lends.
        stack_bytes: Of its deepest call.
        instructions: Of an image, on the average; to some 40 where the clock is that coarse.
        macs: Multiply-accumulates of an image.
        layers: Instructions by operation, of the first image, with what counting takes, some 30 each.
    """

    target: str
    compiler: str
    flags: str
    images: int
    difference: float
    agreement: float
    is_exact: bool
    is_self_tested: bool
    sizes: Sizes
    arena_bytes: int
    stack_bytes: int
    instructions: float
    macs: int
    layers: dict[str, float]

    @property
    def is_sound(self) -> bool:
        """Whether it computes what the network computes."""
        return self.is_self_tested and (self.difference == 0 if self.is_exact else self.agreement >= LEAST_AGREEMENT)


def simulate(
    frozen: FrozenNetwork,
    target_name: str,
    numbers: NDArray[Any],
    *,
    test_images: NDArray[Any] | None = None,
    optimization: str = "-O2",
    memory: Memory | None = None,
) -> Simulation:
    """Compile a network for a target, run it there, and compare its logits.

    Args:
        frozen: The network; its facts say how its C is written.
        target_name: See :data:`evonas.export.c.targets.target.TARGETS`.
        numbers: Images ``(n, channels, height, width)`` as the data set has them.
        test_images: Codes of images for its self-test; None: random ones.
        optimization: The compiler's flag for the network.
        memory: What the board has, such as that of a device; None: plenty.

    Raises:
        ExportError: The target is unknown, a tool is missing, the network is too large for the board, or fails there.
    """
    target = known_target(target_name)
    options = replace(COptions.of(frozen.facts), package="plain")
    files = library_files(replace(frozen, facts={**frozen.facts, PACKAGE: "plain"}), images=test_images)
    given = as_laid_out(numbers, options)
    n_ops = len(frozen.architecture.ops)
    with tempfile.TemporaryDirectory() as folder:
        board = _Board(target, Path(folder), options.name, optimization, memory)
        board.take(files, options, n_ops=n_ops)
        sizes, said, logits = board.run(given, hook="")
        _, laps, _ = board.run(given[:1], hook=f"-D{options.name.upper()}_LAYER_HOOK=board_layer")
        compiler = board.called([target.compiler, "--version"], wanted="its version").decode().splitlines()[0]
    found = logits.reshape(len(numbers), -1)
    expected = IntegerNetwork(frozen)(torch.from_numpy(numbers)).numpy()
    layers = zip(frozen.architecture.ops, laps["layer"], strict=True)
    return Simulation(
        target_name,
        compiler,
        " ".join((*target.flags, optimization, *COMPILE)),
        images=len(numbers),
        difference=float(np.abs(found - expected).max()),
        agreement=float((found.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        is_exact=is_exact(frozen),
        is_self_tested=said["self_test"] == [0],
        sizes=sizes,
        arena_bytes=c_parts(frozen, options).arena_bytes,
        stack_bytes=said["stack"][0],
        instructions=target.tick * said["ticks"][0] / len(numbers),
        macs=sum(layer.macs for layer in frozen.architecture.layers),
        layers={op.name: float(target.tick * ticks) for op, ticks in layers if ticks},
    )


def linked_sizes(
    frozen: FrozenNetwork, target_name: str, *, optimization: str = "-Os", memory: Memory | None = None
) -> Sizes:
    """Bytes of a network, compiled and linked for a target, but not run.

    Args:
        frozen, target_name, optimization, memory: See :func:`simulate`.

    Raises:
        ExportError: The target is unknown, a tool is missing, or the network is too large for the board.
    """
    target = known_target(target_name)
    options = replace(COptions.of(frozen.facts), package="plain")
    files = library_files(replace(frozen, facts={**frozen.facts, PACKAGE: "plain"}))
    with tempfile.TemporaryDirectory() as folder:
        board = _Board(target, Path(folder), options.name, optimization, memory)
        board.take(files, options, n_ops=len(frozen.architecture.ops))
        return board.link(hook="")


@dataclass(frozen=True)
class _Board:
    """A target with a folder to compile in.

    Attributes:
        target: What it is.
        folder: Where sources, objects, images and logits lie.
        name: Of the network.
        optimization: The compiler's flag.
        memory: What it has; None: plenty.
    """

    target: Target
    folder: Path
    name: str
    optimization: str
    memory: Memory | None = None

    def take(self, files: Mapping[str, bytes], options: COptions, *, n_ops: int) -> None:
        """Put sources into the folder, and compile what does not depend on how the network is compiled."""
        for path, raw in files.items():
            (self.folder / path).write_bytes(raw)
        for part in BOARD.iterdir():
            (self.folder / part.name).write_bytes(part.read_bytes())
        program = Template(options.prefixed((BOARD / "main.c").read_text(encoding="ascii")))
        (self.folder / "main.c").write_text(program.substitute(name=self.name), encoding="ascii")
        for source in ("common", self.target.start, "main", f"{self.name}_test"):
            # a compiler may take a loop that paints the stack for memset, which lies on it
            self._compile(source, "-std=gnu99", "-fno-tree-loop-distribute-patterns", f"-DLAYERS={n_ops}")

    def link(self, *, hook: str) -> Sizes:
        """Compile the network and link it."""
        self._compile(self.name, "-std=c99", *([hook] if hook else []), to="network")
        objects = ["common.o", f"{self.target.start}.o", "main.o", f"{self.name}_test.o", "network.o"]
        link = [*self.target.link, "-Wl,--gc-sections", "-Wl,-Map=map", "-T", f"{self.target.start}.ld"]
        has = self.target.memory
        if self.memory is not None:
            link += [f"-Wl,--defsym=FLASH_BYTES={self.memory.flash},--defsym=RAM_BYTES={self.memory.ram}"]
            has = f"{self.memory.flash:,} bytes of flash and {self.memory.ram:,} bytes of RAM"
        self.called(
            [self.target.compiler, *self.target.flags, *link, *objects, "-o", "program"],
            wanted=f"{self.name} within {has}, which the simulated board has",
            remedy="pick a smaller network, or measure it on a board of your own",
        )
        return sizes_of((self.folder / "map").read_text(errors="replace"), object_name="network.o")

    def run(self, images: NDArray[Any], *, hook: str) -> tuple[Sizes, dict[str, list[int]], Logits]:
        """Compile the network, link it and run it: its size, what it says of itself, and its logits."""
        sizes = self.link(hook=hook)
        (self.folder / "images.bin").write_bytes(images.tobytes())
        console = ["-chardev", "stdio,id=host", "-semihosting-config", "enable=on,target=native,chardev=host"]
        command = [*self.target.simulator, "-icount", "shift=0", *console, "-kernel", "program"]
        output = self.called(command, wanted=f"that {self.name} runs there")
        said: dict[str, list[int]] = {}
        for key, _, value in (line.partition(" ") for line in output.decode(errors="replace").splitlines()):
            if re.fullmatch(r"[0-9a-f]+", value):
                said.setdefault(key, []).append(int(value, 16))
        logits = np.fromfile(self.folder / "logits.bin", dtype=np.float32)
        if said.get("images") != [len(images)] or not len(logits):
            raise ExportError(
                f"the logits of {len(images)} images from the simulator",
                found=f"{said.get('images', [0])[0]}",
                remedy="look at what it says: " + output.decode(errors="replace")[:200],
            )
        return sizes, said, logits

    def _compile(self, source: str, *flags: str, to: str = "") -> None:
        command = [self.target.compiler, *self.target.flags, self.optimization, *COMPILE, *flags, "-c", f"{source}.c"]
        self.called([*command, "-o", f"{to or source}.o"], wanted=f"that {source}.c compiles")

    def called(self, command: Sequence[str], *, wanted: str, remedy: str = "look at what it says") -> bytes:
        """Run a command in the folder; what it writes."""
        return run_command(command, wanted=wanted, cwd=self.folder, seconds=SECONDS, remedy=remedy)
