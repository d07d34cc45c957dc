"""Processor seconds of a process and its children, and a clock that survives stops."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from evonas.files import write_atomically

EVERY = 2.0  # seconds after which the clock is written again: as much is lost at most when a process is killed


def processor_seconds() -> float:
    """What this process and the children that it waited for have used."""
    return sum(os.times()[:4])


class Clock:
    """Counts what a run uses, phase by phase; an observer of it (:class:`evonas.progress.Observer`).

    A run that is killed loses what it used since the count was last written, mostly for work that was lost as well.

    Args:
        path: Where the count is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.phases: dict[str, float] = known.get("phases", {})
        self.wall, self.starts = float(known.get("wall", 0.0)), int(known.get("starts", 0)) + 1
        self._title, self._marks = "before and between", (processor_seconds(), time.perf_counter())

    def phase(self, title: str, *, total: int) -> None:
        """Count under this title from now on."""
        del total
        self.keep()
        self._title = title

    def advance(self, done: int, *, note: str = "") -> None:
        """Write the count now and then."""
        del done, note
        if time.perf_counter() - self._marks[1] > EVERY:
            self.keep()

    def keep(self) -> None:
        """Write the count."""
        before, self._marks = self._marks, (processor_seconds(), time.perf_counter())
        self.phases[self._title] = self.phases.get(self._title, 0.0) + self._marks[0] - before[0]
        self.wall += self._marks[1] - before[1]
        facts = {"phases": self.phases, "wall": self.wall, "starts": self.starts}
        write_atomically(self.path, json.dumps(facts).encode())

    @property
    def seconds(self) -> float:
        """All processor seconds until now."""
        return sum(self.phases.values()) + processor_seconds() - self._marks[0]

    @property
    def of_trainings(self) -> float:
        """Those of whole trainings."""
        return sum(seconds for title, seconds in self.phases.items() if title.startswith(TRAININGS))


TRAININGS = ("training anchors", "training the best")
