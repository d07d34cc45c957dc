"""A comparison of searches for people: one self-contained page, and its numbers as CSV files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from objectives.held_out import quality_among
from reports.comparison.comparison import Comparison
from reports.comparison.runs import runs_texts, setting_differences
from reports.figures.bands import Step, bands_svg
from reports.pages.html import html_table
from reports.run_folder.files import csv_text, write_atomically
from reports.run_folder.folder import RunFolder

PAGE = "compare.html"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem } .note { color: var(--soft) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
"""
NOTE = (
    "Hypervolume of what was found, within a box that spans the bounds of all runs; 1 is the whole box. Lines are "
    "means over seeds, bands a standard deviation to either side; of attainment, bands reach from the best run to the "
    "worst, and lines are what half of the runs attain. p: two-sided Wilcoxon signed rank over the seeds that two "
    "searches share, adjusted by Holm for all pairs. Each run has a page of its own to explore."
)


def write_comparison(found: Sequence[Comparison], folder: Path, *, title: str) -> Path:
    """Write ``compare.html``, and the tables of every group as CSV into ``comparison``, in the place of older ones.

    Args:
        found: One per group.
        folder: Where to; made if it is not there.
        title: Of the page.

    Returns:
        Path of the page.
    """
    beside = folder / "comparison"
    beside.mkdir(parents=True, exist_ok=True)
    for old in beside.glob("[0-9]*-*.csv"):
        old.unlink()
    for number, one in enumerate(found):
        tables = {name: getattr(one, name) for name in ("volumes", "bands", "ends", "pairwise", "ranking")}
        tables |= {f"attained-{cost}": table for cost, table in one.attained.items()}
        for name, table in tables.items():
            write_atomically(beside / f"{number}-{name}.csv", csv_text(table))
    page = folder / PAGE
    write_atomically(
        page,
        f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}: comparison</title><style>{STYLE}</style>
<h1>{escape(title)}</h1>
<p class="note">{escape(NOTE)}</p>
{"".join(map(_section, found))}
</html>
""",
    )
    return page


def _section(found: Comparison) -> str:
    noun = found.runs[0].facts().noun
    searched = found.bands.rename(columns={"evaluations": "x", "mean": "middle"})
    names = searched["search"].where(searched["origin"] == "search", searched["search"] + ", random search")
    curves = bands_svg(searched.assign(name=names), x_title=f"distinct {noun}s evaluated", y_title="hypervolume")
    return f"""<h2>{escape(found.title)}</h2>
<p><b>{escape(found.verdict)}</b></p>
{html_table(ranking_texts(found.ranking, noun=noun))}
{curves}
{html_table(pairwise_texts(found.pairwise)) if len(found.pairwise) else ""}
{"".join(_attainment(cost, table, found.runs[0]) for cost, table in found.attained.items())}
<details><summary>{len(found.runs)} runs</summary>{html_table(runs_texts(found.runs))}</details>
<details><summary>Settings that differ</summary>{_settings(found.runs)}</details>
"""


def _settings(runs: Sequence[RunFolder]) -> str:
    differing = setting_differences(runs).astype(object)
    return html_table(differing.where(differing.notna(), "")) if len(differing) else "<p>None.</p>"


def _attainment(cost: str, table: pd.DataFrame, run: RunFolder) -> str:
    drawn = table.rename(columns={"search": "name", "cost": "x", "best": "low", "median": "middle", "worst": "high"})
    measure = run.measures[cost]
    error = quality_among(run.objectives) or run.objectives[0]
    is_log = bool(measure.is_log and (drawn["x"] > 0).all())
    titles = {"x_title": measure.title, "y_title": f"{error} attained"}
    step: Step = "pre" if measure.is_maximised else "post"
    return f"<h3>Attained over {escape(measure.title)}</h3>{bands_svg(drawn, **titles, is_log=is_log, step=step)}"


def ranking_texts(ranking: pd.DataFrame, *, noun: str) -> pd.DataFrame:
    """The winner table as people read it."""
    return pd.DataFrame(
        {
            "search": ranking["search"],
            "runs": ranking["runs"].astype(str),
            f"{noun}s": ranking["evaluations"].astype(str),
            "hypervolume": [_spread(mean, sd) for mean, sd in ranking[["mean", "sd"]].to_numpy(dtype=float)],
            "least to most": [f"{row.least:.4f} to {row.most:.4f}" for row in ranking.itertuples()],
            "random search": [_known(f"{value:.4f}", value) for value in ranking["random"]],
            "leads significantly": [f"{n} of {len(ranking) - 1}" for n in ranking["beats"]],
        }
    )


def pairwise_texts(pairwise: pd.DataFrame) -> pd.DataFrame:
    """The pairwise tests as people read them."""
    return pd.DataFrame(
        {
            "pair": [f"{row.first} − {row.second}" for row in pairwise.itertuples()],
            "difference": [_known(f"{value:+.4f}", value) for value in pairwise["difference"]],
            "wins": [f"{row.wins} of {row.pairs}" for row in pairwise.itertuples()],
            "p": [_known(f"{value:.3g}", value) for value in pairwise["p"]],
            "p, Holm": [_known(f"{value:.3g}", value) for value in pairwise["p_holm"]],
            "least p possible": [_known(f"{value:.3g}", value) for value in pairwise["least_p"]],
        }
    )


def _spread(mean: float, sd: float) -> str:
    return f"{mean:.4f}" if pd.isna(sd) else f"{mean:.4f} ± {sd:.4f}"


def _known(text: str, value: float) -> str:
    return "" if pd.isna(value) else text
