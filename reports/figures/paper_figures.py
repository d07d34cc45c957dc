"""Figures for papers: draw tables of :mod:`reports.figures.plots`, fonts embedded; the data is stored beside them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from objectives import Objective
from reports.figures.figures import drawable, literal
from reports.figures.plots import QUESTIONS, Asked
from reports.run_folder.files import csv_text, write_atomically

WIDTHS = {  # inches, as the venues' LaTeX classes set a column or the text
    "ieee-column": 3.5,
    "ieee-page": 7.16,
    "acm-column": 3.33,
    "acm-page": 7.0,
    "icml-column": 3.25,
    "icml-page": 6.75,
    "cvpr-column": 3.25,
    "cvpr-page": 6.875,
    "neurips": 5.5,
    "iclr": 5.5,
    "lncs": 4.8,
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c7a00", "#4d4d4d")  # Okabe-Ito, grey
MARKERS = "osD^Pv*X"
LOOKS: dict[str, dict[str, Any]] = {
    "not on the front": {"s": 3, "c": "#b8c4cc", "linewidths": 0, "rasterized": True},
    "front of random search": {"s": 9, "c": "#d55e00", "marker": "x", "linewidths": 0.8},
    "Pareto front": {"s": 11, "c": "#0072b2", "linewidths": 0},
    "knee": {"s": 45, "facecolors": "none", "edgecolors": "black", "linewidths": 1.0},
}
STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # TrueType, embedded: what venues ask for, where type 3 is refused
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # letters as outlines, so that no reader needs the font
    "svg.hashsalt": "evonas",  # the same figure is the same file
}


def plot(kind: str, question: Asked, path: Path, *, width: float) -> Path:
    """Draw a figure, and store what it shows beside it as CSV.

    Args:
        kind: One of :data:`reports.figures.plots.QUESTIONS`.
        question: What it shows.
        path: Where to; the suffix, pdf, svg or png, chooses the format.
        width: Inches.

    Returns:
        Path of the CSV.

    Raises:
        QueryError: The runs do not hold what is asked for.
        OSError: It cannot be written there.
    """
    table = QUESTIONS[kind](question)
    drawn = io.BytesIO()
    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with rc_context(STYLE):
        figure = DRAWINGS[kind](drawable(table), question, width)
        form = path.suffix.removeprefix(".").lower()
        figure.savefig(drawn, dpi=300, format=form, metadata=dates.get(path.suffix.lower()))
    data = path.with_suffix(".csv")
    write_atomically(path, drawn.getvalue())
    write_atomically(data, csv_text(table))
    return data


def draw_front(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """One measure over another: all evaluated networks, both fronts, the knee."""
    with _single(width) as (figure, ax):
        _scatter(ax, table, question, question.x, question.y)
        ax.legend(loc="best", handletextpad=0.2)
    return figure


def draw_pairs(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """Every pair of objectives, one panel per pair."""
    names = [str(name) for name in table if name not in ("kind", "id")]
    pairs = list(combinations(names, 2)) or [(question.y, question.x)]
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(width, 0.85 * width / columns * rows + 0.25), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (one, other) in zip(axes, pairs, strict=False):
        _scatter(ax, table, question, other, one)
    for ax in axes[len(pairs) :]:
        ax.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), handletextpad=0.2, columnspacing=1.2)
    return figure


def draw_front_3d(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """Three objectives at once; those on logarithmic scales as powers of ten."""
    names = list(dict.fromkeys([question.x, *question.run.objectives, question.y]))
    across, deep, up = [question.x, *[name for name in names if name not in (question.x, question.y)][:1], question.y]
    by_log = {name for name in (across, deep, up) if question.measure(name).is_log and (table[name] > 0).all()}
    figure = Figure(figsize=(width, 0.85 * width), layout="constrained")
    ax: Any = figure.add_subplot(projection="3d")
    for kind, look in LOOKS.items():
        part = table[table["kind"] == kind]
        values = [_flat(question.measure(name), part[name], by_log=name in by_log) for name in (across, deep, up)]
        if len(part) and kind != "knee":
            ax.scatter(*values, label=kind, depthshade=False, **look)
    for name, setter in ((across, ax.set_xlabel), (deep, ax.set_ylabel), (up, ax.set_zlabel)):
        measure = question.measure(name)
        setter(literal(f"log10 {measure.title}") if name in by_log else _title(measure))
    ax.legend(loc="upper right")
    ax.view_init(elev=22, azim=-58)
    return figure


def draw_runs(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """The fronts of several runs."""
    with _single(width) as (figure, ax):
        for index, (label, part) in enumerate(table.groupby("run", sort=False)):
            values = _percent(question.measure(question.y), part[question.y])
            look: dict[str, Any] = {"c": COLOURS[index % 8], "marker": MARKERS[index % 8], "label": label}
            ax.scatter(part[question.x], values, s=9, **look)
        _axes(ax, question.measure(question.x), question.measure(question.y))
        ax.legend(loc="best", handletextpad=0.2)
    return figure


def draw_attainment(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """The band between what one run attains and what all do, and what half of them do."""
    error = question.measure(question.y)
    with _single(width) as (figure, ax):
        best, median, worst = (_percent(error, table[name]) for name in ("best", "median", "worst"))
        band: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.25, "linewidth": 0, "label": "best to worst"}
        step: Literal["pre", "post"] = "pre" if question.measure(question.x).is_maximised else "post"
        ax.fill_between(table["cost"], best, worst, step=step, **band)
        ax.step(table["cost"], median, where=step, color=COLOURS[0], label=f"half of {len(question.runs)} runs")
        _axes(ax, question.measure(question.x), error)
        ax.legend(loc="best")
    return figure


def draw_hypervolume(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """Hypervolume over evaluations, random search dashed."""
    with _single(width) as (figure, ax):
        for index, (_, of_run) in enumerate(table.groupby("run", sort=False)):
            for origin, part in of_run.groupby("origin", sort=False):
                line = "-" if origin == "search" else "--"
                ax.step(part["evaluations"], part["hypervolume"], line, where="post", color=COLOURS[index % 8])
        names = list(table["run"].unique()) if len(question.runs) > 1 else []
        handles = [Line2D([], [], color=COLOURS[index % 8], label=name) for index, name in enumerate(names)]
        kinds: dict[str, Any] = {"search": "-", "random": "--"}
        shown = [(name, line) for name, line in kinds.items() if name in set(table["origin"])]
        handles += [Line2D([], [], color="black", linestyle=line, label=name) for name, line in shown]
        ax.set_xlabel(f"{question.run.facts().noun}s evaluated")
        ax.set_ylabel("hypervolume")
        ax.legend(handles=handles, loc="lower right")
    return figure


def draw_genes(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """A heat map: how often the front takes each choice of each gene."""
    del question
    genes = list(dict.fromkeys(table["gene"]))
    most = int(table.groupby("gene").size().max())
    shares = np.full((len(genes), most), np.nan)
    figure = Figure(figsize=(width, 0.135 * len(genes) + 0.55), layout="constrained")
    ax = figure.subplots()
    for row, gene in enumerate(genes):
        part = table[table["gene"] == gene]
        shares[row, : len(part)] = part["front"]
        for column, (choice, share) in enumerate(zip(part["choice"], part["front"], strict=True)):
            ink = "white" if share > 0.55 else "black"
            ax.text(column, row, literal(choice), ha="center", va="center", fontsize=4.5, color=ink)
    picture = ax.imshow(shares, cmap=colormaps["Blues"], vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(range(len(genes)), list(map(literal, genes)), fontsize=5)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    figure.colorbar(picture, ax=ax, label="share of the front", pad=0.01, fraction=0.04)
    return figure


def draw_layers(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """Width, stored bits of weights and activations, and bytes, layer by layer."""
    del question
    figure = Figure(figsize=(width, 2.6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    at = np.arange(len(table))
    panels[0].bar(at, table["width"], color="#8a949b")
    panels[1].bar(at - 0.2, table["weight_bits"], width=0.4, color=COLOURS[0], label="weights")
    panels[1].bar(at + 0.2, table["act_bits"], width=0.4, color=COLOURS[4], label="activations")
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    panels[2].bar(at, table["bytes"], color=COLOURS[0])
    for ax, title in zip(panels, ("channels", "bits", "bytes"), strict=True):
        ax.set_ylabel(title)
    panels[2].set_xticks(at, table["layer"].map(literal), rotation=60, ha="right", fontsize=5.5)
    return figure


def draw_ranks(table: pd.DataFrame, question: Asked, width: float) -> Figure:
    """Estimated error over the error of trainings from scratch."""
    name = question.run.leading.replace("_", " ")
    with _single(width) as (figure, ax):
        points: dict[str, Any] = {"fmt": "o", "ms": 3, "lw": 0.8, "color": COLOURS[0]}
        ax.errorbar(100 * table["truth"], 100 * table["estimate"], xerr=100 * table["sd"], **points)
        low, high = ax.get_xlim()
        ax.plot([low, high], [low, high], color="#8a949b", lw=0.8, zorder=0, label="equal")
        ax.set_xlabel(f"{name} trained from scratch (%)")
        ax.set_ylabel(f"estimated {name} (%)")
        ax.legend(loc="best")
    return figure


DRAWINGS: dict[str, Callable[[pd.DataFrame, Asked, float], Figure]] = {
    "front": draw_front,
    "front-3d": draw_front_3d,
    "pairs": draw_pairs,
    "runs": draw_runs,
    "attainment": draw_attainment,
    "hypervolume": draw_hypervolume,
    "genes": draw_genes,
    "layers": draw_layers,
    "ranks": draw_ranks,
}


@contextmanager
def _single(width: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one panel in the proportion that papers favour."""
    figure = Figure(figsize=(width, 0.68 * width), layout="constrained")
    yield figure, figure.subplots()


def _scatter(ax: Axes, table: pd.DataFrame, question: Asked, x: str, y: str) -> None:
    across, up = question.measure(x), question.measure(y)
    for kind, look in LOOKS.items():
        part = table[table["kind"] == kind]
        if len(part):
            ax.scatter(_percent(across, part[x]), _percent(up, part[y]), label=kind, **look)
    _axes(ax, across, up)


def _axes(ax: Axes, across: Objective, up: Objective) -> None:
    for measure, axis, least in ((across, ax.xaxis, ax.dataLim.x0), (up, ax.yaxis, ax.dataLim.y0)):
        axis.set_label_text(_title(measure))
        if measure.is_log and least > 0:
            ax.set(**{f"{axis.axis_name}scale": "log"})
    ax.grid(alpha=0.25, linewidth=0.5)


def _percent(measure: Objective, values: pd.Series) -> pd.Series:
    return 100 * values if measure.unit == "share" else values


def _flat(measure: Objective, values: pd.Series, *, by_log: bool) -> Any:
    return np.log10(values) if by_log else _percent(measure, values)


def _title(measure: Objective) -> str:
    unit = "%" if measure.unit == "share" else measure.unit
    return literal(f"{measure.title} ({unit})" if unit else measure.title)
