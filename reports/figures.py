"""The only file that draws with matplotlib: tables in, picture files out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from objectives import Objective

# Okabe-Ito: told apart by colour-blind readers, and in grey by their lightness
FRONT, CLOUD, BASELINE = "#0072b2", "#b8c4cc", "#d55e00"
STYLE = {"search": (FRONT, "-", "NSGA-II"), "random": (BASELINE, "--", "random search")}


def draw_front(
    front: pd.DataFrame,
    cloud: pd.DataFrame,
    baseline: pd.DataFrame,
    *,
    knee: int,
    error: Objective,
    costs: list[Objective],
) -> Figure:
    """Error over each cost: the front, everything evaluated, and random search's front.

    A point of the front may look dominated in one panel; it then pays in another one's cost.

    Args:
        front: As :func:`reports.front.front_table` gives it.
        cloud: Every network that the search evaluated; columns as in ``front``.
        baseline: Random search's front; no rows if there was none.
        knee: Id of the row to mark.
        error: The measure on the vertical axis.
        costs: Measures on the horizontal axes, one a panel.
    """
    is_share = error.unit == "share"
    factor = 100 if is_share else 1
    figure = Figure(figsize=(5.2 * len(costs), 4.4), layout="constrained")
    axes = figure.subplots(1, len(costs), squeeze=False, sharey=True)[0]
    for panel, (ax, cost) in enumerate(zip(axes, costs, strict=True)):
        ax.scatter(cloud[cost.name], factor * cloud[error.name], s=8, c=CLOUD, linewidths=0, label="evaluated")
        if len(baseline):
            ax.scatter(
                baseline[cost.name],
                factor * baseline[error.name],
                s=22,
                marker="x",
                c=BASELINE,
                linewidths=1.2,
                label="random search's front",
            )
        ax.scatter(
            front[cost.name],
            factor * front[error.name],
            s=24,
            c=FRONT,
            edgecolors="white",
            linewidths=0.5,
            label="Pareto front",
        )
        chosen = front[front["id"] == knee]
        ring = {"s": 130, "facecolors": "none", "edgecolors": "black", "linewidths": 1.4}
        ax.scatter(chosen[cost.name], factor * chosen[error.name], label="knee", **ring)
        _label_cost(ax, cost)
        if panel == 0:
            ax.set_ylabel(f"{error.title} (%)" if is_share else _axis_title(error))
            ax.legend(frameon=False, fontsize=9)
    return figure


def draw_convergence(table: pd.DataFrame) -> Figure:
    """Hypervolume over evaluations, a line an origin; the table of :func:`reports.convergence.convergence_table`."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    ax = figure.subplots()
    for origin, of_origin in table.groupby("origin", sort=False):
        colour, line, label = STYLE[str(origin)]
        ax.plot(of_origin["evaluations"], of_origin["hypervolume"], line, color=colour, label=label)
    ax.set_xlabel("networks evaluated")
    ax.set_ylabel("hypervolume")
    if len(table):
        ax.legend(frameon=False, loc="lower right")
    _bare(ax)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _axis_title(objective: Objective) -> str:
    return f"{objective.title} ({objective.unit})" if objective.unit else objective.title


def _label_cost(ax: Axes, cost: Objective) -> None:
    if cost.is_log:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(EngFormatter())
        low, high = ax.get_xlim()
        if high / low < 30:  # one decade has too few labels of its own
            ax.xaxis.set_minor_formatter(EngFormatter())
            ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.set_xlabel(_axis_title(cost))
    _bare(ax)


def _bare(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)
