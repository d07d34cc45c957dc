"""A front as text: a table for a terminal, Markdown, CSV or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evonas.cli.options import say
from evonas.cli.print_tables import Texts, show_table
from evonas.workflows.picks import pick as picked
from evonas.workflows.picks import select, single
from reports.run_folder.files import csv_text
from reports.run_folder.parameters import choice_texts
from reports.tables.estimates import error_texts, how_errors_came
from reports.tables.front import front_table, knee_id

if TYPE_CHECKING:
    import pandas as pd

    from evonas.workflows.run_handle import Run
    from reports.run_folder.folder import RunFolder

MOST = 24  # rows of a whole front that a terminal gets


def print_front(run: Run) -> None:
    """The front as a table, thinned evenly if it is long; front.csv has all of it."""
    print_front_as(run, "table")


def print_front_as(
    run: Run,
    form: str,
    *,
    where: str | None = None,
    sort: str | None = None,
    columns: str | None = None,
    pick: str | None = None,
) -> None:
    """Print a front, or what is asked for of it.

    Args:
        run: Whose.
        form: ``"table"`` or ``"markdown"``, for people; ``"csv"`` or ``"json"``, with all digits.
        where, sort, columns: See :func:`evonas.workflows.picks.select`.
        pick: See :meth:`evonas.workflows.run_handle.Run.pick`; of these, ``where`` may leave out more.

    Raises:
        SelectionError: One of them cannot be read, or names nothing.
    """
    folder = run.folder
    rows = select(folder, where=where, sort=sort)
    if pick is not None:
        rows = rows[rows["id"].isin(picked(folder, pick)["id"])]
    shown = select(folder, columns=columns).columns if columns is not None else rows.columns
    if form == "csv":
        say(csv_text(rows[shown]), end="")
    elif form == "json":
        known = rows[shown].astype(object).where(rows[shown].notna(), None)  # JSON has no word for what is not a number
        say(json.dumps(known.to_dict("records"), indent=1, ensure_ascii=False))
    elif rows.empty:
        why = "condition" if where is not None and len(front_table(folder)) else "constraints"
        say(f"no evaluated {folder.facts().noun} satisfies the {why}")
    else:
        genes = [gene.name for gene in folder.facts().genes if gene.values is not None]
        searched = dict.fromkeys(["id", *genes, *folder.objectives, *folder.constraints])
        names = list(searched if columns is None else shown)
        is_whole = where is None and pick is None
        _print_texts(folder, rows, names, form=form, most=MOST if is_whole and form == "table" else len(rows))


def _print_texts(folder: RunFolder, rows: pd.DataFrame, names: list[str], *, form: str, most: int) -> None:
    knee = knee_id(folder, front_table(folder))
    facts = folder.facts()
    shown, title = rows, f"Pareto front: {len(rows)} {facts.noun}s"
    if len(rows) > most:
        keep = {round(index * (len(rows) - 1) / (most - 1)) for index in range(most)}
        shown = rows[[index in keep or id_ == knee for index, id_ in enumerate(rows["id"])]]
        title += f", {len(shown)} of them here, all in front.csv"
    titles = [folder.measures[name].title if name in folder.measures else name for name in names]
    errors = error_texts(folder, shown) if folder.quality else [""] * len(shown)
    cells = [
        [errors[row] if name == folder.quality else _text(folder, record, name, knee=knee) for name in names]
        for row, record in enumerate(shown.to_dict("records"))
    ]
    if form == "markdown":
        lines = [titles, ["---:" if name != "genome" else "---" for name in names], *cells]
        say("\n".join("| " + " | ".join(line) + " |" for line in lines))
    else:
        printed = Texts(title=title, title_justify="left")
        for name, text in zip(names, titles, strict=True):
            printed.add_column(text, justify="left" if name == "genome" else "right")
        for line in cells:
            printed.add_row(*line)
        show_table(printed)
        say(f"* knee. {how_errors_came(folder)}{'' if facts.is_table else ' Test set not used.'}")


def print_configuration(run: Run, which: str, form: str) -> None:
    """Print one row of a run whose values are looked up or computed: its choices, then its values.

    Args:
        run: Whose.
        which: A pick of a single row, or the id of any evaluation that succeeded.
        form: ``"json"``, or else a list for people.

    Raises:
        SelectionError: It names no row, or several.
    """
    folder = run.folder
    record = single(folder, which).to_dict()
    texts = choice_texts(folder, record["genome"])
    if form == "json":
        facts = {
            "genome": record["genome"],
            "parameters": {name: record.get(name, text) for name, text in texts.items()},
            "objectives": {name: record[name] for name in folder.measures},
        }
        say(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    lines = {f"{folder.facts().noun} {record['id']}": "", **texts}
    lines |= {one.title: one.display(record[name]) for name, one in folder.measures.items()}
    say("\n".join(f"{name:27} {text}".rstrip() for name, text in lines.items()))
    say(f"genome: {record['genome']}")


def _text(folder: RunFolder, record: dict[Any, Any], name: str, *, knee: int) -> str:
    if name == "id":
        return f"{'*' if record['id'] == knee else ''}{record['id']}"
    return folder.measures[name].display(record[name]) if name in folder.measures else str(record[name])
