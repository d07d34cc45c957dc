"""What a run's page shows, as plain data: columns and texts that its scripts draw and link."""

from __future__ import annotations

import math
import shlex
from typing import Any

import numpy as np
import pandas as pd

from objectives.held_out import COMPLEMENTS
from reports.figures.network_drawing import drawing
from reports.run_folder.folder import RunFolder
from reports.run_folder.parameters import parameter_table
from reports.tables.estimates import chance, error_texts
from reports.tables.front import is_measured
from reports.tables.genes import choice_history, choice_table
from reports.tables.search import predictor_table
from reports.tables.sensitivity import sensitivity
from reports.tables.snapshot import Snapshot
from reports.tables.trainings import training_texts

MOST_POINTS = 10_000  # evaluations on the page, evenly chosen if there are more; the front is always whole
MOST_FORMER = 2_000  # networks that were on the front once
MOST_LAYERS = 6_000  # of all drawn networks together: what is drawn in two seconds, and half a megabyte


def page_data(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that the page of one run embeds; numbers are the archive's, to the last digit."""
    run, front, history, knee = snapshot.run, snapshot.front, snapshot.history, snapshot.knee
    trust = snapshot.facts.trust
    last = run.evaluations(origin="search", columns=["generation"])["generation"].max()
    shares = choice_history(run, history)
    return {
        "name": run.settings["name"],
        "path": shlex.quote(str(run.path)),
        "measures": [one.facts for one in run.measures.values()],
        "objectives": list(run.objectives),
        "constraints": run.constraints,
        "error": run.leading,
        "interval": list(run.interval),
        "reached": COMPLEMENTS[run.quality or "error"],
        "knee": knee,
        "lastGeneration": 0 if pd.isna(last) else int(last),
        "points": {origin: _points(run, origin) for origin in ("search", "random")}
        | {"anchor": _points(run, "anchor" if is_measured(run) and not snapshot.facts.is_table else "none")},
        "isTable": snapshot.facts.is_table,
        "noun": snapshot.facts.noun,
        "chance": chance(run),
        "networks": _networks(run, front, history),
        "drawings": _drawings(run, front, knee),
        "tested": _tested(run),
        "convergence": columns_of(snapshot.convergence),
        "genes": _genes(run, shares, front),
        "geneGenerations": sorted(shares["generation"].unique().tolist()),
        "sensitivity": _sensitivity(run),
        "predictors": _predictors(run),
        "trust": _without_nan(trust.table if trust else None),
    }


def _points(run: RunFolder, origin: str) -> dict[str, Any]:
    """What was evaluated successfully, and how many there are in all; intervals of what is estimated."""
    names = [*run.measures, *run.interval]
    table = run.valued(origin=origin, columns=["id", "generation", *names])
    drawn = table
    if len(table) > MOST_POINTS:
        drawn = table.iloc[np.linspace(0, len(table) - 1, MOST_POINTS).round().astype(int)]
    return {"total": len(table), **columns_of(drawn[["id", "generation", *names]])}


def _networks(run: RunFolder, front: pd.DataFrame, history: pd.DataFrame) -> dict[str, Any]:
    """The front now, and what was on it once: values, and texts as people read them."""
    former = history[~history["id"].isin(front["id"])]
    former = former.iloc[:: 1 + len(former) // (MOST_FORMER + 1)]
    rows = run.evaluations_of([*front["id"], *former["id"]]).set_index("id").loc[[*front["id"], *former["id"]]]
    times = history.set_index("id").reindex(rows.index)
    names = list(run.measures)
    return {
        "id": rows.index.tolist(),
        "genome": rows["genome"].tolist(),
        "isFinal": [index < len(front) for index in range(len(rows))],
        "since": _numbers(times["since"]),
        "until": _numbers(times["until"]),
        "low": _numbers(rows[run.interval[0]]),
        "high": _numbers(rows[run.interval[1]]),
        "values": {name: _numbers(rows[name]) for name in names},
        "parameters": columns_of(parameter_table(run, rows["genome"])),
        "texts": {name: [run.measures[name].display(value) for value in rows[name]] for name in names}
        | ({run.quality: error_texts(run, rows)} if run.quality else {}),
    }


def _drawings(run: RunFolder, front: pd.DataFrame, knee: int | None) -> dict[str, Any]:
    """Layers of the front's networks by id: of all, or evenly over sizes and with the knee as far as there is room."""
    stored = run.networks(front["genome"])
    if not stored:
        return {}
    known = front[front["genome"].isin(stored)]
    most = max(1, int(MOST_LAYERS / np.mean([len(table) for table in stored.values()])))
    step = 1 + len(known) // (most + 1)
    chosen = known[(np.arange(len(known)) % step == 0) | (known["id"] == knee)]
    return {str(row.id): drawing(stored[row.genome]) for row in chosen.itertuples()}


def _tested(run: RunFolder) -> dict[str, str]:
    """Test accuracy of networks that were trained from scratch, by genome, as people read it."""
    texts: dict[str, str] = {}
    reached = COMPLEMENTS[run.quality or "error"]
    for row in training_texts(run).to_dict("records"):
        genome, text = str(row["genome"]), f"{row[reached]}, {row['epochs']} epochs, seeds {row['seeds']}"
        texts[genome] = f"{texts[genome]}; {text}" if genome in texts else text
    return texts


def _genes(run: RunFolder, history: pd.DataFrame, front: pd.DataFrame) -> list[dict[str, Any]]:
    """Of every gene with a choice: shares on the front, in random networks, and over the generations."""
    over = {gene: part.groupby("choice")["share"].apply(list) for gene, part in history.groupby("gene", sort=False)}
    return [
        {
            "name": gene,
            "choices": part["choice"].tolist(),
            "front": _numbers(part["front"]),
            "random": _numbers(part["random"]),
            "history": [[round(share, 4) for share in over[gene][choice]] for choice in part["choice"]]
            if gene in over
            else [],
        }
        for gene, part in choice_table(run, front).groupby("gene", sort=False)
    ]


def _sensitivity(run: RunFolder) -> dict[str, Any]:
    found = sensitivity(run)
    return {
        "measure": found.measure,
        "networks": found.networks,
        "explained": found.explained,
        "genes": columns_of(found.genes),
        "effects": columns_of(found.effects),
    }


def _predictors(run: RunFolder) -> dict[str, Any]:
    """Kendall's tau of the predictors, 95 % intervals by Fisher's z (Fieller, Hartley & Pearson 1957)."""
    table = predictor_table(run)
    tau = table["tau"].astype(float).clip(-0.999, 0.999)
    half = 1.96 * np.sqrt(0.437 / np.maximum(table["evaluations"].astype(float) - 4, 1))
    table = table.assign(low=np.tanh(np.arctanh(tau) - half), high=np.tanh(np.arctanh(tau) + half))
    return columns_of(table)


def columns_of(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table as JSON can hold it: one list per column; what is missing is None."""
    return {str(name): _numbers(table[name]) for name in table}


def _numbers(column: pd.Series) -> list[Any]:
    """A column as JSON can hold it: what is missing is None."""
    return [None if pd.isna(value) else value for value in column.tolist()]


def _without_nan(records: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    if records is None:
        return None
    return [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
        for record in records
    ]
