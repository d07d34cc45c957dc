"""The part of a run's page on the classes: what the knee recognises, and what it takes for what."""

from __future__ import annotations

from html import escape

import numpy as np

from reports.pages.html import html_table
from reports.tables.snapshot import Snapshot
from reports.tables.trainings import MOST_CLASSES, ClassResults, class_results, class_texts, confusions

BESIDE = 12  # classes whose matrix has room beside their table


def classes_part(snapshot: Snapshot) -> str:
    """Markup; texts are escaped."""
    front = snapshot.front
    if snapshot.facts.is_table or snapshot.knee is None:
        return ""
    genome = str(front.loc[front["id"] == snapshot.knee, "genome"].iloc[0])
    found = class_results(snapshot.run, genome)
    if found is None:
        return "<p>No network was trained by the whole recipe yet, so nothing is known of single classes.</p>"
    note = f"Network {snapshot.knee}, the knee, on {found.source}. Others: evonas show RUN --pick ID."
    if len(found.names) <= MOST_CLASSES:
        parts = [html_table(class_texts(found)), f"<div>{_matrix(found)}</div>"]
    else:
        note += (
            f" Of {len(found.names)} classes the {MOST_CLASSES} with the least F1, and the most frequent confusions."
        )
        parts = [html_table(class_texts(found)), html_table(confusions(found))]
    layout = ' class="half"' if len(found.names) <= BESIDE or len(found.names) > MOST_CLASSES else ""
    return f'<p class="note">{escape(note)}</p><div{layout}>{"".join(parts)}</div>'


def _matrix(found: ClassResults) -> str:
    """Images as a table whose cells are as dark as the share of their row."""
    shares = found.confusion / np.maximum(found.confusion.sum(axis=1, keepdims=True), 1)
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in found.names)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{_cells(found, shares, row)}</tr>'
        for row, name in enumerate(found.names)
    )
    caption = (
        "Rows: classes of the images. Columns: what they were taken for. The stronger the colour, the larger the share "
        "of the row."
    )
    return (
        f'<div class="scroll whole"><table class="confusion"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(found: ClassResults, shares: np.ndarray, row: int) -> str:
    cells = []
    for column, (count, share) in enumerate(zip(found.confusion[row].tolist(), shares[row].tolist(), strict=True)):
        told = f"{found.names[row]} taken for {found.names[column]}: {count:,}, {share:.1%}"
        kind = ' class="right"' if row == column else ""
        style = f' style="--share:{100 * share:.0f}%"' if count else ""
        cells.append(f'<td{kind}{style} title="{escape(told)}">{count or ""}</td>')
    return "".join(cells)
