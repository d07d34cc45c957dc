"""Lines with bands as a picture in SVG: small, sharp, light or dark with the page that it stands in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from html import escape
from typing import Literal

import numpy as np
import pandas as pd

# Okabe-Ito, dark enough on white and light enough on black; dashes tell apart what is more than six
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 340, 64, 12, 10, 44
TICKS = 6
Step = Literal["none", "post", "pre"]


def bands_svg(table: pd.DataFrame, *, x_title: str, y_title: str, is_log: bool = False, step: Step = "none") -> str:
    """Draw a line and a band for each name.

    Args:
        table: Columns ``name``, ``x``, ``low``, ``middle``, ``high``; rows of a name by rising x; NaN leaves a gap.
        x_title: Below the horizontal axis.
        y_title: Beside the vertical one.
        is_log: Whether x is drawn by logarithm; it must then be positive.
        step: Whether a line keeps its height up to the next x, ``"post"``, or has it from the one before, ``"pre"``.

    Returns:
        An ``svg`` element, with a legend below it; texts are escaped.
    """
    table = table.dropna(subset=["middle"])
    if table.empty:
        return "<p>Nothing to draw.</p>"
    xs = np.log10(table["x"].to_numpy(dtype=float)) if is_log else table["x"].to_numpy(dtype=float)
    ys = table[["low", "middle", "high"]].to_numpy(dtype=float)
    x_low, x_high = _padded(xs.min(), xs.max(), share=0.0)
    y_low, y_high = _padded(np.nanmin(ys), np.nanmax(ys), share=0.04)

    def place(x: float, y: float) -> str:
        across, up = (x - x_low) / (x_high - x_low), (y - y_low) / (y_high - y_low)
        return f"{LEFT + across * (WIDTH - LEFT - RIGHT):.1f},{HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = [_axes(x_low, x_high, y_low, y_high, place, is_log=is_log, titles=(x_title, y_title))]
    names = list(dict.fromkeys(table["name"]))
    for index, name in enumerate(names):
        is_here = (table["name"] == name).to_numpy()
        colour, dash = look(index)
        x, (low, middle, high) = xs[is_here], ys[is_here].T
        has_band = ~np.isnan(low) & ~np.isnan(high)
        band = [*_path(x[has_band], high[has_band], step), *reversed(_path(x[has_band], low[has_band], step))]
        parts.append(f'<polygon points="{" ".join(place(*p) for p in band)}" fill="{colour}" fill-opacity=".15"/>')
        line = " ".join(place(*p) for p in _path(x, middle, step))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    legend = "".join(_legend_entry(index, str(name)) for index, name in enumerate(names))
    label = escape(f"{y_title} over {x_title}", quote=True)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" style="max-width:{WIDTH}px;width:100%">'
    return f"{svg}{''.join(parts)}</svg><p>{legend}</p>"


def look(index: int) -> tuple[str, str]:
    """Colour and dashes of a line, by its place."""
    dash = DASHES[index // len(COLOURS) % len(DASHES)]
    return COLOURS[index % len(COLOURS)], f' stroke-dasharray="{dash}"' if dash else ""


def _legend_entry(index: int, name: str) -> str:
    colour, dash = look(index)
    line = f'<line x1="0" y1="6" x2="26" y2="6" stroke="{colour}" stroke-width="3"{dash}/>'
    return f'<span style="margin-right:1.4em"><svg width="26" height="12">{line}</svg> {escape(name)}</span> '


def _axes(
    x_low: float,
    x_high: float,
    y_low: float,
    y_high: float,
    place: object,
    *,
    is_log: bool,
    titles: tuple[str, str],
) -> str:
    assert callable(place)
    text = 'fill="currentColor" font-size="12"'
    parts = []
    for y in _ticks(y_low, y_high):
        x, height = place(x_low, y).split(",")
        parts.append(f'<line x1="{x}" y1="{height}" x2="{WIDTH - RIGHT}" y2="{height}" stroke="#8884"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(height) + 4:.1f}" text-anchor="end" {text}>{y:g}</text>')
    for x_value in _ticks(x_low, x_high):
        across, bottom = place(x_value, y_low).split(",")
        shown = _short(10**x_value if is_log else x_value)
        parts.append(f'<text x="{across}" y="{float(bottom) + 16:.1f}" text-anchor="middle" {text}>{shown}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle" {text}>{escape(titles[0])}</text>')
    height = (TOP + HEIGHT - BOTTOM) / 2
    turned = f'transform="rotate(-90 14 {height})"'
    parts.append(f'<text x="14" y="{height}" text-anchor="middle" {turned} {text}>{escape(titles[1])}</text>')
    return "".join(parts)


def _path(x: Sequence[float], y: Sequence[float], step: Step) -> list[tuple[float, float]]:
    points = list(zip(map(float, x), map(float, y), strict=True))
    if step == "none":
        return points
    pairs = itertools.pairwise(points)
    corners = [(after[0], before[1]) if step == "post" else (before[0], after[1]) for before, after in pairs]
    return [point for pair in zip(points, corners, strict=False) for point in pair] + points[-1:]


def _padded(low: float, high: float, *, share: float) -> tuple[float, float]:
    width = high - low or abs(low) or 1.0
    return (low - share * width, high + share * width) if high > low else (low - width / 2, high + width / 2)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers within a range: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
