"""Write docs/reference/objectives.md from the functions in objectives/: ``python docs/make_objectives.py``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from objectives import LATENCY, OBJECTIVES, QUALITIES, Objective
from objectives.energy import energy_table
from objectives.latency import measure_latency

CAPTIONS = {
    "error": "Share of held-out images that a network gets wrong.",
    "balanced_error": "1 minus the mean recall over the classes, on held-out images.",
    "macro_f1_error": "1 minus the mean F1 over the classes, on held-out images.",
}
HEAD = """# Objectives

What a network is measured by. Any of them may be minimised (`objectives` under `[search]`) or bounded (`constraints`);
one of your own comes by path, see [own.md](../guide/own.md). All but `latency` and what counts as error are counted
from the layers and are in every `front.csv`: exactly, but for `instructions` and `flash`, which are a fit. Of `error`,
`balanced_error` and `macro_f1_error` a run has one, by default `error`.

| name | unit | what it is |
| --- | --- | --- |
"""


def page() -> str:
    """The page's text."""
    every = [*(QUALITIES | OBJECTIVES).values(), LATENCY]
    text = HEAD
    for objective in every:
        text += f"| [`{objective.name}`](#{objective.name}) | {objective.unit or 'count'} | {_caption(objective)} |\n"
    for objective in every:
        text += f"\n## `{objective.name}`\n\n{_described(objective)}\n"
        if objective.name == "energy":
            rows, source = energy_table()
            text += f"\nThe table: {source}.\n\n| weight bits | activation bits | pJ per MAC |\n| --- | --- | --- |\n"
            text += "".join(f"| {weight} | {act} | {picojoules:.4g} |\n" for weight, act, picojoules in rows)
    return text


def _caption(objective: Objective) -> str:
    measure = objective.measure
    if objective.name in CAPTIONS:
        return CAPTIONS[objective.name]
    name = "objectives.latency" if measure is None else measure.__module__
    if objective.name in ("binary_ops", "bitops", "flops", "macs"):  # one file for the four of them
        return (inspect.getdoc(measure) or "").splitlines()[0].replace("``", "`")
    return (sys.modules[name].__doc__ or "").splitlines()[0].replace("``", "`")


def _described(objective: Objective) -> str:
    """A function's docstring as paragraphs, each one line; arguments and examples left out."""
    function = measure_latency if objective is LATENCY else objective.measure
    if function is None:
        text = _caption(objective) + " During a search it is estimated, and measured at its end: "
        text += "[estimates.md](../guide/estimates.md)."
        if objective.name == "error":
            return text
        return text + " What it counts, and what guessing reaches: [unbalanced data](../data.md#unbalanced-data)."
    doc = (inspect.getdoc(function) or "").replace("References:\n", "Reference: ")
    parts = [" ".join(part.split()) for part in doc.split("\n\n")]
    kept = [part for part in parts if not part.startswith(("Args:", "Returns:", "Raises:", "Example:", ">>>"))]
    return "\n\n".join(re.sub(r":(?:func|class|meth):`([^`]+)`", r"`\1`", part).replace("``", "`") for part in kept)


if __name__ == "__main__":
    (Path(__file__).parent / "reference" / "objectives.md").write_text(page(), encoding="utf-8")
