"""Run files and plans with every kind of mistake: told in three parts, in no time, and nothing runs."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import tomli_w

from drills.damage import changed, damaged
from drills.harness import Ended, command
from evonas.config.load import RunConfig

OWN = """
from evonas.spaces import Problem
OWN = Problem({"x": (1, 2, 3, 4), "y": (1, 2, 3)}, lambda c: {"a": c["x"], "b": c["y"] - c["x"]}, objectives=["a", "b"])
"""
SMALL = {"budget": 12, "population": 4, "predictors": [], "has_baseline": False}


class RunFiles:
    """Two thirds are looked at, by ``evonas spaces``; of the others a search of a formula or a batch is made."""

    name, full, quick = "run files", 6000, 48

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "own.py").write_text(OWN, encoding="utf-8")
        whole = RunConfig().model_dump(mode="json")
        self.whole = {**whole, "data": {**whole["data"], "limit": 100}}
        self.formula = {**whole, "space": {"kind": f"{home}/own.py:OWN"}, "search": dict(SMALL)}

    def case(self, number: int, rng: Random) -> list[str]:
        """See :class:`drills.harness.Part`."""
        folder = self.home / str(number)
        folder.mkdir()
        kind = number % 6
        raw = changed(self.formula if kind == 5 else self.whole, rng)
        path = folder / "run.toml"
        text = written(raw)
        path.write_bytes(damaged(text, rng) if number % 3 == 0 else text)
        ended = self._ended(kind, path, folder)
        return ended.faults

    def _ended(self, kind: int, path: Path, folder: Path) -> Ended:
        if kind == 4:
            return command("batch", path, "--out", folder / "out", "--workers", "1", cwd=folder)
        if kind == 5:
            return command("search", path, "--out", folder / "out", "--workers", "1", cwd=folder)
        return command("spaces", path, cwd=folder, seconds=120)


def written(raw: dict[str, Any]) -> bytes:
    """As TOML; what TOML cannot hold is written as an odd word."""
    try:
        return tomli_w.dumps(_plain(raw)).encode(errors="surrogatepass")
    except (TypeError, ValueError):
        return repr(raw).encode(errors="surrogatepass")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return math.nan if value is None else value
    return value
