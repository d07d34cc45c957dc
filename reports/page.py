"""One self-contained page for a run, its figures and front.csv: everything a run leaves for people."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import pandas as pd

from reports.convergence import convergence_table
from reports.figures import draw_convergence, draw_front, save
from reports.front import front_table, knee_id
from reports.run_folder import RunFolder
from reports.search import outcome_sentence, predictor_rows, predictor_sentence
from reports.trust import how_errors_came, trust_note, trust_texts

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --mark: #0072b222; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.2rem; margin-top: 2.2rem }
p.lead, .note { color: var(--soft) }
img { max-width: 100%; background: white; border-radius: 6px }
img[alt="hypervolume.png"] { width: 34rem }
.scroll { overflow-x: auto; max-height: 32rem; overflow-y: auto; border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { position: sticky; top: 0; background: Canvas }
td.genome { text-align: left; font-family: monospace; font-size: .75rem }
tr.knee { background: var(--mark) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem }
dt { color: var(--soft) } dd { margin: 0 }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px; font-size: .85rem }
"""


def write_reports(run: RunFolder) -> Path:
    """Write ``front.csv``, ``figures/*.png`` and ``report.html`` from the archive; older ones are replaced.

    Returns:
        Path of the page.
    """
    front = front_table(run)
    front.to_csv(run.path / "front.csv", index=False)
    baseline = front_table(run, origin="random")
    convergence = convergence_table(run)
    error = run.measures["error" if "error" in run.measures else run.objectives[0]]
    costs = [run.measures[name] for name in run.objectives if name != error.name] or [run.measures[run.objectives[0]]]
    drawn = dict.fromkeys([error.name, *(cost.name for cost in costs)])
    searched = run.evaluations(origin="search", columns=["reason", *drawn])
    cloud = searched[searched["reason"] == ""]
    pictures = {"hypervolume.png": draw_convergence(convergence)}
    knee = knee_id(run, front) if len(front) else -1
    if len(front):
        pictures = {"front.png": draw_front(front, cloud, baseline, knee=knee, error=error, costs=costs), **pictures}
    for name, figure in pictures.items():
        save(figure, run.path / "figures" / name)
    page = run.path / "report.html"
    page.write_text(
        _page(run, front, convergence, knee=knee, pictures=list(pictures)),
        encoding="utf-8",
    )
    return page


def _page(
    run: RunFolder,
    front: pd.DataFrame,
    convergence: pd.DataFrame,
    *,
    knee: int,
    pictures: list[str],
) -> str:
    name = escape(run.settings["name"])
    images = "\n".join(
        f'<p><img alt="{escape(picture)}" src="data:image/png;base64,{_base64(run.path / "figures" / picture)}"></p>'
        for picture in pictures
    )
    empty = "" if len(front) else "<p>No evaluated network satisfies the constraints.</p>"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: evonas run</title><style>{STYLE}</style>
<h1>{name}</h1>
<p class="lead">{len(front)} networks on the Pareto front of {escape(", ".join(run.objectives))}</p>
{images}
<h2>The front</h2>
<p class="note">{escape(how_errors_came(run))} Nothing here has seen the test set. The knee is marked.</p>{empty}
<div class="scroll"><table><thead><tr>{_head(run)}</tr></thead><tbody>
{_body(run, front, knee)}
</tbody></table></div>
<h2>How far to trust the estimates</h2>
{_trust(run)}
{_predictors(run)}
<h2>Trained from scratch</h2>
{_trainings(run)}
<h2>The run</h2>
<dl>{_facts(run, convergence)}</dl>
<h2>Settings</h2>
<pre>{escape((run.path / "run.toml").read_text(encoding="utf-8"))}</pre>
</html>
"""


def _head(run: RunFolder) -> str:
    titles = ["id", *(measure.title for measure in run.measures.values()), "genome"]
    return "".join(f"<th>{escape(title)}</th>" for title in titles)


def _body(run: RunFolder, front: pd.DataFrame, knee: int) -> str:
    rows = []
    for record in front.to_dict("records"):
        cells = "".join(
            f"<td>{escape(measure.display(float(record[name])))}</td>" for name, measure in run.measures.items()
        )
        mark = ' class="knee"' if record["id"] == knee else ""
        genome = escape(str(record["genome"]))
        rows.append(f'<tr{mark}><td>{record["id"]}</td>{cells}<td class="genome">{genome}</td></tr>')
    return "\n".join(rows)


def _predictors(run: RunFolder) -> str:
    sentence = predictor_sentence(run)
    if not sentence:
        return ""
    rows = predictor_rows(run)
    return f"<h2>Learned predictors</h2>\n<p>{escape(sentence)}</p>\n{'' if rows.empty else _table(rows)}"


def _table(table: pd.DataFrame) -> str:
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in table.values)
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _trust(run: RunFolder) -> str:
    trust = run.meta("trust")
    if trust is None:
        return f"<p>Not measured yet: <code>evonas trust {escape(str(run.path))}</code></p>"
    return f"""<p>{escape(trust["sentence"])}</p>
<p class="note">{escape(trust_note(run))}</p>
{_table(trust_texts(run))}"""


def _trainings(run: RunFolder) -> str:
    trainings = run.trainings()
    if trainings.empty:
        return f"<p>None yet. The knee: <code>evonas train {escape(str(run.path))} --pick knee</code></p>"
    rows = []
    for (network, _), group in trainings.groupby(["evaluation", "recipe"], sort=False):
        accuracy = 100 * (1 - group["test_error"])
        spread = f" ± {accuracy.std():.2f}" if len(group) > 1 else ""
        seeds = ", ".join(map(str, group["seed"]))
        cells = (network, f"{accuracy.mean():.2f}{spread} %", seeds, group["epochs"].iloc[0])
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "<th>id</th><th>test accuracy, mean ± sd</th><th>seeds</th><th>epochs</th>"
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _facts(run: RunFolder, convergence: pd.DataFrame) -> str:
    last = convergence.groupby("origin").last()
    facts = {
        "made": run.meta("created"),
        "ended": run.meta("stop_reason") or "not yet; go on with evonas resume",
        "seconds": f"{run.meta('seconds') or 0:.0f}",
        "genomes in the space": f"10^{run.meta('log10_space_size'):.1f}",
        "networks": outcome_sentence(run),
        "estimate": " ".join(filter(None, [how_errors_came(run), run.meta("estimate_reason")])),
        **_expansions(run),
        **{f"hypervolume, {origin}": f"{value:.4f}" for origin, value in last["hypervolume"].items()},
        "warnings": "; ".join(run.meta("warnings") or []) or "none",
        "test set": "touched by evonas train only" if len(run.trainings()) else "not touched",
        "versions": ", ".join(f"{name} {number}" for name, number in run.meta("started_with")["versions"].items()),
    }
    return "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items())


def _expansions(run: RunFolder) -> dict[str, str]:
    log = run.meta("expansions") or []
    entries = [f"generation {e['generation']}: {e['gene']} to {e['opens']}, used by {e['share']:.0%}" for e in log]
    return {"widths unlocked": "; ".join(entries)} if entries else {}


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
