"""Many runs on one self-contained page: what they reached, their fronts, their progress, their settings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from reports.comparison import common_convergence, run_labels, runs_texts, setting_differences
from reports.front import front_table
from reports.html import fill, html_table
from reports.page_data import columns_of
from reports.query import QueryError
from reports.run_folder import RunFolder


def comparison_page(runs: Sequence[RunFolder]) -> str:
    """The page of several runs, of any objectives and spaces; they share at least one measure.

    Raises:
        QueryError: They do not.
    """
    shared = [name for name in runs[0].measures if all(name in run.measures for run in runs)]
    if not shared:
        raise QueryError(
            "runs that measure something in common",
            found="; ".join(", ".join(run.measures) for run in runs),
            remedy="compare runs of one kind",
        )
    labels, table = run_labels(runs), runs_texts(runs)
    error = "error" if "error" in shared else shared[0]
    costs = [name for name in runs[0].objectives if name in shared and name != error] or shared
    try:
        convergence = columns_of(common_convergence(runs))
        volumes = (
            "Hypervolume of everything found so far, measured on one scale for all runs: from the least low bound to "
            "the greatest high bound of any. The numbers differ from those on the runs' own pages."
        )
    except QueryError as problem:
        convergence = None
        volumes = f"No hypervolume means the same for all: {problem.found}."
    data = {
        "runs": [
            {"label": label, "path": str(run.path), "texts": texts, "front": _front(run, shared)}
            for run, label, texts in zip(runs, labels, table.iloc[:, 1:].to_numpy().tolist(), strict=True)
        ],
        "columns": [str(name) for name in table.columns[1:]],
        "measures": [runs[0].measures[name].facts for name in shared],
        "x": costs[0],
        "y": error,
        "convergence": convergence,
    }
    differing = setting_differences(runs).astype(object)
    return fill(
        "compare.html",
        scripts=("common.js", "compare.js"),
        data=data,
        name=f"{len(runs)} runs compared",
        lead=escape(", ".join(labels)),
        volumes=escape(volumes),
        settings=html_table(differing.where(differing.notna(), "")) if len(differing) else "<p>None.</p>",
    )


def _front(run: RunFolder, names: Sequence[str]) -> dict[str, Any]:
    front = front_table(run)
    texts = {name: [run.measures[name].display(value) for value in front[name]] for name in names}
    return {"id": front["id"].tolist(), "values": columns_of(front[list(names)]), "texts": texts}
