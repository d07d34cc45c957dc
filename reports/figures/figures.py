"""Figures of a run: tables in, picture files out."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator

from objectives import OBJECTIVES, Objective
from reports.figures.layered_graph import LayeredGraph, layered_graph
from reports.run_folder.files import write_atomically

# Okabe-Ito: told apart by colour-blind readers, and in grey by their lightness
FRONT, CLOUD, BASELINE = "#0072b2", "#b8c4cc", "#d55e00"
BAR_COLOURS = {"bytes": FRONT, "bitops": "#56b4e9"}
STYLE = {"search": (FRONT, "-", "search"), "random": (BASELINE, "--", "random search")}
MOST_BARS = 400  # of estimates: more of them are one grey surface
MOST_DRAWN = 1e200  # a float ends at 1.8e308, and the margin of a logarithmic axis may have a hundred decades
MOST_POINTS = 100_000  # of a cloud; a million take a minute to draw, and the legend to find its place between them

# Of drawn networks, in inches: heights of boxes with one and two lines, of a bar and of what lies between
BOX_HEIGHT = {1: 0.22, 2: 0.4}
BAR_PITCH, BAR_COLUMN, ROW_GAP, MARGIN, HEADER = 0.2, 1.9, 0.3, 0.25, 0.62
TEXT_SIZE = 7.5


def draw_front(
    front: pd.DataFrame,
    others: pd.DataFrame,
    estimates: pd.DataFrame,
    baseline: pd.DataFrame,
    *,
    knee: int,
    error: Objective,
    costs: list[Objective],
    chance: float | None = None,
) -> Figure:
    """Error over each cost: the front, what else was measured, random search's front, and estimates as intervals.

    A point of the front may look dominated in one panel; it is then better in another one's cost.

    Args:
        front: As :func:`reports.tables.front.front_table` gives it.
        others: Every network whose error means what it means on the front; columns as in ``front``. Of more than
            ``MOST_POINTS``, every second, third or so is drawn, which looks the same.
        estimates: Networks that were not measured, where the front is one of measurements; at most ``MOST_BARS`` are
            drawn, and none as a point.
        baseline: Random search's front, in the same meaning; no rows if there was none.
        knee: Id of the row to mark.
        error: The measure on the vertical axis.
        costs: Measures on the horizontal axes, one per panel.
        chance: Error of guessing; None if there is no such thing.
    """
    is_share = error.unit == "share"
    factor = 100 if is_share else 1
    front, others, estimates, baseline = map(drawable, (front, others, estimates, baseline))
    is_log = is_share and not error.is_maximised and len(front) > 0 and bool((front[error.name] >= 0).all())
    if is_log:
        front, others, baseline = (_without_zeros(table, error.name) for table in (front, others, baseline))
    others = others.iloc[:: 1 + len(others) // (MOST_POINTS + 1)]
    estimates = estimates.iloc[:: 1 + len(estimates) // (MOST_BARS + 1)]
    figure = Figure(figsize=(5.2 * len(costs), 4.4), layout="constrained")
    axes = figure.subplots(1, len(costs), squeeze=False, sharey=True)[0]
    for panel, (ax, cost) in enumerate(zip(axes, costs, strict=True)):
        if len(estimates) and f"{error.name}_low" in estimates:
            low, high = (factor * estimates[f"{error.name}_{end}"].astype(float) for end in ("low", "high"))
            label = "estimates: 80 of 100 lie within"
            ax.vlines(estimates[cost.name], low, high, colors=CLOUD, linewidths=0.8, alpha=0.45, zorder=1, label=label)
        points = {"s": 12, "c": "#7c8a94", "linewidths": 0}
        ax.scatter(others[cost.name], factor * others[error.name], label="not on the front", **points)
        if len(baseline):
            label = "random search's front"
            cross = {"s": 26, "marker": "x", "c": BASELINE, "linewidths": 1.2}
            ax.scatter(baseline[cost.name], factor * baseline[error.name], label=label, **cross)
        dots = {"s": 30, "c": FRONT, "edgecolors": "white", "linewidths": 0.5}
        ax.scatter(front[cost.name], factor * front[error.name], label="Pareto front", **dots)
        chosen = front[front["id"] == knee]
        ring = {"s": 130, "facecolors": "none", "edgecolors": "black", "linewidths": 1.4}
        ax.scatter(chosen[cost.name], factor * chosen[error.name], label="knee", **ring)
        if chance is not None:
            ax.axhline(factor * chance, color="#5b6770", linestyle=":", linewidth=1, label="chance")
        _label_cost(ax, cost)
        if panel == 0:
            ax.set_ylabel(f"{error.title} (%)" if is_share else _axis_title(error))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=6, frameon=False, fontsize=8)
    if is_log:
        least = min(float(table[error.name].min()) for table in (front, others, baseline) if len(table))
        _by_logarithm(axes[0], factor * least)
    return figure


def _without_zeros(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """None wrong is drawn at half of the smallest error above it: a logarithm has no place for zero."""
    values = table[name].astype(float)
    return (
        table.assign(**{name: values.where(values > 0, 0.5 * values[values > 0].min())})
        if (values > 0).any()
        else table
    )


def _by_logarithm(ax: Axes, least: float) -> None:
    """To halve an error is worth as much at 2 % as at 20 %."""
    if least > 0:
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.7 * least)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else ""))


def draw_convergence(table: pd.DataFrame, *, is_estimated: bool = False, noun: str = "network") -> Figure:
    """Hypervolume over evaluations, one line per origin: :func:`reports.tables.convergence.convergence_table`."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    ax = figure.subplots()
    for origin, of_origin in table.groupby("origin", sort=False):
        colour, line, label = STYLE[str(origin)]
        ax.plot(of_origin["evaluations"], of_origin["hypervolume"], line, color=colour, label=label)
    ax.set_xlabel(f"{noun}s evaluated")
    ax.set_ylabel("hypervolume, by estimates" if is_estimated else "hypervolume")
    if len(table):
        ax.legend(frameon=False, loc="lower right")
    _bare(ax)
    return figure


def draw_network(table: pd.DataFrame) -> Figure:
    """A network from the image down, and beside it, row by row, what its layers with weights store and compute.

    The darker a box, the more bits a weight of that layer has; what has no weights is white. Numbers lead to the bars.

    Args:
        table: As :func:`reports.tables.network.network_table` gives it; at least one layer.
    """
    layers: dict[str, Any] = {row["layer"]: row for row in table.to_dict("records")}
    texts = {name: _box_text(layer, layers) for name, layer in layers.items()}
    widths = {name: max(map(_text_width, text)) + 0.2 + 0.28 * (len(text) - 1) for name, text in texts.items()}
    graph = layered_graph({name: layer["inputs"] for name, layer in layers.items()}, widths.__getitem__, gap=0.16)
    rows = [[name for name, rank in row if rank == graph.rank[name]] for row in graph.rows]
    weighted = [[name for name in row if layers[name]["weights"]] for row in rows]
    bands = [(HEADER, HEADER)]  # top and bottom of every row
    for row, bars in zip(rows, weighted, strict=True):
        top = bands[-1][1] + ROW_GAP
        boxes = max((BOX_HEIGHT[len(texts[name])] for name in row), default=0.0)
        bands.append((top, top + max(boxes, BAR_PITCH * len(bars))))
    del bands[0]

    strip = MARGIN + max(graph.x[name, rank] + widths[name] / 2 for name, rank in graph.rank.items()) + 0.5
    names = strip + max((_text_width(name) for row in weighted for name in row), default=0.5) + 0.5
    size = (names + 2 * BAR_COLUMN + MARGIN, bands[-1][1] + MARGIN)
    figure = Figure(figsize=size)
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(size[1], 0))
    ax.set_axis_off()  # from here on, the unit is an inch from the upper left corner
    _draw_lines(ax, graph, bands, {name: BOX_HEIGHT[len(text)] / 2 for name, text in texts.items()})
    numbers = {name: number for number, name in enumerate((name for row in weighted for name in row), 1)}
    for row, (top, bottom) in zip(rows, bands, strict=True):
        for name in row:
            centre = (MARGIN + graph.x[name, graph.rank[name]], (top + bottom) / 2)
            _draw_box(ax, centre, widths[name], layers[name], text=texts[name], number=numbers.get(name))
    _draw_bars(ax, [[layers[name] for name in row] for row in weighted], bands, numbers, left=strip, bars=names)
    _draw_weight_legend(ax, [layers[name] for name in numbers])
    return figure


def _draw_lines(ax: Axes, graph: LayeredGraph, bands: list[tuple[float, float]], half: dict[str, float]) -> None:
    """Join places; a line bends between rows only, so that it runs through no box."""
    for upper, lower in graph.lines:
        (top, bottom), (top_below, bottom_below) = bands[upper[1]], bands[lower[1]]
        start = (top + bottom) / 2 + half[upper[0]] if graph.rank[upper[0]] == upper[1] else top
        end = (top_below + bottom_below) / 2 - half[lower[0]] if graph.rank[lower[0]] == lower[1] else top_below
        left, right, middle = MARGIN + graph.x[upper], MARGIN + graph.x[lower], (bottom + top_below) / 2
        points = [(left, start), (left, bottom), (left, middle), (right, middle), (right, top_below), (right, end)]
        codes = [Curve.MOVETO, Curve.LINETO, *3 * [Curve.CURVE4], Curve.LINETO]
        ax.add_patch(PathPatch(Curve(points, codes), facecolor="none", edgecolor="#8a949b", linewidth=0.9, zorder=1))


def _draw_box(
    ax: Axes, centre: tuple[float, float], width: float, layer: dict[str, Any], *, text: list[str], number: int | None
) -> None:
    (x, y), height = centre, BOX_HEIGHT[len(text)]
    colour = _weight_colour(layer["levels"]) if layer["weights"] else "white"
    ink = "white" if layer["weights"] and _depth(layer["levels"]) > 0.55 else "black"
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=colour,
            edgecolor="black" if layer["weights"] else "#8a949b",
            linewidth=0.8,
            zorder=2,
        )
    )
    style: dict[str, Any] = {"color": ink, "fontsize": TEXT_SIZE, "va": "center_baseline", "zorder": 3}
    middle = x
    if number is not None:
        ax.text(x - width / 2 + 0.06, y, str(number), ha="left", **style)
        middle += 0.08
    for line, words in enumerate(text):
        weight = "bold" if layer["weights"] and line == 0 else "normal"
        ax.text(
            middle, y + 0.16 * (line - (len(text) - 1) / 2), literal(words), ha="center", fontweight=weight, **style
        )


def _draw_bars(
    ax: Axes,
    rows: list[list[dict[str, Any]]],
    bands: list[tuple[float, float]],
    numbers: dict[str, int],
    *,
    left: float,
    bars: float,
) -> None:
    """Bytes and BitOPs of the layers with weights, beside their rows."""
    style: dict[str, Any] = {"fontsize": TEXT_SIZE, "va": "center_baseline"}
    most = {cost: max((layer[cost] for row in rows for layer in row), default=0) for cost in BAR_COLOURS}
    for column, cost in enumerate(BAR_COLOURS):
        total = _cost_text(cost, sum(layer[cost] for row in rows for layer in row))
        title = f"{total} bytes" if cost == "bytes" else f"{total} BitOPs"
        ax.text(bars + column * BAR_COLUMN, HEADER + 0.05, title, fontweight="bold", **style)
    for row, (top, bottom) in zip(rows, bands, strict=True):
        for line, layer in enumerate(row):
            y = (top + bottom) / 2 + BAR_PITCH * (line - (len(row) - 1) / 2)
            ax.text(left + 0.2, y, str(numbers[layer["layer"]]), ha="right", **style)
            ax.text(left + 0.28, y, literal(layer["layer"]), **style)
            for column, (cost, colour) in enumerate(BAR_COLOURS.items()):
                start, length = bars + column * BAR_COLUMN, 1.15 * layer[cost] / max(most[cost], 1)
                ax.barh(y, length, left=start, height=0.6 * BAR_PITCH, color=colour)
                ax.text(start + length + 0.06, y, _cost_text(cost, layer[cost]), **style)


def _cost_text(cost: str, value: int) -> str:
    return f"{value:,}" if cost == "bytes" else OBJECTIVES[cost].display(value)


def _draw_weight_legend(ax: Axes, layers: list[dict[str, Any]]) -> None:
    names = dict(sorted({layer["levels"] or 2**32: (layer["weight"], layer["levels"]) for layer in layers}.items()))
    x = MARGIN
    for name, levels in [("weights:", None), *names.values()]:
        if levels is not None:
            ax.barh(0.25, 0.2, left=x, height=0.15, color=_weight_colour(levels), edgecolor="black", linewidth=0.6)
            x += 0.27
        ax.text(x, 0.25, literal(name), fontsize=TEXT_SIZE, va="center_baseline")
        x += _text_width(name) + 0.2


def _box_text(layer: dict[str, Any], layers: dict[str, Any]) -> list[str]:
    """Operation, and precisions where there are weights; the output's shape where it is another than the input's."""
    is_same = any(layers[name]["shape"] == layer["shape"] for name in layer["inputs"][:1])
    shape = "" if is_same else " → " + "×".join(map(str, layer["shape"]))
    precisions = [f"{layer['weight']}, act {layer['act']}"] if layer["weights"] else []
    return [layer["operation"] + shape, *precisions]


def _depth(levels: int) -> float:
    """How dark weights are drawn, in even steps: 0 for binary, then ternary, 2-bit, …, 8-bit, 1 for float."""
    return {2: 0, 3: 1, 0: 9}.get(levels, levels.bit_length() - 1) / 9


def _weight_colour(levels: int) -> Any:
    return colormaps["YlGnBu"](0.1 + 0.85 * _depth(levels))


@cache
def _text_width(text: str) -> float:
    """Inches of a line, measured as if in bold."""
    font = FontProperties(weight="bold")
    return (
        float(TextPath((0, 0), literal(text), size=TEXT_SIZE, prop=font).get_extents().width) / 72
        if text.strip()
        else 0.0
    )


def drawable(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose numbers an axis can hold with its margins; those beyond 1e200 and below 1e-200 lie at that edge."""
    numbers = table.select_dtypes("number")
    magnitudes = numbers.abs()
    if not ((magnitudes > MOST_DRAWN) | ((magnitudes > 0) & (magnitudes < 1 / MOST_DRAWN))).to_numpy().any():
        return table
    edged = np.sign(numbers) * magnitudes.clip(1 / MOST_DRAWN, MOST_DRAWN)  # the sign of 0 is 0
    return table.assign(**{str(name): edged[name] for name in edged})


def literal(text: str) -> str:
    """A text from anywhere for matplotlib, which would read what stands between dollars as a formula."""
    return text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix chooses the format."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix.removeprefix("."))
    write_atomically(path, drawn.getvalue())


def _axis_title(objective: Objective) -> str:
    return literal(f"{objective.title} ({objective.unit})" if objective.unit else objective.title)


def _label_cost(ax: Axes, cost: Objective) -> None:
    if cost.is_log and ax.dataLim.x0 > 0:
        ax.set_xscale("log")
        is_plain = not cost.unit and ax.dataLim.x0 < 1  # a number without a unit has no thousandths
        if not is_plain:
            ax.xaxis.set_major_formatter(EngFormatter())
        low, high = ax.get_xlim()
        if high / low < 30 and not is_plain:  # one decade has too few labels of its own
            ax.xaxis.set_minor_formatter(EngFormatter())
            ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.set_xlabel(_axis_title(cost))
    _bare(ax)


def _bare(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)
