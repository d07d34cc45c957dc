"""How pages are made: parts from the folder web, data that cannot become markup, plotly embedded."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

WEB = Path(__file__).parent / "web"
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def fill(template: str, *, scripts: Sequence[str], data: Any, **parts: str) -> str:
    """A whole page from its template.

    Args:
        template: A file of the folder web.
        scripts: Others, in the order in which they run; they share one scope.
        data: For the scripts; JSON values.
        parts: HTML that is safe already, by the names that the template has for it.
    """
    return Template(part(template)).substitute(
        parts,
        style=part("page.css"),
        data=safe_json(data),
        plotly=packed_plotly(),
        script="\n".join(map(part, scripts)),
    )


def part(name: str) -> str:
    """A file of the folder web."""
    return (WEB / name).read_text(encoding="utf-8")


def safe_json(data: Any) -> str:
    """JSON that no browser takes for markup or a line's end, whatever texts are in it; numbers keep all digits."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter, written in UNSAFE.items():
        text = text.replace(letter, written)
    return text


@cache
def packed_plotly() -> str:
    """Plotly's script, compressed to 2 of its 5 MB; the page unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def html_table(table: pd.DataFrame) -> str:
    """A plain table; texts are escaped."""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in table.values)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def html_facts(facts: dict[str, str]) -> str:
    """Terms and what they are, for a list of definitions; texts are escaped."""
    return "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items())


def html_tiles(tiles: dict[str, str]) -> str:
    """A few large numbers with what they are; texts are escaped."""
    return "".join(
        f'<div class="tile"><b>{escape(text)}</b><span>{escape(name)}</span></div>' for name, text in tiles.items()
    )
