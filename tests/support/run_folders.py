"""Run folders written by hand: no search, no torch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import tomli_w

from objectives import OBJECTIVES
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation

BOUNDS = {"error": (0.0, 0.9), "model_size": (100.0, 10_000.0), "bitops": (1e3, 1e6)}


def copied(path: Path, to: Path) -> Path:
    """A copy of a finished run that other processes may be reading: what SQLite writes for readers comes and goes."""
    return Path(shutil.copytree(path, to, ignore=shutil.ignore_patterns("*-wal", "*-shm")))


def row(origin: str, error: float, size: int, bitops: int = 5000, **changed: Any) -> Evaluation:
    values = dict.fromkeys(OBJECTIVES, 1.0) | {"error": error, "model_size": size, "bitops": bitops}
    return Evaluation(**{"origin": origin, "generation": 0, "genome": f"{size}", "values": values} | changed)


def folder_at(
    path: Path,
    *rows: Evaluation,
    name: str = "by hand",
    seed: int = 0,
    estimate: dict[str, Any] | None = None,
    **search: Any,
) -> RunFolder:
    """A run folder; ``estimate`` is that section of its run file, ``search`` are keys of that section."""
    settings: dict[str, Any] = {"objectives": ["error", "model_size", "bitops"], "constraints": {}} | search
    sections = {"search": settings} | ({"estimate": estimate} if estimate else {})
    folder = RunFolder.create(
        path,
        run_toml=tomli_w.dumps({"name": name, "seed": seed, **sections}),
        measures=OBJECTIVES,
        objectives=settings["objectives"],
        constraints=settings["constraints"],
        bounds=BOUNDS,
        created="2026-01-01",
        started_with={"versions": {"evonas": "0"}},
        log10_space_size=8.0,
        seconds=1.0,
        stop_reason="Done.",
    )
    with folder.opened():
        for each in rows:
            folder.append(each)
    return folder
