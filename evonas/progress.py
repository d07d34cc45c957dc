"""Progress of a run: a live display in a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from objectives.display import plain


class Observer(Protocol):
    """Receives the progress of a run."""

    def phase(self, title: str, *, total: int) -> None:
        """A new phase of ``total`` steps begins."""

    def advance(self, done: int, *, note: str = "") -> None:
        """The phase has done ``done`` steps in all; ``note`` says how it stands."""


class Silent:
    """Shows nothing."""

    def phase(self, title: str, *, total: int) -> None:
        """Ignore it."""

    def advance(self, done: int, *, note: str = "") -> None:
        """Ignore it."""


class LiveDisplay:
    """One bar per phase: steps done, a note, time spent and left. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description:<22}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="cyan", markup=False),
            console=console,
        )
        self._task = self._progress.add_task("", visible=False, note="")
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def phase(self, title: str, *, total: int) -> None:
        """Start a bar, or continue the one with this title: phases of a search alternate."""
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=total, note="")
        self._task = self._tasks[title]
        self._progress.update(self._task, total=total)

    def advance(self, done: int, *, note: str = "") -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, note=plain(note))


@contextmanager
def observer(*, is_visible: bool) -> Iterator[Observer]:
    """A live display on stderr, or silence."""
    if not is_visible:
        yield Silent()
        return
    with LiveDisplay(Console(stderr=True)) as display:
        yield display
