"""Claim: the page of a run with 10,000 evaluations takes at most 6 MB, and is interactive within 2 seconds.

The run is made up: genomes of the default cell space, costs counted, errors drawn. Its page is written with
``reports.pages.page.run_page`` and opened in headless Chromium, a fresh tab each time; the median is reported.

``ready`` is the time from navigation until the scatter is drawn; ``first`` that to a table and a network that can be
used, before plotly is unpacked; ``choose`` and ``brush`` are the time of one redraw of everything that is linked.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from report import write_report

from evonas.config.load import dump_config, parse_config
from evonas.run.context import open_context
from evonas.spaces.genome import to_text
from reports.pages.page import run_page
from reports.run_folder.facts import GeneFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Evaluation
from reports.tables.front import front_table
from reports.tables.snapshot import Snapshot

sys.path.append(str(Path(__file__).parents[1]))  # the tests' browser
from tests.support.chromium import CHROMIUM, chromium

EVALUATIONS, TABS = 10_000, 5


def main() -> None:
    """Make a run, write its page, open it a few times, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the evaluations")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    count, tabs = (1_000, 2) if chosen.quick else (EVALUATIONS, TABS)
    with tempfile.TemporaryDirectory() as scratch:
        run = made_up(Path(scratch) / "run", count)
        start = time.perf_counter()
        text = run_page(Snapshot(run))
        writing = time.perf_counter() - start
        page = Path(scratch) / "report.html"
        page.write_text(text, encoding="utf-8")
        size = page.stat().st_size / 1e6
        times = opened(page, Path(scratch) / "profile", tabs) if CHROMIUM else {}
    results: list[dict[str, Any]] = [
        {"name": "page", "value": size, "unit": "MB", "target": "<= 6", "holds": size <= 6},
        {"name": "writing it", "value": writing, "unit": "s"},
    ]
    for name, values in times.items():
        median = statistics.median(values)
        target = {"target": "<= 2", "holds": median <= 2} if name == "ready" else {}
        results.append({"name": name, "value": median, "unit": "s", **target})
    for row in results:
        print(f"{row['name']:12}{row['value']:8.3f} {row['unit']}  {row.get('target', '')}")
    print(f"{count:,} evaluations, median of {tabs} tabs, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    write_report(chosen.json, __doc__, results=results, quick=chosen.quick, tabs=tabs, load=os.getloadavg()[0])


def made_up(path: Path, count: int) -> RunFolder:
    """A run whose networks are real and whose errors are drawn."""
    config = parse_config({"search": {"budget": count}}, source="benchmark")
    problem, rng = open_context(config).problem, np.random.default_rng(0)
    space, measures = problem.space, problem.measures
    run = RunFolder.create(
        path,
        run_toml=dump_config(config),
        measures=measures.table,
        objectives=measures.objectives,
        constraints={},
        bounds={"error": (0.0, 0.9), "model_size": (300, 2e5), "bitops": (1e5, 2e8)},
        started_with={"versions": {}},
        log10_space_size=space.log10_size(),
        genes=[GeneFacts(name=gene.name, choices=list(gene.choices)) for gene in space.genes],
        stop_reason="made up",
    )
    genomes = space.sample(rng, count)
    with run.opened():
        for number, counted in enumerate(problem.costs(run.scaling).counted(genomes)):
            error = float(np.clip(900 / counted.values["model_size"] ** 0.9 + rng.gamma(2, 0.02), 0.005, 0.9))
            values = counted.values | {"error": error}
            run.append(Evaluation(Origin.SEARCH, number // 40, to_text(genomes[number]), values))
        run.store_networks(problem.describe(front_table(run)["genome"].tolist())[0])
    return run


def opened(page: Path, profile: Path, tabs: int) -> dict[str, list[float]]:
    """Seconds by what was waited for, one per tab."""
    times: dict[str, list[float]] = {"first": [], "ready": [], "choose": [], "brush": []}
    timed = "(() => {{ const start = performance.now(); {0}; return (performance.now() - start) / 1000; }})()"
    with chromium(profile) as browser:
        for _ in range(tabs):
            tab = browser.page()
            tab.open(page)
            times["first"].append(tab.evaluate("Number(document.documentElement.dataset.usable)") / 1000)
            times["ready"].append(tab.evaluate("Number(document.documentElement.dataset.ready)") / 1000)
            times["choose"].append(tab.evaluate(timed.format("pick(networks.id[3])")))
            brush = "setBrush('model_size', scales.model_size.low, scales.model_size.value(0.5))"
            times["brush"].append(tab.evaluate(timed.format(brush)))
            if tab.complaints:
                raise RuntimeError(f"the page complains: {tab.complaints}")
    return times


if __name__ == "__main__":
    main()
