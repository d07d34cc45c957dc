"""How a search went: what was evaluated, what failed, what was refused; how good the predictors were."""

from __future__ import annotations

import pandas as pd

from reports.run_folder.folder import RunFolder

FEW = 12  # rows of the predictors' table that people read


def outcome_table(run: RunFolder) -> pd.DataFrame:
    """The outcome of every network that the search considered.

    Returns:
        Columns ``outcome`` (``"evaluated"``, ``"failed"``, ``"not evaluated"``), ``reason`` and ``networks``; each
        network counts once, however often it was scored.
    """
    found = run.evaluations(origin="search", columns=["genome", "reason"]).drop_duplicates("genome", keep="last")
    rows = [("evaluated", "", int((found["reason"] == "").sum()))]
    rows += [("failed", str(reason), int(n)) for reason, n in found["reason"].value_counts().items() if reason]
    rows += [("not evaluated", reason, n) for reason, n in run.facts().rejections.items()]
    return pd.DataFrame(rows, columns=["outcome", "reason", "networks"])


def outcome_sentence(run: RunFolder) -> str:
    """The same in a sentence."""
    table = outcome_table(run)
    texts = []
    for outcome in ("failed", "not evaluated"):
        part = table[table["outcome"] == outcome]
        if len(part):
            reasons = ", ".join(f"{row.reason}: {row.networks}" for row in part.itertuples())
            texts.append(f"{part['networks'].sum()} {outcome} ({reasons})")
    evaluated = table.loc[table["outcome"] == "evaluated", "networks"].sum()
    return "; ".join([f"{evaluated} distinct {run.facts().noun}s evaluated", *texts])


def predictor_table(run: RunFolder) -> pd.DataFrame:
    """How good the learned predictors were, one row per generation and target.

    Returns:
        The columns of :class:`reports.run_folder.facts.ModelFacts`; none of its rows if the search had no predictors.
    """
    names = ["generation", "target", "evaluations", "predictor", "tau", "is_used", "proposed_tau"]
    return pd.DataFrame([one.model_dump() for one in run.facts().predictors], columns=names)


def predictor_sentence(run: RunFolder) -> str:
    """What the learned predictors did, and how far they could be trusted; or why there were none, if that is known."""
    table = predictor_table(run)
    if table.empty:
        return run.facts().predictors_reason
    used = table[table.groupby("generation")["is_used"].transform("all")]
    generations = table["generation"].nunique()
    off = generations - used["generation"].nunique()
    last = table[table["generation"] == table["generation"].max()]
    taus = ", ".join(f"{row.tau:.2f} ({row.target}, {row.predictor})" for row in last.itertuples())
    text = (
        f"Predictors proposed what to evaluate in {generations - off} of {generations} generations; in the last one "
        f"they ranked {run.facts().noun}s that they had not seen at a tau of {taus}."
    )
    if off:
        text += f" In {off} they ranked no better than chance, and evolution continued without them."
    return text


def predictor_rows(run: RunFolder) -> pd.DataFrame:
    """A few rows of :func:`predictor_table` for people, evenly chosen, with texts in place of numbers."""
    table = predictor_table(run)
    chosen = sorted({round(index * (len(table) - 1) / (FEW - 1)) for index in range(FEW)}) if len(table) > FEW else None
    table = table if chosen is None else table.iloc[chosen]
    nouns = f"{run.facts().noun}s"
    proposed = ["" if pd.isna(tau) else f"{tau:.2f}" for tau in table["proposed_tau"].astype(float)]
    return pd.DataFrame(
        {
            "generation": table["generation"].astype(str),
            "target": table["target"],
            nouns: table["evaluations"].astype(str),
            "predictor": table["predictor"],
            f"tau, {nouns} left out": [f"{tau:.2f}" for tau in table["tau"]],
            f"tau, {nouns} proposed": proposed,
            "used": ["yes" if used else "no" for used in table["is_used"]],
        }
    )
