"""What figures for papers show: one question per kind, answered as a table that is stored beside the figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

import pandas as pd

from objectives import Objective
from reports.comparison.attainment import attainment_table
from reports.comparison.runs import common_convergence, run_labels
from reports.run_folder.folder import RunFolder
from reports.tables.convergence import convergence_table
from reports.tables.front import compared_table, front_table, is_measured, knee_id
from reports.tables.genes import choice_table
from reports.tables.pick import picked
from reports.tables.query import QueryError, closest


@dataclass(frozen=True)
class Asked:
    """What a figure shows.

    Attributes:
        runs: One or more.
        x, y: Measures on the axes, by name.
        pick: Which network, for figures of a single one; see :func:`reports.tables.pick.picked`.
    """

    runs: Sequence[RunFolder]
    x: str
    y: str
    pick: str = "knee"

    @property
    def run(self) -> RunFolder:
        """The first run."""
        return self.runs[0]

    def measure(self, name: str) -> Objective:
        """How to read a measure."""
        return self.run.measures[name]


def asked(runs: Sequence[RunFolder], *, x: str | None = None, y: str | None = None, pick: str = "knee") -> Asked:
    """Fill in what is left open: the error upwards, the first cost across.

    Raises:
        QueryError: A measure is not one of all runs.
    """
    first = runs[0]
    shared = [name for name in first.measures if all(name in run.measures for run in runs)]
    y = y or (first.leading if first.leading in shared else first.objectives[0])
    x = x or next((name for name in (*first.objectives, *shared) if name != y), y)
    for name in (x, y):
        if name not in shared:
            raise QueryError("a measure that all runs have", found=repr(name), remedy=closest(name, shared))
    return Asked(runs, x, y, pick)


def front_points(question: Asked) -> pd.DataFrame:
    """Networks that were measured (of a run of estimates, all), random search's front and the front.

    Returns:
        Columns ``kind``, ``id``, and the measures.
    """
    run = question.run
    names = list(dict.fromkeys([question.y, question.x, *run.objectives]))
    searched = compared_table(run)[["id", *names]]
    front = front_table(run)[["id", *names]].assign(kind="Pareto front")
    if front.empty:
        raise QueryError("a front to draw", found="no feasible evaluation", remedy="resume the run")
    knee = front[front["id"] == knee_id(run, front_table(run))].assign(kind="knee")
    random = front_table(run, origin="random")[["id", *names]].assign(kind="front of random search")
    random = random if is_measured(run, "random") == is_measured(run) else random[:0]
    cloud = searched.assign(kind="not on the front")
    return pd.concat([part for part in (cloud, random, front, knee) if len(part)])[["kind", "id", *names]]


def several_fronts(question: Asked) -> pd.DataFrame:
    """The front of every run: ``run`` (its label), ``id``, x and y."""
    tables = [
        front_table(run)[["id", question.x, question.y]].assign(run=label)
        for run, label in zip(question.runs, run_labels(question.runs), strict=True)
    ]
    return pd.concat(tables)[["run", "id", question.x, question.y]]


def attained(question: Asked) -> pd.DataFrame:
    """What runs of different seeds attain; see :func:`reports.comparison.attainment.attainment_table`."""
    return attainment_table(question.runs, cost=question.x, error=question.y)


def volumes(question: Asked) -> pd.DataFrame:
    """Hypervolume over evaluations; of several runs on one scale."""
    if len(question.runs) == 1:
        return convergence_table(question.run).assign(run=run_labels(question.runs)[0])
    return common_convergence(question.runs)


def choices(question: Asked) -> pd.DataFrame:
    """How often the front takes each choice; see :func:`reports.tables.genes.choice_table`."""
    table = choice_table(question.run)
    if table.empty:
        raise QueryError("genes with a choice", found="none", remedy="draw a figure of another kind")
    return table


def layers(question: Asked) -> pd.DataFrame:
    """Widths, precisions and bytes of a network's layers with weights, in order of execution.

    Returns:
        Columns ``layer``, ``operation``, ``width`` (channels), ``weight``, ``act``, ``weight_bits``, ``act_bits``
        (stored bits, ternary as 2) and ``bytes``.
    """
    run = question.run
    if run.facts().is_table:
        raise QueryError("a run of networks", found="values without layers", remedy="draw a figure of another kind")
    picks = picked(run, front_table(run), question.pick)
    if len(picks) > 1:
        raise QueryError("one network", found=f"{len(picks)} of them", remedy="pick one by its id")
    genome = picks["genome"].iloc[0]
    table = run.networks([genome]).get(genome)
    if table is None:
        raise QueryError(
            "a run that stores its networks' layers",
            found="one that was stopped before they were",
            remedy=f"evonas resume {quote(str(run.path))}",
        )
    table = table[table["weights"] > 0]
    widths = [shape[0] for shape in table["shape"]]
    bits = {f"{role}_bits": [stored_bits(name) for name in table[role]] for role in ("weight", "act")}
    columns = ["layer", "operation", "width", "weight", "act", "weight_bits", "act_bits", "bytes"]
    return table.assign(width=widths, **bits)[columns].reset_index(drop=True)


def stored_bits(precision: str) -> int:
    """Bits of a precision by its name, as the field counts them: ternary takes 2."""
    return {"binary": 1, "ternary": 2, "float": 32}.get(precision) or int(precision.partition("-")[0])


def ranks(question: Asked) -> pd.DataFrame:
    """Estimates beside trainings from scratch: ``genome``, ``estimate``, ``truth`` (mean of ``seeds``), its ``sd``."""
    run = question.run
    truths = run.truths()
    if truths.empty:
        raise QueryError(
            "a run whose estimates were compared with training runs",
            found="none",
            remedy=f"evonas trust {quote(str(run.path))}",
        )
    columns = ["genome", run.leading]
    known = pd.concat([run.evaluations(origin=origin, columns=columns) for origin in ("search", "random")])
    estimates = known.dropna().drop_duplicates("genome", keep="last").set_index("genome")[run.leading]
    grouped = truths.groupby("genome", sort=False)["quality"].agg(truth="mean", sd="std", seeds="count")
    table: pd.DataFrame = grouped.join(estimates.rename("estimate"), how="inner").reset_index()
    return pd.DataFrame(table[["genome", "estimate", "truth", "sd", "seeds"]])


QUESTIONS: dict[str, Callable[[Asked], pd.DataFrame]] = {
    "front": front_points,
    "front-3d": front_points,
    "pairs": front_points,
    "runs": several_fronts,
    "attainment": attained,
    "hypervolume": volumes,
    "genes": choices,
    "layers": layers,
    "ranks": ranks,
}
"""Kinds of figures; :data:`reports.figures.paper_figures.DRAWINGS` draws them."""
