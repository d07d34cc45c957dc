"""Compiles an exported C file and runs it on images, to see that its logits are those that it should give."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evonas.errors import ExportError

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-DEVONAS_MAIN")
SECONDS = 600  # for each of the two


def run_c(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits ``(n, classes)`` of a C file that :func:`evonas.export.c_source.c_source` wrote.

    Args:
        path: The file.
        pixels: ``(n, channels, height, width)``.

    Raises:
        ExportError: There is no compiler, the file does not compile, or the program fails.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise ExportError(
            f"a C compiler to run {path.name}",
            found=f"none of {', '.join(COMPILERS)}",
            remedy="install one, such as gcc; the file itself needs none to be copied elsewhere",
        )
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "network"
        _run([compiler, *FLAGS, "-o", str(program), str(path)], wanted=f"that {path.name} compiles")
        output = _run([str(program)], wanted=f"that {path.name} runs", stdin=np.ascontiguousarray(pixels).tobytes())
    if not len(output) or len(output) % (4 * len(pixels)):
        raise ExportError(
            f"the logits of {len(pixels)} images from {path.name}",
            found=f"{len(output)} bytes",
            remedy="give it images of the size that it was exported for",
        )
    return np.frombuffer(output, dtype=np.float32).reshape(len(pixels), -1)


def _run(command: Sequence[str], *, wanted: str, stdin: bytes = b"") -> bytes:
    remedy = "export it again, or look at what it says"
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ExportError(wanted, found=f"not done after {SECONDS} seconds", remedy="give it fewer images") from None
    if done.returncode:
        text = done.stderr.decode(errors="replace").strip().splitlines()[:5]
        raise ExportError(wanted, found="\n        ".join(text) or f"exit status {done.returncode}", remedy=remedy)
    return done.stdout
