"""Keys that run files once had: switched off they say what holds now; else it is told what took their place."""

from __future__ import annotations

import warnings
from typing import Any

from evonas.errors import RunFileWarning

REMOVED = {
    "correction_networks": "estimates rest on networks that are trained in full: set anchors",
    "tuning_networks": "the best networks are trained in full: set trainings under [search]",
    "tuning_steps": "the best networks are trained in full: set trainings under [search]",
}
"""Of [estimate], by key."""


def without_removed(raw: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A run file's content without keys that are no more.

    Args:
        raw: The content.

    Returns:
        The rest, and a problem for each such key that asked for something: what was found and what to do.
    """
    estimate = raw.get("estimate")
    if not isinstance(estimate, dict) or not REMOVED.keys() & estimate:
        return raw, []
    problems = []
    for key in [key for key in estimate if key in REMOVED]:
        if estimate[key] in (0, False):
            text = f"estimate.{key} is no key any more, and 0 is what holds: leave it out"
            warnings.warn(text, RunFileWarning, stacklevel=4)
        else:
            problems.append((f"estimate.{key} is no key any more", f"estimate.{key}: {REMOVED[key]}"))
    rest = {key: value for key, value in estimate.items() if key not in REMOVED}
    return raw | {"estimate": rest}, problems
