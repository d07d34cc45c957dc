"""Exported files that are damaged or forged: verified, or refused; none runs as code, none is taken for another."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import evonas
from drills.damage import damaged
from drills.harness import command
from drills.small_run import ensure
from evonas.export.seal import BLANK, DIGEST, seal

FORMATS = ("torch", "c", "onnx", "onnx-qdq", "qonnx")


class Exports:
    """Half of the files have a digest that fits what was done to them."""

    name, full, quick = "export files", 5000, 40

    def __init__(self, home: Path) -> None:
        self.home, self.run = home, ensure(home.parent / "whole")
        run = evonas.open_run(self.run)
        self.files = [path for form in FORMATS for path in run.export("knee", format_name=form)]

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        whole = self.files[number % len(self.files)]
        raw = damaged(whole.read_bytes(), rng)
        if number % 2 and (found := DIGEST.search(raw)):
            raw = raw[: found.start(1)] + BLANK + raw[found.end(1) :]
            if raw.count(BLANK) == 1:
                raw = seal(raw)
        path = folder / whole.name
        path.write_bytes(raw)
        ended = command("verify", path, "--run", self.run, "--images", "8", cwd=folder)
        shutil.rmtree(folder)
        faults = [f"{fault} ({whole.suffix})" for fault in ended.faults]
        if raw != whole.read_bytes() and number % 2 == 0 and ended.code == 0:
            faults.append(f"a damaged {whole.suffix} file passes")
        return faults
