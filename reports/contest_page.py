"""A comparison of searches for people: one page without anything to fetch, and its numbers as CSV files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from reports.bands import bands_svg
from reports.comparison import runs_texts, setting_differences
from reports.contest import (
    Contest,
    attained_table,
    bands_table,
    duels_table,
    ends_table,
    verdict,
    volumes_table,
    winners_table,
)
from reports.html import html_table
from reports.run_folder import RunFolder

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
    "Hypervolume of the networks found, within a box that spans the bounds of all runs; 1 is the whole box. Lines are "
    "means over seeds, bands a standard deviation to either side; of attainment, bands reach from the best run to the "
    "worst, and lines are what half of the runs attain. p: two-sided Wilcoxon signed rank over the seeds that two "
    "searches share, adjusted by Holm for all pairs. Fronts of several runs, to explore: evonas report RUN RUN."
)


@dataclass(frozen=True)
class Comparison:
    """All that is said about the runs of one contest, as tables; see :mod:`reports.contest` for their columns.

    Attributes:
        title: What was searched for, and on what.
        runs: Theirs.
        volumes, bands, ends, duels, winners: Tables.
        attained: A table a cost.
        verdict: A sentence or two.
    """

    title: str
    runs: tuple[RunFolder, ...]
    volumes: pd.DataFrame
    bands: pd.DataFrame
    ends: pd.DataFrame
    duels: pd.DataFrame
    winners: pd.DataFrame
    attained: dict[str, pd.DataFrame]
    verdict: str


def compare(contest: Contest) -> Comparison:
    """Make every table of a contest."""
    runs = contest.runs
    volumes = volumes_table(runs)
    ends = ends_table(volumes)
    duels = duels_table(ends)
    winners = winners_table(ends, duels)
    error = "error" if "error" in runs[0].objectives else runs[0].objectives[0]
    costs = [name for name in runs[0].objectives if name != error]
    attained = {cost: attained_table(runs, cost=cost, error=error) for cost in costs}
    text = verdict(winners, duels)
    return Comparison(contest.title, tuple(runs), volumes, bands_table(volumes), ends, duels, winners, attained, text)


def write_comparison(found: Sequence[Comparison], folder: Path, *, title: str) -> Path:
    """Write ``compare.html``, and the tables of every contest as CSV into ``comparison``, in the place of older ones.

    Args:
        found: One a contest.
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
        tables = {name: getattr(one, name) for name in ("volumes", "bands", "ends", "duels", "winners")}
        tables |= {f"attained-{cost}": table for cost, table in one.attained.items()}
        for name, table in tables.items():
            table.to_csv(beside / f"{number}-{name}.csv", index=False)
    page = folder / PAGE
    page.write_text(
        f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}: comparison</title><style>{STYLE}</style>
<h1>{escape(title)}</h1>
<p class="note">{escape(NOTE)}</p>
{"".join(map(_section, found))}
</html>
""",
        encoding="utf-8",
    )
    return page


def _section(found: Comparison) -> str:
    searched = found.bands.rename(columns={"evaluations": "x", "mean": "middle"})
    names = searched["search"].where(searched["origin"] == "search", searched["search"] + ", random search")
    curves = bands_svg(searched.assign(name=names), x_title="distinct networks evaluated", y_title="hypervolume")
    return f"""<h2>{escape(found.title)}</h2>
<p><b>{escape(found.verdict)}</b></p>
{html_table(winner_texts(found.winners))}
{curves}
{html_table(duel_texts(found.duels)) if len(found.duels) else ""}
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
    error = "error" if "error" in run.objectives else run.objectives[0]
    is_log = bool(measure.is_log and (drawn["x"] > 0).all())
    titles = {"x_title": measure.title, "y_title": f"{error} attained"}
    return f"<h3>Attained over {escape(measure.title)}</h3>{bands_svg(drawn, **titles, is_log=is_log, is_step=True)}"


def winner_texts(winners: pd.DataFrame) -> pd.DataFrame:
    """The winner table as people read it."""
    return pd.DataFrame(
        {
            "search": winners["search"],
            "runs": winners["runs"].astype(str),
            "networks": winners["evaluations"].astype(str),
            "hypervolume": [_spread(mean, sd) for mean, sd in winners[["mean", "sd"]].to_numpy(dtype=float)],
            "least to most": [f"{row.least:.4f} to {row.most:.4f}" for row in winners.itertuples()],
            "random search": [_known(f"{value:.4f}", value) for value in winners["random"]],
            "leads significantly": [f"{n} of {len(winners) - 1}" for n in winners["beats"]],
        }
    )


def duel_texts(duels: pd.DataFrame) -> pd.DataFrame:
    """The pairwise tests as people read them."""
    return pd.DataFrame(
        {
            "pair": [f"{row.first} − {row.second}" for row in duels.itertuples()],
            "difference": [_known(f"{value:+.4f}", value) for value in duels["difference"]],
            "wins": [f"{row.wins} of {row.pairs}" for row in duels.itertuples()],
            "p": [_known(f"{value:.3g}", value) for value in duels["p"]],
            "p, Holm": [_known(f"{value:.3g}", value) for value in duels["p_holm"]],
            "least p possible": [_known(f"{value:.3g}", value) for value in duels["least_p"]],
        }
    )


def _spread(mean: float, sd: float) -> str:
    return f"{mean:.4f}" if pd.isna(sd) else f"{mean:.4f} ± {sd:.4f}"


def _known(text: str, value: float) -> str:
    return "" if pd.isna(value) else text
