"""What every benchmark writes with --json: its claim, its results, versions and the machine in words."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "pymoo")


def write_report(
    path: Path | None, document: str | None, *, results: Sequence[Mapping[str, Any]], quick: bool, **more: Any
) -> None:
    """Write the results; nothing without a path.

    Args:
        path: The JSON file.
        document: The benchmark's docstring; its first line is the claim.
        results: One line a number, with name, value and unit; target and whether it holds where there is one.
        quick: Whether it was a quick run.
        more: Further facts and rows.
    """
    if path is None:
        return
    report = {
        "claim": (document or "").partition("\n")[0].removeprefix("Claim: "),
        "quick": quick,
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "machine": f"{os.cpu_count()} cores of {platform.machine()}, {platform.system()}, no GPU",
        **more,
        "results": results,
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
