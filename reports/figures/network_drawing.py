"""Where the boxes and lines of one network's graph go, in pixels, and what stands beside each layer."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.figures.layered_graph import layered_graph
from reports.tables.network import STORED

LETTER, PADDING, GAP = 6.4, 22.0, 16.0  # pixels: of a letter on average, around a text, between boxes
ROW = 46.0  # from one row to the next
SWEEPS = 6


def drawing(table: pd.DataFrame) -> dict[str, Any]:
    """A network as columns per layer, and the places of its graph.

    Args:
        table: As :func:`reports.tables.network.network_table` gives it.

    Returns:
        The columns ``layer``, ``operation``, ``shape``, ``weight``, ``act``, ``levels``, ``weights``, ``bytes`` and
        those of each kind, ``macs`` and ``bitops`` as lists; ``box``: centre, top and width of each layer's box;
        ``lines``: x and y of both ends of each line; ``size``: width and height of it all.
    """
    texts = [_text(row) for row in table.to_dict("records")]
    widths = {name: LETTER * max(map(len, text)) + PADDING for name, text in zip(table["layer"], texts, strict=True)}
    inputs = dict(zip(table["layer"], table["inputs"], strict=True))
    graph = layered_graph(inputs, widths.__getitem__, gap=GAP, sweeps=SWEEPS)
    names = ["operation", "weight", "act", "levels", "weights", "bytes", *STORED.values(), "macs", "bitops"]
    places = [(graph.x[name, row], ROW * row, widths[name]) for name, row in graph.rank.items()]
    lines = [
        [_rounded(graph.x[upper]), _rounded(ROW * upper[1]), _rounded(graph.x[lower]), _rounded(ROW * lower[1])]
        for upper, lower in graph.lines
    ]
    right = max(graph.x[name, row] + widths[name] / 2 for name, row in graph.rank.items())
    return {
        "layer": table["layer"].tolist(),
        "shape": ["×".join(map(str, shape)) for shape in table["shape"]],
        **{name: table[name].tolist() for name in names},
        "box": [list(map(_rounded, place)) for place in places],
        "lines": lines,
        "size": [_rounded(right), _rounded(ROW * len(graph.rows))],
    }


def _text(row: dict[Any, Any]) -> tuple[str, str]:
    """The two lines of a layer's box: what it does, and its precisions or the shape that it hands on."""
    second = f"{row['weight']} · act {row['act']}" if row["weights"] else "×".join(map(str, row["shape"]))
    return str(row["operation"]), second


def _rounded(value: float) -> float:
    return round(value, 1)
