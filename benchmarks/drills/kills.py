"""Searches that are killed at a chosen moment, from the first file on, and two at once: none loses an evaluation."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import tomli_w

from drills.harness import Ended, command
from drills.run_files import OWN, SMALL
from drills.small_run import NETWORKS
from reports.run_folder import archive
from reports.run_folder.folder import RunFolder

FORMULA = "formula"


class Kills:
    """Of three cases, one is killed while its folder is made, one at any moment; one is a pair."""

    name, full, quick = "kills", 240, 9

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "own.py").write_text(OWN, encoding="utf-8")
        formula = {
            "name": "formula",
            "space": {"kind": f"{home}/own.py:OWN"},
            "search": SMALL,
            "compute": {"workers": 1},
        }
        self.results: dict[str, tuple[bytes, pd.DataFrame]] = {}
        self.moments: dict[str, int] = {}
        for name, settings in ((FORMULA, formula), ("networks", NETWORKS)):
            (home / f"{name}.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
            clock = Clock(home / name)
            command("search", home / f"{name}.toml", "--out", home / name, cwd=home, seconds=300, before=clock.start)
            self.results[name], self.moments[name] = result(home / name), clock.now

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        out = folder / "run"
        if number % 3 == 2:
            return self._pair(out, folder)
        name = FORMULA if number % 3 == 0 else rng.choice((FORMULA, "networks"))
        moment = number // 3 if number % 3 == 0 else rng.randrange(self.moments[name])
        moment %= self.moments[name]
        clock = Clock(out, ends_at=moment)
        self._search(name, out, folder, before=clock.start)
        faults = []
        for _ in range(rng.choice((1, 1, 2))):  # and maybe once more, on the way back
            again = Clock(out, ends_at=rng.randrange(self.moments[name]) if rng.random() < 0.3 else -1)
            self._again(name, out, folder, before=again.start)
        faults += self._again(name, out, folder).faults
        return [
            f"{fault} (killed at {moment} of {self.moments[name]}, {name})" for fault in faults + self._other(name, out)
        ]

    def _pair(self, out: Path, folder: Path) -> list[str]:
        ended: list[Ended] = []

        def one(place: Path) -> None:
            place.mkdir()
            ended.append(self._search(FORMULA, out, place))

        both = [threading.Thread(target=one, args=[folder / name]) for name in ("one", "two")]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        faults = [fault for one_of_them in ended for fault in one_of_them.faults]
        if sorted(one_of_them.code for one_of_them in ended) != [0, 2]:
            faults.append(f"of two at once, {[one_of_them.code for one_of_them in ended]}")
        return faults + self._other(FORMULA, out)

    def _search(self, name: str, out: Path, cwd: Path, before: Callable[[], None] | None = None) -> Ended:
        return command("search", self.home / f"{name}.toml", "--out", out, cwd=cwd, seconds=300, before=before)

    def _again(self, name: str, out: Path, cwd: Path, before: Callable[[], None] | None = None) -> Ended:
        """What a user does next: resume what can be, and start the others once more."""
        if (out / "archive.sqlite").exists():
            return command("resume", out, cwd=cwd, seconds=300, before=before)
        return self._search(name, out, cwd, before)

    def _other(self, name: str, out: Path) -> list[str]:
        front, rows = self.results[name]
        try:
            found = result(out)
        except Exception as error:
            return [f"no result: {type(error).__name__}: {error}"]
        return [] if found[0] == front and found[1].equals(rows) else ["another result"]


def result(folder: Path) -> tuple[bytes, pd.DataFrame]:
    """What must be equal: the front's file, and every evaluation without the time it took."""
    return (folder / "front.csv").read_bytes(), RunFolder(folder).evaluations().drop(columns="seconds")


class Clock:
    """Counts what a search does to its folder, files opened and rows stored, and may kill it at a moment.

    Args:
        folder: The run's.
        ends_at: The moment; -1: never.
    """

    def __init__(self, folder: Path, *, ends_at: int = -1) -> None:
        self.folder, self.ends_at = str(folder), ends_at
        self._shared = mmap.mmap(-1, 8)  # with the fork that counts

    @property
    def now(self) -> int:
        """Moments so far."""
        found: int = struct.unpack("q", self._shared[:8])[0]
        return found

    def start(self) -> None:
        """Count from now on, in this process."""
        sys.addaudithook(self._hears)
        for place, name in (
            (RunFolder, "append"),
            (RunFolder, "store"),
            (RunFolder, "append_score"),
            (archive, "seal"),
        ):
            setattr(place, name, self._counted(getattr(place, name)))

    def _hears(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(("open", "os.", "sqlite3.connect", "shutil")) and any(
            self.folder in str(one) for one in arguments[:2]
        ):
            self._tick()

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self._tick()
            found = function(*arguments, **options)
            self._tick()
            return found

        return counted

    def _tick(self) -> None:
        if self.now == self.ends_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._shared[:8] = struct.pack("q", self.now + 1)
