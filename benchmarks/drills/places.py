"""Folders that are full, read-only, removed or of strangers: told, looked at, and never a way in."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import tomli_w

from drills.harness import command
from drills.kills import result
from drills.run_files import OWN, SMALL
from drills.small_run import ensure, trace_of, with_trap

KIB = (16, 40, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096)
LOADING = (("resume",), ("train",), ("trust",), ("export",), ("show", "--genome", "0-0"), ("show", "--pick", "1"))
LOOKING = (("front",), ("show",), ("report",), ("plot", "front", "--out", "f.pdf"), ("compare",))
CAPABILITIES = 0x20080522  # version 3 of Linux' interface


class Places:
    """Eleven sizes of a full disk, folders that may only be read, and folders that name code."""

    name, full, quick = "places", 110, 16

    def __init__(self, home: Path) -> None:
        self.home, self.whole = home, ensure(home.parent / "whole")
        (home / "own.py").write_text(OWN, encoding="utf-8")
        raw = {"space": {"kind": f"{home}/own.py:OWN"}, "search": SMALL, "compute": {"workers": 1}}
        (home / "run.toml").write_text(tomli_w.dumps(raw), encoding="utf-8")
        command("search", home / "run.toml", "--out", home / "formula", cwd=home)
        self.expected = result(home / "formula")

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        kinds = (self._full, self._read_only, self._foreign, self._gone)
        faults = kinds[number % 4](folder, number // 4, rng)
        shutil.rmtree(folder, ignore_errors=True)
        return faults

    def _full(self, folder: Path, number: int, rng: Random) -> list[str]:
        del rng
        size = KIB[number % len(KIB)]
        with disk(folder, size) as place:
            if place is None:
                return []
            out = place / "run"
            faults = command("search", self.home / "run.toml", "--out", out, cwd=folder).faults
            if (out / "archive.sqlite").exists():
                faults += command("front", out, cwd=folder).faults
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            deed = (
                ("resume", out)
                if (out / "archive.sqlite").exists()
                else ("search", self.home / "run.toml", "--out", out)
            )
            ended = command(*deed, cwd=folder)
            faults += ended.faults
            if ended.code or result(out)[0] != self.expected[0] or not result(out)[1].equals(self.expected[1]):
                faults.append(f"another result: {ended.err[-300:]}")
        return [f"{fault} (disk of {size} KiB)" for fault in faults]

    def _read_only(self, folder: Path, number: int, rng: Random) -> list[str]:
        run = Path(shutil.copytree(self.whole, folder / "run"))
        if rng.random() < 0.5:
            for extra in ("-wal", "-shm"):
                (run / f"archive.sqlite{extra}").touch()
        for path in (run, *run.rglob("*")):
            path.chmod(path.stat().st_mode & 0o555 | 0o444)
        words = LOOKING[number % len(LOOKING)]
        others = [str(self.whole)] if words[0] == "compare" else []
        more = ["--out", "page.html"] if words[0] == "report" else []
        ended = command(words[0], run, *others, *words[1:], *more, cwd=folder, before=_as_others)
        return ended.faults + ([f"cannot be looked at: {words}: {ended.err[-300:]}"] if ended.code else [])

    def _foreign(self, folder: Path, number: int, rng: Random) -> list[str]:
        run = Path(shutil.copytree(self.whole, folder / "run"))
        with_trap(run, rng)
        words = (*LOADING, *LOOKING)[number % (len(LOADING) + len(LOOKING))]
        others = [str(self.whole)] if words[0] == "compare" else []
        ended = command(words[0], run, *others, *words[1:], cwd=folder)
        faults = ended.faults
        if trace_of(folder).exists():
            faults.append(f"code ran: {words}")
        if words[0] in ("resume", "train", "trust", "export") and "--trust-code" not in ended.err:
            faults.append(f"does not ask: {words}: {ended.err[-200:]}")
        return faults

    def _gone(self, folder: Path, number: int, rng: Random) -> list[str]:
        out = folder / "run"
        if number % 2:
            out.write_text("a file", encoding="utf-8")
            return command("search", self.home / "run.toml", "--out", out, cwd=folder).faults
        moment = rng.randrange(60)

        def vanishes() -> None:
            from reports.run_folder.folder import RunFolder

            left, append = [moment % 12], RunFolder.append

            def appended(run: RunFolder, row: object) -> None:
                left[0] -= 1
                if left[0] < 0:
                    shutil.rmtree(out, ignore_errors=True)
                append(run, row)  # type: ignore[arg-type]

            RunFolder.append = appended  # type: ignore[method-assign,assignment]

        return command("search", self.home / "run.toml", "--out", out, cwd=folder, before=vanishes).faults


def _as_others() -> None:
    """Root may write everywhere: give that right up, which this process cannot take back."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None)
    head, sets = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    libc.capget(head, sets)
    for place in range(3):  # effective, permitted, inheritable
        sets[place] &= ~0b110  # to write, and to read, whatever the modes of files say
    libc.capset(head, sets)


@contextmanager
def disk(folder: Path, kib: int) -> Iterator[Path | None]:
    """A small file system of its own; None where none may be mounted."""
    place = folder / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
