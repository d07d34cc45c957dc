"""What tests of whole runs share: stop one, change one section of its run file, compare two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from evonas.config.load import RunConfig
from evonas.training import network_training
from objectives import OBJECTIVES
from reports.run_folder.files import write_atomically
from reports.run_folder.folder import RunFolder
from reports.tables.front import front_table

MEASURED = [
    "error",
    "scored_error",
    "scored_loss",
    *(name for name, objective in OBJECTIVES.items() if objective.is_analytic),
]
WITHOUT_CLOCK = ["id", "origin", "generation", "genome", "reason", *MEASURED]


class StopAfter:
    """Interrupts a run at its n-th sign of life, as Ctrl-C would."""

    def __init__(self, signs: int) -> None:
        self.left = signs

    def phase(self, title: str, *, total: int) -> None:
        del title, total

    def advance(self, done: int, *, note: str = "") -> None:
        del done, note
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def with_(config: RunConfig, section: str, **changed: object) -> RunConfig:
    return config.model_copy(update={section: getattr(config, section).model_copy(update=changed)})


def write_front(run: RunFolder) -> Path:
    """Write ``front.csv`` alone: what :func:`reports.pages.page.write_reports` writes, without figures and page."""
    path = run.path / "front.csv"
    write_atomically(path, front_table(run).to_csv(index=False))
    return path


def assert_same_result(first: RunFolder, second: RunFolder) -> None:
    assert (first.path / "front.csv").read_bytes() == (second.path / "front.csv").read_bytes()
    pd.testing.assert_frame_equal(first.evaluations()[WITHOUT_CLOCK], second.evaluations()[WITHOUT_CLOCK])


def interrupted_after(n: int) -> Callable[..., Iterator[tuple[Tensor, Tensor]]]:
    """What trainings draw their batches with, stopped after ``n`` of them; to be patched in network_training."""
    whole = network_training.image_batches

    def few(*args: Any, **kwargs: Any) -> Iterator[tuple[Tensor, Tensor]]:
        yield from islice(whole(*args, **kwargs), n)
        raise KeyboardInterrupt

    return few
