"""Everything a run leaves for people: front.csv, figures, and one self-contained interactive page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from objectives import Fidelity
from objectives.held_out import COMPLEMENTS
from reports.figures.figures import draw_convergence, draw_front, save
from reports.pages.classes import classes_part
from reports.pages.html import fill, html_facts, html_table, html_tiles
from reports.pages.page_data import page_data
from reports.run_folder.facts import Facts
from reports.run_folder.files import csv_text, write_atomically
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import RUN_FILE
from reports.tables.estimates import (
    chance,
    estimate_sentence,
    expectations_sentence,
    expectations_texts,
    how_errors_came,
    trust_note,
    trust_texts,
)
from reports.tables.front import best_of, compared_table, is_measured
from reports.tables.search import outcome_sentence, predictor_rows, predictor_sentence
from reports.tables.snapshot import Snapshot
from reports.tables.trainings import training_texts

SCRIPTS = ("common.js", "explore.js", "cloud.js", "parallel.js", "network.js", "genes.js", "charts.js")


def write_reports(run: RunFolder) -> Path:
    """Write ``front.csv``, ``figures/*.png`` and ``report.html`` from the archive; each replaces an older one at once.

    A figure that cannot be drawn is left out, with a warning of the run that says why.

    Returns:
        Path of the page.

    Raises:
        OSError: Something cannot be written.
    """
    snapshot = Snapshot(run)
    write_atomically(run.path / "front.csv", csv_text(snapshot.front))
    failed = []
    for name, draw in {"hypervolume.png": _draw_convergence, "front.png": _draw_front}.items():
        path = run.path / "figures" / name
        try:
            if (figure := draw(snapshot)) is not None:
                save(figure, path)
        except OSError:
            raise
        except Exception as error:  # whatever a drawing trips over: one figure less
            path.unlink(missing_ok=True)  # of earlier rows
            failed.append(f"figures/{name} could not be drawn ({type(error).__name__}: {str(error)[:200]})")
    if failed:
        run.warn(*failed)
        snapshot = Snapshot(run)
    page = run.path / "report.html"
    write_atomically(page, run_page(snapshot))
    return page


def _draw_convergence(snapshot: Snapshot) -> Any:
    return draw_convergence(snapshot.convergence, is_estimated=not snapshot.facts.is_table, noun=snapshot.facts.noun)


def _draw_front(snapshot: Snapshot) -> Any:
    if snapshot.knee is None:
        return None
    run = snapshot.run
    error = run.measures[run.leading]
    costs = [run.measures[name] for name in run.objectives if name != error.name] or [run.measures[run.objectives[0]]]
    return draw_front(
        snapshot.front,
        compared_table(run),
        snapshot.estimates,
        snapshot.random_front,
        knee=snapshot.knee,
        error=error,
        costs=costs,
        chance=chance(run),
    )


def run_page(snapshot: Snapshot) -> str:
    """The page of one run: a single file that fetches nothing, whatever texts the run holds."""
    run, data = snapshot.run, page_data(snapshot)
    return fill(
        "page.html",
        scripts=SCRIPTS,
        data=data,
        name=escape(str(run.settings["name"])),
        lead=f"{len(snapshot.front)} {snapshot.facts.noun}s on the Pareto front of {escape(', '.join(run.objectives))}",
        tiles=html_tiles(_tiles(snapshot)),
        only_networks="hidden" if snapshot.facts.is_table else "",
        noun=snapshot.facts.noun,
        trust_title="How far to trust the predictors" if snapshot.facts.is_table else "How far to trust the estimates",
        whole=BEST_OF_ALL if snapshot.facts.is_table else "a network as cheap as the cheapest known and without errors",
        how=escape(how_errors_came(run)) + ("" if snapshot.facts.is_table else " Nothing here has seen the test set."),
        cloud=escape(_cloud_note(snapshot, data)),
        volumes=escape(_volumes(snapshot)),
        genes=escape(_genes_note(data, snapshot.facts)),
        trust=_trust(snapshot),
        predictors=_predictors(run),
        trainings=_trainings(run),
        classes=classes_part(snapshot),
        facts=html_facts(_facts(snapshot)),
        settings=escape((run.path / RUN_FILE).read_text(encoding="utf-8")),
    )


def _tiles(snapshot: Snapshot) -> dict[str, str]:
    run, front = snapshot.run, snapshot.front
    last = snapshot.delivered_volumes or snapshot.searched_volumes
    searched = run.evaluations(origin="search", columns=["genome"])["genome"].nunique()
    least = {
        f"best {run.measures[name].title}": run.measures[name].display(best_of(run, front, name))
        for name in run.objectives
        if len(front)
    }
    volume = {"hypervolume": f"{last['search']:.4f}"} if "search" in last else {}
    beside = {f"of {BESIDE[name]}": f"{last[name]:.4f}" for name in BESIDE if name in last}
    counted = {f"{snapshot.facts.noun}s evaluated": f"{searched:,}"}
    if snapshot.facts.is_table:
        return {**counted, **least, **volume, **beside}
    touched = "used by train" if len(snapshot.trainings) else "not used"
    return {**counted, "trained in full": f"{_n_trained(run)}", **least, **volume, **beside, "test set": touched}


def _n_trained(run: RunFolder) -> int:
    return sum(score.fidelity == Fidelity.TRAINED and not score.reason for score in run.scores())


def _cloud_note(snapshot: Snapshot, data: dict[str, Any]) -> str:
    """What is drawn how, as far as this run has it."""
    notes = []
    if len(snapshot.estimates):
        notes.append(
            "Dots were measured. Bars are estimates: 80 of 100 such networks lie within theirs once they are trained."
        )
    elif not is_measured(snapshot.run):
        notes.append("Nothing of it was measured: all of this is estimated.")
    total, drawn = data["points"]["search"]["total"], len(data["points"]["search"]["id"])
    if drawn < total:
        notes.append(f"Of {total:,} evaluated {snapshot.facts.noun}s, {drawn:,} are drawn, evenly chosen.")
    if len(data["objectives"]) > 2:
        notes.append("A dot that looks dominated pays in an objective that is not on these axes.")
    return " ".join(notes)


BEST_OF_ALL = "the best known value of every objective at once"
BESIDE = {"random": "random search", "uniform": "uniform networks"}


def _volumes(snapshot: Snapshot) -> str:
    searched, delivered = snapshot.searched_volumes, snapshot.delivered_volumes
    names = {"search": "the search", **BESIDE}
    by = "values" if snapshot.facts.is_table else "estimates that the search went by"
    ends = [f"{names[origin]} ends at {volume:.4f}" for origin, volume in searched.items()]
    text = f"By the {by}: {'; '.join(ends)}." if ends else ""
    if delivered and not snapshot.facts.is_table:
        fronts = [f"{names[origin]} {volume:.4f}" for origin, volume in delivered.items()]
        text += f" Of what was measured in the end: {'; '.join(fronts)}."
    return text


def _genes_note(data: dict[str, Any], facts: Facts) -> str:
    found, nouns = data["sensitivity"], f"{facts.noun}s"
    text = f"Shares of each choice among the {nouns} of the front, and among random ones."
    if not facts.is_table:
        text += " A gene without effect in a network stands at a fixed choice, mostly the first."
    if not found["genes"]["gene"]:
        return text + f" Too few {nouns} were evaluated to tell what a choice does."
    return text + (
        f" The last column is the change of {found['measure']} between a gene's best and worst choice, all other genes "
        f"equal: a ridge regression over {found['networks']:,} evaluated {nouns}, whose choices, one by one, explain "
        f"{100 * found['explained']:.0f} % of it. It speaks of {nouns} like those"
        + ("." if facts.is_table else ", by what is known of their errors.")
    )


def _trust(snapshot: Snapshot) -> str:
    run, trust = snapshot.run, snapshot.facts.trust
    if snapshot.facts.is_table:
        return ""
    parts = [f"<p>{escape(sentence)}.</p>"] if (sentence := estimate_sentence(run)) else []
    expected = expectations_texts(run)
    if len(expected):
        parts.append(f"<p>{escape(expectations_sentence(run))}</p>{html_table(expected)}")
    if trust is None:
        parts.append(f"<p>Ranks were not compared yet: <code>evonas trust {escape(quote(str(run.path)))}</code></p>")
    else:
        note = escape(trust_note(run))
        parts.append(f'<p>{escape(trust.sentence)}</p><p class="note">{note}</p>{html_table(trust_texts(run))}')
    return "".join(parts)


def _predictors(run: RunFolder) -> str:
    sentence = predictor_sentence(run)
    if not sentence:
        return ""
    rows = predictor_rows(run)
    return f"<h3>Learned predictors</h3><p>{escape(sentence)}</p>{'' if rows.empty else html_table(rows)}"


def _trainings(run: RunFolder) -> str:
    trainings = training_texts(run)
    if trainings.empty:
        return f"<p>None yet. The knee: <code>evonas train {escape(quote(str(run.path)))} --pick knee</code></p>"
    reached = COMPLEMENTS[run.quality or "error"]
    return html_table(trainings.drop(columns="genome").rename(columns={reached: f"test {reached}, mean ± sd"}))


def _facts(snapshot: Snapshot) -> dict[str, str]:
    run, facts = snapshot.run, snapshot.facts
    networks = {
        "estimate": " ".join(filter(None, [how_errors_came(run), facts.estimate_reason])),
        "trained": _trained(snapshot),
        **_expansions(facts),
    }
    touched = {"test set": "touched by evonas train only" if len(snapshot.trainings) else "not touched"}
    return {
        "made": facts.created,
        "ended": facts.stop_reason or "not yet; resume it with evonas resume",
        "seconds": f"{facts.seconds:.0f}",
        "seed": str(run.settings.get("seed", "")),
        "genomes in the space": f"10^{facts.log10_space_size:.1f}",
        f"{facts.noun}s": outcome_sentence(run),
        **({} if facts.is_table else networks),
        **facts.expects,
        **_volume_facts(snapshot),
        "warnings": "; ".join(facts.warnings) or "none",
        **({} if facts.is_table else touched),
        "versions": ", ".join(f"{name} {number}" for name, number in facts.started_with.get("versions", {}).items()),
    }


def _volume_facts(snapshot: Snapshot) -> dict[str, str]:
    searched, delivered = snapshot.searched_volumes, snapshot.delivered_volumes
    if snapshot.facts.is_table:
        return {f"hypervolume, {name}": f"{one:.4f}" for name, one in searched.items()}
    return {
        **{f"hypervolume by estimates, {name}": f"{one:.4f}" for name, one in searched.items()},
        **{f"hypervolume as measured, {name}": f"{one:.4f}" for name, one in delivered.items()},
    }


def _trained(snapshot: Snapshot) -> str:
    """What was trained by the whole recipe, and by whom."""
    within = _n_trained(snapshot.run)
    after = len(snapshot.trainings)
    return f"{within} trainings within the search, measured on held-out images; {after} by evonas train"


def _expansions(facts: Facts) -> dict[str, str]:
    entries = [f"generation {e.generation}: {e.gene} to {e.opens}, used by {e.share:.0%}" for e in facts.expansions]
    return {"widths unlocked": "; ".join(entries)} if entries else {}
