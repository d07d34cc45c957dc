"""Compiles an exported C file and runs it on images, so that its logits can be checked."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.errors import ExportError
from evonas.export.c.options import COptions, as_laid_out
from evonas.export.c.source import program_of
from evonas.export.format import Runner
from evonas.export.seal import Sealed

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-DEVONAS_MAIN")
SECONDS = 600  # limit for compiling, and for running


class CProgram:
    """A C file, compiled into a temporary folder and run as a process of its own.

    Args:
        path: The file.

    Raises:
        ExportError: There is no compiler, the file does not compile, or the program fails.
    """

    def __init__(self, path: Path) -> None:
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None:
            raise ExportError(
                f"a C compiler to run {path.name}",
                found=f"none of {', '.join(COMPILERS)}",
                remedy="install one, such as gcc; the file itself needs none to be copied elsewhere",
            )
        self.name = path.name
        self._folder = tempfile.TemporaryDirectory()
        self._finalizer = weakref.finalize(self, self._folder.cleanup)
        self._program = str(Path(self._folder.name) / "network")
        run_command([compiler, *FLAGS, "-o", self._program, str(path)], wanted=f"that {path.name} compiles")

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits ``(n, classes)`` of images, in the order in which the file reads them."""
        output = run_command(
            [self._program], wanted=f"that {self.name} runs", stdin=np.ascontiguousarray(pixels).tobytes()
        )
        if not len(output) or len(output) % (4 * len(pixels)):
            raise ExportError(
                f"the logits of {len(pixels)} images from {self.name}",
                found=f"{len(output)} bytes",
                remedy="give it images of the size that it was exported for",
            )
        return np.frombuffer(output, dtype=np.float32).reshape(len(pixels), -1)


def run_c(sealed: Sealed) -> Runner:
    """Compile a checked file; what was checked is what is compiled."""
    options = COptions.of(sealed.facts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.c"
        if sealed.files:
            for name in (f"{options.name}.h", f"{options.name}.c"):
                (path.parent / name).write_bytes(
                    next(raw for key, raw in sealed.files.items() if Path(key).name == name)
                )
            path.write_text(f'#include "{options.name}.c"\n{program_of(options)}', encoding="ascii")
        else:
            path.write_bytes(sealed.raw)
        compiled = CProgram(path)
    return lambda images: compiled(as_laid_out(images, options))


def run_command(
    command: Sequence[str],
    *,
    wanted: str,
    stdin: bytes = b"",
    cwd: Path | None = None,
    seconds: int = SECONDS,
    remedy: str = "export it again, or look at what it says",
) -> bytes:
    """Run a program and return what it writes.

    Args:
        command: The program and its arguments.
        wanted: What shall come of it, for messages.
        stdin: What it reads.
        cwd: The folder to run it in.
        seconds: How long it may take.
        remedy: What to do where it fails.

    Raises:
        ExportError: It fails or takes too long.
    """
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, check=False, cwd=cwd)
    except subprocess.TimeoutExpired:
        raise ExportError(wanted, found=f"not done after {seconds} seconds", remedy="give it fewer images") from None
    if done.returncode:
        text = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[:5]
        raise ExportError(
            wanted,
            found="\n        ".join(text) or f"exit status {done.returncode}",
            remedy=remedy,
        )
    return done.stdout
